import { childrenOf, DerError, expectTag, readObjectIdentifier, readText, tags } from './der.ts';
import type { DerValue } from './der.ts';

/** A name of X.500, as it stands in the subject and issuer of certificates. */
export interface DistinguishedName {
  /** RFC 2253, the last part first, as `openssl x509 -nameopt RFC2253` and `clientname=DN` of PostgreSQL write it. */
  readonly text: string;
  /** Equal for names that are equal to a verifier: case and runs of blanks do not count (RFC 5280, 7.1). */
  readonly comparable: string;
  /** The first common name, which PostgreSQL compares with the role. */
  readonly commonName?: string;
  /** As it stands: an issuer's name is copied byte for byte, since some verifiers compare it so. */
  readonly der: Uint8Array;
}

const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.42': 'GN',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

const commonNameType = '2.5.4.3';

/** Reads a Name. Throws a DerError when it is none. */
export function readDistinguishedName(value: DerValue): DistinguishedName {
  expectTag(value, tags.sequence, 'a name');
  const parts = childrenOf(value).map((set) =>
    childrenOf(expectTag(set, tags.set, 'a part of a name')).map((attribute) => {
      const [type, text] = childrenOf(expectTag(attribute, tags.sequence, 'an attribute of a name'));
      if (type === undefined || text === undefined) {
        throw new DerError('an attribute of a name is incomplete');
      }
      return { type: readObjectIdentifier(type), text: readText(text) };
    }),
  );
  return {
    der: value.whole,
    text: parts
      .toReversed()
      .map((set) => set.map(({ type, text }) => `${shortNames[type] ?? type}=${escaped(text)}`).join('+'))
      .join(','),
    comparable: JSON.stringify(parts.map((set) => set.map(({ type, text }) => [type, folded(text)]).sort(inOrder))),
    commonName: parts.flat().find(({ type }) => type === commonNameType)?.text,
  };
}

function folded(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toLowerCase();
}

/** RFC 2253, 2.4; bytes beyond ASCII and control characters in hexadecimal, as OpenSSL does. */
function escaped(text: string): string {
  return text
    .replace(/[,+"\\<>;]/g, '\\$&')
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ')
    .replace(/[^\u0020-\u007e]+/gu, (run) =>
      [...Buffer.from(run)].map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}

function inOrder([leftType, leftText]: readonly string[], [rightType, rightText]: readonly string[]): number {
  const left = `${leftType} ${leftText}`;
  const right = `${rightType} ${rightText}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
