import { randomBytes } from 'node:crypto';
import type { Environment } from '../../src/model/environment.ts';

/** A clock that stands still, and real randomness unless a source is given. */
export function environmentAt(
  now: Date | string,
  random: (length: number) => Uint8Array = (length) => randomBytes(length),
): Environment {
  return { now: () => new Date(now), randomBytes: random };
}
