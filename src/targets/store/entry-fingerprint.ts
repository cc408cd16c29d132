import type { Secret } from '../../model/secret.ts';

type Fingerprint = (...parts: readonly (string | Uint8Array)[]) => string;

/**
 * Keyed fingerprint of an entry's content: the name of the fleet's fingerprint key, then an HMAC over path, keys and
 * values. With the path inside, two entries that hold the same value do not show it.
 */
export function entryFingerprint(fingerprint: Fingerprint, path: string, data: ReadonlyMap<string, Secret>): string {
  const sorted = [...data].sort(([one], [other]) => (one < other ? -1 : 1));
  const parts = sorted.flatMap(([key, value]) => [key, value.expose()]);
  return `${keyName(fingerprint)}.${fingerprint('entry', path, ...parts)}`;
}

/**
 * Compares an entry's content with the fingerprint in its metadata. `unknown`: made with a key that was lost since, or
 * never made, so nothing can be said.
 */
export function compareContent(
  fingerprint: Fingerprint,
  stored: string | undefined,
  path: string,
  data: ReadonlyMap<string, Secret>,
): 'same' | 'different' | 'unknown' {
  if (stored?.split('.')[0] !== keyName(fingerprint)) {
    return 'unknown';
  }
  return stored === entryFingerprint(fingerprint, path, data) ? 'same' : 'different';
}

function keyName(fingerprint: Fingerprint): string {
  return fingerprint('keywright fingerprint key').slice(0, 16);
}
