import { constants, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that is being written whole has this at the end of its name; one left by a dead process is written over. */
export const temporarySuffix = '.tmp';

/**
 * Writes a whole file, 0600, so that at every moment either the old or the new content is there, on the disk itself once
 * the promise is fulfilled: temporary file in the same folder, fsync, rename, fsync of the folder. Two writers of one
 * path must exclude each other, or name temporary files of their own.
 */
export async function writeWhole(
  path: string,
  content: Uint8Array | string,
  temporary = path + temporarySuffix,
): Promise<void> {
  try {
    await writeSynced(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Renames one thing in its folder, on the disk itself once the promise is fulfilled. */
export async function renameSynced(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** Makes a folder's entries (names that came and went) last over a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder, 0700, and what is missing above it. Answers whether this one was made. */
export async function makeFolder(folder: string): Promise<boolean> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) {
    return false;
  }
  for (let made = folder; made.length >= first.length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
  return true;
}

async function writeSynced(path: string, content: Uint8Array | string): Promise<void> {
  const { O_CREAT, O_TRUNC, O_WRONLY, O_NOFOLLOW } = constants;
  const handle = await open(path, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
