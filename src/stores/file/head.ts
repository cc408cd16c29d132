import type { Secret } from '../../model/secret.ts';
import { sealHolds, sealOf } from './seal.ts';

const format = 'keywright-file-store/1';

/**
 * What `store.json` holds: nothing secret, but sealed, so that nobody without the identity can add a recipient or turn a
 * counter back.
 */
export interface StoreHead {
  readonly id: string;
  /** To whom each shard is encrypted. */
  readonly recipients: readonly string[];
  /** How many shards there are, a power of two. */
  readonly shards: number;
  /** For each shard the least counter that it may have: an older copy of it is noticed. */
  readonly counters: readonly number[];
  /** The number of shards was raised, and old shards may still hold copies of what has moved. */
  readonly growing: boolean;
}

export type DecodedHead =
  | { readonly state: 'head'; readonly head: StoreHead }
  | { readonly state: 'newer' }
  | { readonly state: 'damaged' }
  /** Well formed, but sealed with another identity, or changed after it was sealed. */
  | { readonly state: 'unsealed'; readonly recipients: readonly string[] };

/** The text of store.json, one line a field so that a change reads well. */
export function encodeHead(head: StoreHead, key: Secret): string {
  const { id, recipients, shards, counters, growing } = head;
  const seal = sealOf(key, sealedParts(head));
  const fields = Object.entries({ format, id, recipients, shards, counters, growing, seal });
  return `{\n${fields.map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(',\n')}\n}\n`;
}

/** Reads store.json; `keyFor` gives the sealing key for the store id that it finds. */
export function decodeHead(text: string, keyFor: (storeId: string) => Secret): DecodedHead {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return { state: 'damaged' };
  }
  if (!isRecord(fields)) {
    return { state: 'damaged' };
  }
  if (fields.format !== format) {
    return { state: String(fields.format).startsWith('keywright-file-store/') ? 'newer' : 'damaged' };
  }
  const head = headOf(fields);
  if (head === undefined || typeof fields.seal !== 'string') {
    return { state: 'damaged' };
  }
  return sealHolds(keyFor(head.id), sealedParts(head), fields.seal)
    ? { state: 'head', head }
    : { state: 'unsealed', recipients: head.recipients };
}

function headOf({ id, recipients, shards, counters, growing }: Record<string, unknown>): StoreHead | undefined {
  if (typeof id !== 'string' || typeof growing !== 'boolean' || !isCount(shards) || !isPowerOfTwo(shards)) {
    return undefined;
  }
  const whole = isListOf(recipients, (each) => typeof each === 'string') && isListOf(counters, isCount);
  return whole && recipients.length > 0 && counters.length === shards
    ? { id, recipients, shards, counters, growing }
    : undefined;
}

function sealedParts({ id, recipients, shards, counters, growing }: StoreHead): readonly string[] {
  return ['head', format, JSON.stringify([id, recipients, shards, counters, growing])];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf<T>(value: unknown, is: (each: unknown) => each is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isPowerOfTwo(value: number): boolean {
  return value <= 65_536 && (value & (value - 1)) === 0;
}
