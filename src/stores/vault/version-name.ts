import { createHash } from 'node:crypto';

/**
 * Names a version of an entry: its number, and a few digits of when it was written. An entry that was destroyed and
 * written again counts from 1 again, and its versions must not be taken for the old ones.
 */
export function versionName(number: number, createdTime: string): string {
  return `${number}-${createHash('sha256').update(createdTime).digest('hex').slice(0, 6)}`;
}

/** The number in a version's name; undefined for a name of another store. */
export function versionNumber(name: string): number | undefined {
  const match = /^([1-9]\d{0,14})-[\da-f]{6}$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
