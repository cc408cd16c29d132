import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';

/** As PostgreSQL's own default (`scram_iterations`); RFC 7677 asks for at least this. */
const iterations = 4096;
const saltLength = 16;
const digestLength = 32;

/**
 * What PostgreSQL keeps of a password, computed here so that the password never reaches the server, its log or
 * pg_stat_activity. A verifier that is not exactly of the right form would be taken for a password and hashed again, so
 * the form is checked before it leaves. RFC 5802 with SHA-256 (RFC 7677).
 */
export async function scramVerifier(password: Secret, randomBytes: (length: number) => Uint8Array): Promise<string> {
  return verifierWith(password, randomBytes(saltLength), iterations);
}

/** Whether a stored verifier belongs to this password. False too when it is no SCRAM-SHA-256 verifier. */
export async function verifierBelongsTo(verifier: string, password: Secret): Promise<boolean> {
  const parsed = parseVerifier(verifier);
  return parsed !== undefined && (await verifierWith(password, parsed.salt, parsed.iterations)) === verifier;
}

/** SHA-256 of a verifier, hex: what the inventory may hold of a password. */
export function verifierFingerprint(verifier: string): string {
  return createHash('sha256').update(verifier, 'utf8').digest('hex');
}

async function verifierWith(password: Secret, salt: Uint8Array, rounds: number): Promise<string> {
  const prepared = await prepare(password);
  const salted = await promisify(pbkdf2)(prepared, salt, rounds, digestLength, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  const verifier = `SCRAM-SHA-256$${rounds}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
  if (parseVerifier(verifier) === undefined) {
    throw new Error('a SCRAM verifier came out malformed');
  }
  return verifier;
}

const form = /^SCRAM-SHA-256\$([1-9]\d{0,8}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/;

interface ParsedVerifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
}

function parseVerifier(verifier: string): ParsedVerifier | undefined {
  const [, rounds, salt] = form.exec(verifier) ?? [];
  if (rounds === undefined || salt === undefined) {
    return undefined;
  }
  const bytes = Buffer.from(salt, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === salt
    ? { iterations: Number(rounds), salt: bytes }
    : undefined;
}

const printableAscii = /^[\x20-\x7e]+$/;

/**
 * SASLprep (RFC 4013), which clients apply before they log in. A password that it cannot prepare is used as it is, as
 * PostgreSQL and libpq do. Throws a Failure for an empty one: PostgreSQL would take the password away instead.
 */
async function prepare(password: Secret): Promise<string> {
  const text = password.expose();
  if (text === '') {
    throw new Failure({
      code: 'password-empty',
      message: 'the password is empty',
      why: 'PostgreSQL takes an empty password for none',
      remedy: 'put another one into the store: keywright secret put',
    });
  }
  return printableAscii.test(text) ? text : saslprepared(text);
}

async function saslprepared(text: string): Promise<string> {
  // Its tables are large; generated passwords never need them.
  const { default: saslprep } = await import('saslprep');
  try {
    return saslprep(text) || text;
  } catch {
    return text;
  }
}
