import { durationMilliseconds } from '../model/duration.ts';

/** Milliseconds of a duration of a loaded fleet. Throws a RangeError when the text is none, which loading rules out. */
export function milliseconds(text: string): number {
  const value = durationMilliseconds(text);
  if (value === undefined) {
    throw new RangeError(`not a duration: ${text}`);
  }
  return value;
}
