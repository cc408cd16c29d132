import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Failure } from '../model/failure.ts';
import { hasEnded, ownIdentity } from '../engine/process-identity.ts';
import type { ProcessIdentity } from '../engine/process-identity.ts';

/** Who keeps a fleet on this machine: the `up` in the foreground. */
export interface Keeper extends ProcessIdentity {
  readonly fleet: string;
  /** ISO 8601. */
  readonly since: string;
  /** `up --once`: it proves and ends. */
  readonly once: boolean;
}

function keeperPath(folder: string): string {
  return join(folder, '.keywright', 'keeper.json');
}

/** The keeper of the fleet in a folder, if one is running. */
export async function readKeeper(folder: string): Promise<Keeper | undefined> {
  const keeper = parseKeeper(await readFile(keeperPath(folder), 'utf8').catch(() => ''));
  return keeper === undefined || hasEnded(keeper) ? undefined : keeper;
}

/**
 * Becomes the keeper. Throws the Failure `already-kept` that names the running one.
 *
 * @returns a function that gives the place up
 */
export async function becomeKeeper(
  folder: string,
  keeper: Pick<Keeper, 'fleet' | 'since' | 'once'>,
): Promise<() => Promise<void>> {
  const path = keeperPath(folder);
  const text = JSON.stringify({ ...ownIdentity(), ...keeper });
  await mkdir(join(folder, '.keywright'), { recursive: true, mode: 0o700 });
  const own = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(own, 'wx', 0o600);
  await file.writeFile(text);
  await file.close();
  try {
    while (!(await linked(own, path))) {
      const running = await readKeeper(folder);
      if (running !== undefined) {
        throw alreadyKept(running);
      }
      await takeAway(path);
    }
  } finally {
    await rm(own, { force: true });
  }
  return async () => {
    if ((await readFile(path, 'utf8').catch(() => '')) === text) {
      await rm(path, { force: true });
    }
  };
}

/** Creates the name for a finished file, so that nobody ever reads half of one. False: there is one already. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

/** Takes the file of an ended keeper away; one that a third process put there meanwhile is put back. */
async function takeAway(path: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return;
    }
    throw error;
  }
  const taken = parseKeeper(await readFile(aside, 'utf8').catch(() => ''));
  if (taken !== undefined && !hasEnded(taken)) {
    await linked(aside, path);
  }
  await rm(aside, { force: true });
}

function parseKeeper(text: string): Keeper | undefined {
  try {
    const keeper = JSON.parse(text) as Keeper;
    return typeof keeper.pid === 'number' && typeof keeper.host === 'string' ? keeper : undefined;
  } catch {
    return undefined;
  }
}

export function alreadyKept(keeper: Keeper): Failure {
  return new Failure({
    code: 'already-kept',
    message: `fleet ${keeper.fleet} is up already: process ${keeper.pid} keeps it since ${keeper.since}`,
    object: keeper.fleet,
    remedy: 'see it: keywright status; stop it: Ctrl+C there, or keywright down',
  });
}
