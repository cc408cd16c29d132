import type { Environment } from '../../model/environment.ts';

const first = 50;
const longest = 2000;

/**
 * Milliseconds to wait before attempt `attempt` (1 is the first repetition): doubling up to two seconds, at random
 * between half and all of it, so that many clients do not come back in step.
 */
export function backoffMilliseconds(attempt: number, environment: Environment): number {
  const ceiling = Math.min(longest, first * 2 ** (attempt - 1));
  const [high = 0, low = 0] = environment.randomBytes(2);
  return Math.round((ceiling / 2) * (1 + (high * 256 + low) / 65_536));
}

/** Milliseconds that a `Retry-After` header asks for: seconds, or a date; undefined when there is none to understand. */
export function retryAfterMilliseconds(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) {
    return undefined;
  }
  const seconds = Number(header);
  const milliseconds = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now.getTime();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}
