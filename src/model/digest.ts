import { createHash } from 'node:crypto';

/**
 * One text for one value, whatever the order of its keys: object keys sorted, undefined fields left out. Maps, Sets,
 * Dates, bigints and byte arrays have a spelling of their own; a Secret shows `[secret]`, so a digest never rests on one.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value)) ?? 'null';
}

/** SHA-256 of the canonical JSON, hex. Use it to compare specs and what was seen, never for secret values. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function canonical(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return { $bigint: value.toString() };
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(canonical);
  }
  if (value instanceof Date) {
    return { $date: value.toISOString() };
  }
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value).toString('hex') };
  }
  if (value instanceof Map) {
    return { $map: sortedBy([...value].map(([key, inner]) => [canonicalJson(key), canonical(inner)])) };
  }
  if (value instanceof Set) {
    return { $set: [...value].map(canonicalJson).sort() };
  }
  const plain = value as { toJSON?: () => unknown };
  if (typeof plain.toJSON === 'function') {
    return plain.toJSON();
  }
  return Object.fromEntries(
    sortedBy(
      Object.entries(value)
        .filter(([, inner]) => inner !== undefined)
        .map(([key, inner]) => [key, canonical(inner)]),
    ),
  );
}

function sortedBy(entries: [string, unknown][]): [string, unknown][] {
  return entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}
