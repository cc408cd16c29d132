/** Bytes that are not the DER they should be. Callers turn it into a Failure that names the object. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DerError';
  }
}

/** One value of ASN.1 in DER: what X.509 certificates and revocation lists are made of (ITU-T X.690). */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content: what a signature or a digest covers. */
  readonly whole: Uint8Array;
}

/** Tags that X.509 uses: universal ones, and those numbered by the surrounding structure. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  context: (number: number): number => 0x80 | number,
  contextConstructed: (number: number): number => 0xa0 | number,
} as const;

/** Reads the one value that fills `bytes`. Throws a DerError when something is missing or follows. */
export function readDer(bytes: Uint8Array): DerValue {
  const value = readAt(bytes, 0);
  if (value.whole.length !== bytes.length) {
    throw new DerError('bytes follow the value');
  }
  return value;
}

/** The values inside a SEQUENCE, SET or explicitly tagged value. */
export function childrenOf(value: DerValue): DerValue[] {
  const children: DerValue[] = [];
  for (let offset = 0; offset < value.content.length;) {
    const child = readAt(value.content, offset);
    children.push(child);
    offset += child.whole.length;
  }
  return children;
}

/** Insists on a tag. Throws a DerError that says what was expected. */
export function expectTag(value: DerValue | undefined, tag: number, what: string): DerValue {
  if (value?.tag !== tag) {
    throw new DerError(`${what} is missing or of another type`);
  }
  return value;
}

function readAt(bytes: Uint8Array, start: number): DerValue {
  const tag = byteAt(bytes, start);
  if ((tag & 0x1f) === 0x1f) {
    throw new DerError('a tag of more than one byte');
  }
  let length = byteAt(bytes, start + 1);
  let offset = start + 2;
  if (length >= 0x80) {
    const lengthBytes = length & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 4) {
      throw new DerError('a length that DER does not allow');
    }
    length = 0;
    for (let index = 0; index < lengthBytes; index++) {
      length = length * 256 + byteAt(bytes, offset++);
    }
  }
  const end = offset + length;
  if (end > bytes.length) {
    throw new DerError('the value ends too early');
  }
  return { tag, content: bytes.subarray(offset, end), whole: bytes.subarray(start, end) };
}

function byteAt(bytes: Uint8Array, offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined) {
    throw new DerError('the value ends too early');
  }
  return byte;
}

/** Dotted form of an OBJECT IDENTIFIER, for example `2.5.29.15`. */
export function readObjectIdentifier(value: DerValue): string {
  expectTag(value, tags.objectIdentifier, 'an object identifier');
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const first = arcs.shift() ?? 0;
  const top = Math.min(Math.floor(first / 40), 2);
  return [top, first - top * 40, ...arcs].join('.');
}

/** Lower-case hex of a non-negative INTEGER, whole bytes, without the sign byte: `00ff` is 255 and reads as `ff`. */
export function readIntegerHex(value: DerValue): string {
  expectTag(value, tags.integer, 'a number');
  const { content } = value;
  if (content.length === 0 || byteAt(content, 0) >= 0x80) {
    throw new DerError('a number is negative or empty');
  }
  const signByte = content.length > 1 && content[0] === 0 ? 1 : 0;
  return Buffer.from(content.subarray(signByte)).toString('hex');
}

/** A small non-negative INTEGER. */
export function readSmallInteger(value: DerValue): number {
  const number = Number.parseInt(readIntegerHex(value), 16);
  if (!Number.isSafeInteger(number)) {
    throw new DerError('a number is too large');
  }
  return number;
}

/** Positions of the bits that are set in a BIT STRING, the first bit being 0. */
export function readBits(value: DerValue): number[] {
  expectTag(value, tags.bitString, 'a bit string');
  const bits: number[] = [];
  value.content.subarray(1).forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) {
      if ((byte & (0x80 >> bit)) !== 0) {
        bits.push(index * 8 + bit);
      }
    }
  });
  return bits;
}

/** A UTCTime (two-digit years are 1950 to 2049) or GeneralizedTime in the form of RFC 5280, 4.1.2.5: seconds, `Z`. */
export function readTime(value: DerValue | undefined): Date {
  const text = value === undefined ? '' : Buffer.from(value.content).toString('latin1');
  let full = text;
  if (value?.tag === tags.utcTime) {
    full = (Number(text.slice(0, 2)) < 50 ? '20' : '19') + text;
  } else if (value?.tag !== tags.generalizedTime) {
    throw new DerError('a time is missing or of another type');
  }
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  const time = new Date(parts === null ? NaN : isoOf(parts));
  if (Number.isNaN(time.getTime())) {
    throw new DerError('a time that cannot be read');
  }
  return time;
}

function isoOf(parts: RegExpExecArray): string {
  const [, year, month, day, hour, minute, second] = parts;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

/** Text of a string type. BMPString is UTF-16 (big endian), UTF8String UTF-8, the others ASCII or Latin-1. */
export function readText(value: DerValue): string {
  const bytes = Buffer.from(value.content);
  if (value.tag === tags.utf8String) {
    return bytes.toString('utf8');
  }
  if (value.tag === tags.bmpString) {
    return (bytes.length % 2 === 0 ? bytes.swap16() : bytes).toString('utf16le');
  }
  return bytes.toString('latin1');
}

/** Writes one value; its content is the given parts in a row. */
export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  if (size > 0xffff) {
    throw new RangeError('longer than anything that is written here');
  }
  return Uint8Array.from([tag, ...length, ...content]);
}

/** DER of a non-negative INTEGER. */
export function writeInteger(number: number): Uint8Array {
  let hex = number.toString(16);
  hex = hex.padStart(hex.length + (hex.length % 2), '0');
  return writeDer(tags.integer, Buffer.from(/^[89a-f]/.test(hex) ? `00${hex}` : hex, 'hex'));
}
