import { createHmac } from 'node:crypto';
import type { Secret } from '../model/secret.ts';

/**
 * HMAC-SHA-256 over a list of parts, as 64 hexadecimal digits. Each part is preceded by its length (8 bytes, big-endian),
 * so that two different lists never meet in one input: `['ab', 'c']` and `['a', 'bc']` differ. A string stands for its
 * UTF-8 bytes. Who does not hold the key can neither compute a fingerprint nor guess a value from it.
 */
export function keyedFingerprint(key: Secret, parts: readonly (string | Uint8Array)[]): string {
  const hmac = createHmac('sha256', key.expose());
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes.byteLength));
    hmac.update(length).update(bytes);
  }
  return hmac.digest('hex');
}
