import type { Client, ClientConfig } from 'pg';
import { causeOf } from '../model/failure.ts';
import type { Secret } from '../model/secret.ts';
import { type Endpoint, type EntryRef } from './proofs.spec.ts';
import { keyOf, known, type ProofTools } from './measurer.ts';

export interface LoginRequest {
  readonly endpoint: Endpoint;
  readonly user: string;
  readonly database: string;
  readonly password?: Secret;
  readonly certificate?: { readonly certificate: string; readonly key: Secret };
  /** Roots that the client trusts, PEM; undefined: a connection without TLS. */
  readonly trust?: string;
  /** Name that the certificate is verified for; default the endpoint's. */
  readonly host?: string;
}

export type LoginAnswer =
  | { readonly outcome: 'in'; readonly client: Client }
  /** The server, or our own verification of it, said no. */
  | { readonly outcome: 'refused'; readonly code: string; readonly message: string }
  | { readonly outcome: 'couldNotAsk'; readonly why: string };

/** The other side is not there, starting, stopping or full: no answer to the question that was asked. */
const noAnswer = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EACCES',
  'EMFILE',
  'EADDRNOTAVAIL',
  '57P01',
  '57P02',
  '57P03',
  '53300',
]);

/**
 * Logs in as a client would: over TLS 1.2 or newer with the name verified, or without TLS at all. Nothing comes from the
 * environment. The client is ended with the measurement.
 */
export async function login(request: LoginRequest, tools: ProofTools): Promise<LoginAnswer> {
  const { default: pg } = await import('pg');
  const client = new pg.Client(configOf(request));
  client.on('error', () => {});
  tools.after(async () => {
    await client.end();
  });
  const stop = (): void => {
    void client.end().catch(() => {});
  };
  tools.signal.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    return { outcome: 'in', client };
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    const message = causeOf(error);
    return noAnswer.has(code) ||
      (code === '' && /timeout|terminated unexpectedly/i.test(message)) ||
      code === 'ECONNRESET'
      ? { outcome: 'couldNotAsk', why: `${message} (${known(request.endpoint.host)}:${known(request.endpoint.port)})` }
      : { outcome: 'refused', code, message };
  } finally {
    tools.signal.removeEventListener('abort', stop);
  }
}

function configOf({ endpoint, user, database, password, certificate, trust, host }: LoginRequest): ClientConfig {
  return {
    host: known(endpoint.hostaddr),
    port: known(endpoint.port),
    user,
    database,
    // An empty text keeps the library from looking for PGPASSWORD or a pass file.
    password: password?.expose() ?? '',
    application_name: 'keywright verify',
    connectionTimeoutMillis: 10_000,
    options: '-c statement_timeout=10s -c lock_timeout=2s',
    ssl:
      trust === undefined
        ? false
        : {
            ca: trust,
            servername: host ?? known(endpoint.host),
            rejectUnauthorized: true,
            cert: certificate?.certificate,
            key: certificate?.key.expose(),
          },
  };
}

/** The roots that an entry holds, PEM. */
export async function trustOf(bundle: EntryRef, tools: ProofTools): Promise<string> {
  return keyOf(await tools.entry(bundle), 'ca.crt', bundle).expose();
}

/** `host:port`, as a person would type it. */
export function addressOf(endpoint: Endpoint): string {
  return `${known(endpoint.host)}:${known(endpoint.port)}`;
}
