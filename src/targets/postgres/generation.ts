import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from '../process/account.ts';
import { makeOwnedFolder, syncFolder, writeOwnedFile } from '../process/owned-file.ts';

/** Content of the files of one generation, by name. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

const current = '..data';

/**
 * Puts files into a folder that readers find whole at every moment: a new directory `..<generation>`, then one rename of
 * the link `..data`; `<name> → ..data/<name>`. Certificate and key thus change together. Everything belongs to the
 * account (undefined: us), directories 0700 and files 0600. The generation before stays. Returns its name.
 */
export async function writeGeneration(
  folder: string,
  files: Files,
  account: Account | undefined,
  now: Date,
): Promise<string | undefined> {
  await makeOwnedFolder(folder, 0o700, account);
  const previous = await currentGeneration(folder);
  const stamp = now.toISOString().replaceAll(/[-:]/g, '_').replace('Z', '');
  const generation = `..${stamp}.${randomBytes(3).toString('hex')}`;
  const path = join(folder, generation);
  await mkdir(path, { mode: 0o700 });
  await chmod(path, 0o700);
  if (account !== undefined) {
    await chown(path, account.uid, account.gid);
  }
  for (const [name, content] of files) {
    await writeOwnedFile(join(path, name), content, account);
  }
  await flip(folder, generation);
  for (const name of files.keys()) {
    await linkTo(join(folder, name), join(current, name));
  }
  await prune(folder, files, [generation, previous]);
  await syncFolder(folder);
  return previous;
}

/** Goes back to an earlier generation. */
export async function flipBack(folder: string, generation: string): Promise<void> {
  await flip(folder, generation);
  await syncFolder(folder);
}

/** Name of the generation that readers see; undefined when there is none. */
async function currentGeneration(folder: string): Promise<string | undefined> {
  return readlink(join(folder, current)).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return undefined;
    }
    throw error;
  });
}

export interface SeenFile {
  readonly name: string;
  readonly content: Buffer;
  readonly mode: number;
  readonly uid: number;
}

/** The files as a reader finds them, through the links; undefined when the folder is not there. Sorted by name. */
export async function readGeneration(
  folder: string,
  names: readonly string[],
): Promise<readonly SeenFile[] | undefined> {
  if ((await currentGeneration(folder)) === undefined) {
    return undefined;
  }
  const files = await Promise.all(
    [...names].sort().map(async (name): Promise<SeenFile[]> => {
      const path = join(folder, name);
      try {
        const [content, { mode, uid }] = await Promise.all([readFile(path), stat(path)]);
        return [{ name, content, mode: mode & 0o777, uid }];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
          return [];
        }
        throw error;
      }
    }),
  );
  return files.flat();
}

/** Parts of a fingerprint that a changed content, mode or owner of any file changes. */
export function fingerprintParts(files: readonly SeenFile[]): (string | Uint8Array)[] {
  return files.flatMap(({ name, content, mode, uid }) => [name, content, mode.toString(8), String(uid)]);
}

async function flip(folder: string, generation: string): Promise<void> {
  await linkTo(join(folder, current), generation);
}

async function linkTo(path: string, target: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) {
    return;
  }
  const fresh = `${path}.${randomBytes(3).toString('hex')}.new`;
  await symlink(target, fresh);
  const inTheWay = await lstat(path).catch(() => undefined);
  if (inTheWay?.isDirectory() === true) {
    await rm(path, { recursive: true });
  }
  await rename(fresh, path);
}

/** Removes what is neither a file of this generation nor one of the generations to keep. */
async function prune(folder: string, files: Files, generations: readonly (string | undefined)[]): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (entry !== current && !files.has(entry) && !generations.includes(entry)) {
      await rm(join(folder, entry), { recursive: true, force: true });
    }
  }
}
