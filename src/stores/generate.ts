import { Secret } from '../model/secret.ts';

/** How a generated value is spelled: the number counts random bytes, for `password` characters. */
export type GeneratorChoice =
  | { readonly hex: number }
  | { readonly base64: number }
  | { readonly base64url: number }
  | { readonly password: number };

/**
 * What passwords are made of: letters and digits without those that people confuse (0 O o, 1 I l), and the symbols that
 * stand for themselves in a URL (RFC 3986, section 2.3, "unreserved"). 60 characters, 5.9 bits each.
 */
export const passwordAlphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789-._~';

const largest = 65_536;

/**
 * A new value from handed-in randomness. `base64` is padded, `base64url` is not (RFC 4648, sections 4 and 5).
 * Throws a RangeError when the number is not a whole number from 1 to 65536.
 */
export function generateValue(choice: GeneratorChoice, randomBytes: (length: number) => Uint8Array): Secret {
  if ('password' in choice) {
    return new Secret(password(whole(choice.password), randomBytes));
  }
  if ('hex' in choice) {
    return new Secret(Buffer.from(randomBytes(whole(choice.hex))).toString('hex'));
  }
  if ('base64' in choice) {
    return new Secret(Buffer.from(randomBytes(whole(choice.base64))).toString('base64'));
  }
  return new Secret(Buffer.from(randomBytes(whole(choice.base64url))).toString('base64url'));
}

function password(length: number, randomBytes: (length: number) => Uint8Array): string {
  // Bytes from the last, incomplete run of the alphabet are thrown away: with them, its first characters would come
  // more often than the others.
  const accepted = 256 - (256 % passwordAlphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < accepted && text.length < length) {
        text += passwordAlphabet[byte % passwordAlphabet.length];
      }
    }
  }
  return text;
}

function whole(size: number): number {
  if (!Number.isInteger(size) || size < 1 || size > largest) {
    throw new RangeError(`a generated value takes a whole number from 1 to ${largest}, not ${size}`);
  }
  return size;
}
