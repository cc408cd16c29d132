import { Failure } from '../model/failure.ts';

/** One block of a PEM file (RFC 7468). */
export interface PemBlock {
  /** What stands after BEGIN, for example `CERTIFICATE`. */
  readonly label: string;
  readonly der: Uint8Array;
}

/** As strict as OpenSSL: markers alone on their lines, no blank line between them. */
const block = /^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n((?:[A-Za-z0-9+/=]+[ \t]*\r?\n)+)-----END \1-----[ \t]*\r?$/gm;

/**
 * Takes a PEM file apart, in order. Text between the blocks is passed over, as OpenSSL does.
 *
 * Throws a Failure `pem-unreadable` when a block is damaged: PostgreSQL refuses a whole file for one bad block.
 */
export function splitPem(text: string, what = 'PEM text'): PemBlock[] {
  const blocks = [...text.matchAll(block)].map((match) => ({
    label: match[1] ?? '',
    der: decoded((match[2] ?? '').replace(/\s/g, '')),
  }));
  const announced = text.match(/-----BEGIN /g)?.length ?? 0;
  if (announced !== blocks.length || blocks.some(({ der }) => der.length === 0)) {
    throw new Failure({
      code: 'pem-unreadable',
      message: `${what} has a damaged PEM block`,
      why: 'OpenSSL, and PostgreSQL with it, refuses the whole file for one damaged block',
      remedy: 'Write the file anew from its source.',
    });
  }
  return blocks;
}

/** Writes one block: lines of 64 characters, a newline at the end. */
export function formatPem({ label, der }: PemBlock): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Empty when the text is no whole base64. */
function decoded(base64: string): Uint8Array {
  const wellFormed = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  return wellFormed ? new Uint8Array(Buffer.from(base64, 'base64')) : new Uint8Array();
}
