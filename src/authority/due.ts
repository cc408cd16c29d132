import { createHash } from 'node:crypto';
import { clockSkewMilliseconds } from './validity.ts';

export interface RenewalTerms {
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly renewBeforeMilliseconds: number;
}

/**
 * When a certificate is to be renewed: `renewBefore` ahead of its end, or up to a tenth of that earlier, so that
 * certificates issued together are not all renewed at once. The same seed (an id and a serial, say) always gives the
 * same instant. Never in the first third of its life: a leaf that was cut short by the end of its CA would otherwise
 * be due again as soon as it is made.
 */
export function renewalTime(terms: RenewalTerms, jitterSeed: string): Date {
  const end = terms.notAfter.getTime();
  const made = Math.min(terms.notBefore.getTime() + clockSkewMilliseconds, end);
  const jitter = (terms.renewBeforeMilliseconds / 10) * fraction(jitterSeed);
  const earliest = made + (end - made) / 3;
  return new Date(Math.max(Math.floor(end - terms.renewBeforeMilliseconds - jitter), Math.ceil(earliest)));
}

/** Whether that instant has come. */
export function renewalDue(terms: RenewalTerms, now: Date, jitterSeed: string): boolean {
  return now >= renewalTime(terms, jitterSeed);
}

/** From 0 to almost 1. */
function fraction(seed: string): number {
  return createHash('sha256').update(seed).digest().readUInt32BE(0) / 2 ** 32;
}
