import type { Environment } from '../model/environment.ts';
import { formatDuration } from '../model/duration.ts';
import { Failure } from '../model/failure.ts';
import type { Certificate } from './certificate.ts';

/** How far clocks may be apart: certificates and revocation lists begin to be valid that much before they are made. */
export const clockSkewMilliseconds = 5 * 60_000;

/** The last second that a certificate can name (RFC 5280, 4.1.2.5). */
const lastInstant = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * When a new certificate is valid: from five minutes ago until `ttl` from now, in whole seconds, never beyond its
 * issuer. Throws Failures `validity-impossible` and `issuer-expired`.
 */
export function validity(
  ttlMilliseconds: number,
  environment: Pick<Environment, 'now'>,
  issuer?: Certificate,
): { notBefore: Date; notAfter: Date } {
  const now = environment.now().getTime();
  if (issuer !== undefined && issuer.notAfter.getTime() <= now) {
    throw new Failure({
      code: 'issuer-expired',
      message: `${issuer.subject.text} expired on ${issuer.notAfter.toISOString()}`,
      why: 'nothing that it signs now would be accepted',
      remedy: 'Rotate the authority.',
    });
  }
  const end = Math.min(now + ttlMilliseconds, issuer?.notAfter.getTime() ?? Infinity);
  if (!(ttlMilliseconds >= 1000) || end > lastInstant) {
    throw new Failure({
      code: 'validity-impossible',
      message: `a certificate cannot be valid for ${formatDuration(ttlMilliseconds)} from ${new Date(now).toISOString()}`,
      why: 'it counts in whole seconds and ends in the year 9999',
      remedy: 'Choose a ttl between 1s and some centuries.',
    });
  }
  return { notBefore: wholeSeconds(now - clockSkewMilliseconds), notAfter: wholeSeconds(end) };
}

export function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}

/** 128 random bits as a positive number, hex without leading zero bytes (RFC 5280, 4.1.2.2). */
export function newSerial(environment: Pick<Environment, 'randomBytes'>): string {
  const serial = Buffer.from(environment.randomBytes(16))
    .toString('hex')
    .replace(/^(00)+/, '');
  if (serial === '') {
    throw new Error('the source of randomness gave nothing but zeros');
  }
  return serial;
}
