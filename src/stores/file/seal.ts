import { hkdfSync, timingSafeEqual } from 'node:crypto';
import { Secret } from '../../model/secret.ts';
import { keyedFingerprint } from '../fingerprint.ts';

/**
 * The key that seals what a store consists of. Encryption by age does not tell who encrypted: whoever knows the public
 * recipient can make a shard that decrypts. So each shard, and store.json, carries an HMAC whose key comes from the
 * identity (HKDF, RFC 5869), and only a holder of the identity can make one.
 */
export function sealingKey(identity: Secret, storeId: string): Secret {
  const key = hkdfSync('sha256', identity.expose(), storeId, 'keywright file store seal', 32);
  return new Secret(Buffer.from(key).toString('hex'));
}

/** The seal over some parts, the first of which says what they are. */
export function sealOf(key: Secret, parts: readonly string[]): string {
  return keyedFingerprint(key, parts);
}

/** Whether a seal is the one over these parts, without telling by time how near it came. */
export function sealHolds(key: Secret, parts: readonly string[], seal: string): boolean {
  const expected = Buffer.from(sealOf(key, parts));
  const given = Buffer.from(seal);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
