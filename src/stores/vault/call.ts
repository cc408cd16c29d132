import type { Secret } from '../../model/secret.ts';
import type { Reply } from './reply.ts';

/** One call of the API. */
export interface VaultCall {
  readonly method: 'GET' | 'LIST' | 'SCAN' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Without `/v1/`, not encoded: `secret/data/apps/orders`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Plain data; Secrets in it are exposed when it is sent. */
  readonly body?: unknown;
  /** Instead of the client's; `''` addresses the root namespace, where health, seal and raft live. */
  readonly namespace?: string;
  /** Instead of the login's token; null sends none. */
  readonly token?: Secret | null;
  /** Asks for a response-wrapped answer, for example `60s`. */
  readonly wrapTtl?: string;
  /**
   * `safe`: doing it twice ends as doing it once, so it is repeated after a lost answer. Reads are; for a write the
   * caller says so (a policy written whole, a check-and-set).
   */
  readonly repeat?: 'safe' | 'never';
  /** Statuses beside 2xx that the caller makes sense of itself, for example 404. */
  readonly accept?: readonly number[];
  /** Milliseconds for one attempt. */
  readonly timeout?: number;
  /** Milliseconds after which a failing call is not repeated any more. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

export type Ask = (call: VaultCall) => Promise<Reply>;

export function isRepeatable(call: VaultCall): boolean {
  const reads = call.method === 'GET' || call.method === 'LIST' || call.method === 'SCAN';
  return call.repeat === undefined ? reads : call.repeat === 'safe';
}
