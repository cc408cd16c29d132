import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from '../../model/failure.ts';
import type { Account } from './account.ts';

/**
 * Writes a file whole or not at all: a temporary file in the same folder, synced, renamed over, the folder synced. It
 * belongs to the account (undefined: us); mode 0600 unless told.
 */
export async function writeOwnedFile(
  path: string,
  content: string | Uint8Array,
  account: Account | undefined,
  mode = 0o600,
): Promise<void> {
  const fresh = `${path}.${randomBytes(4).toString('hex')}.new`;
  try {
    const file = await open(fresh, 'wx', mode);
    try {
      await file.writeFile(content);
      // The mode of `open` passes through the umask.
      await file.chmod(mode);
      if (account !== undefined) {
        await file.chown(account.uid, account.gid);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw unwritable(path, error);
  }
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes a folder with owner and mode, and its missing parents with 0755 whatever the umask. Existing ones stay as they
 * are, so it is made under another name first: one that a killed run left without its owner would stay so for ever.
 */
export async function makeOwnedFolder(path: string, mode: number, account: Account | undefined): Promise<void> {
  // Renaming replaces a folder that is still empty, under the hands of whoever just began to use it.
  const others = underway.get(path);
  if (others !== undefined) {
    return others;
  }
  const making = makeOnce(path, mode, account).finally(() => underway.delete(path));
  underway.set(path, making);
  return making;
}

/** Folders that are being made, by path. */
const underway = new Map<string, Promise<void>>();

async function makeOnce(path: string, mode: number, account: Account | undefined): Promise<void> {
  try {
    if (await exists(path)) {
      return;
    }
    const fresh = await makeFolderBeside(path);
    try {
      await chmod(fresh, mode);
      if (account !== undefined) {
        await chown(fresh, account.uid, account.gid);
      }
      await rename(fresh, path);
    } catch (error) {
      await rm(fresh, { recursive: true, force: true });
      // Somebody else made it meanwhile, and put something in.
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) {
        throw error;
      }
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}

/**
 * A new empty folder of mode 0700 beside `path`, to be filled and then renamed to it; missing parents are made with 0755.
 */
export async function makeFolderBeside(path: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    await makeOwnedFolder(dirname(path), 0o755, undefined);
    try {
      return await mkdtemp(join(dirname(path), `.${basename(path)}-`));
    } catch (error) {
      // Another Keywright may take an empty parent away, or put another one in its place, between two steps.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 5) {
        throw error;
      }
    }
  }
}

/** Whether a path is there. Throws when that cannot be told, for example below a folder that we may not enter. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') {
      return false;
    }
    throw unwritable(path, error);
  }
}

/** Text of a file, undefined when it is not there. Throws when it cannot be read. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof Failure || code === undefined) {
    return error;
  }
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new Failure({
    code: denied ? 'folder-unreachable' : 'file-error',
    message: `${path}: ${sentences[code] ?? code}`,
    object: path,
    why: denied ? 'the account that runs Keywright may not go there' : undefined,
    remedy: denied ? 'give this account the right, or set `directory` of the site to a folder of its own' : undefined,
    cause: error,
  });
}

const sentences: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'something else is there already',
  ENOTDIR: 'a part of this path is not a folder',
  EISDIR: 'this is a folder',
};
