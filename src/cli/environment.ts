import { randomBytes } from 'node:crypto';
import type { Environment } from '../model/environment.ts';

/** The real clock and the system's randomness. */
export const systemEnvironment: Environment = {
  now: () => new Date(),
  randomBytes: (length) => randomBytes(length),
};
