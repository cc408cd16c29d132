import { constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemFailure } from './system-failure.ts';

/** Largest file that is read back: nothing that is delivered comes near it. */
const largest = 4 * 1024 * 1024;

/** What lies at a path, without following a link and without waiting for anything. */
export type Thing =
  | {
      readonly type: 'file';
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly content: Uint8Array;
      readonly links: number;
    }
  | { readonly type: 'folder'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly type: 'link'; readonly target: string; readonly uid: number; readonly gid: number }
  | { readonly type: 'other' }
  | { readonly type: 'nothing' };

/** Looks at one path. Throws a Failure when the system does not let us. */
export async function lookAt(path: string): Promise<Thing> {
  try {
    const stat = await lstat(path);
    const { uid, gid } = stat;
    const mode = stat.mode & 0o7777;
    if (stat.isSymbolicLink()) {
      return { type: 'link', target: await readlink(path), uid, gid };
    }
    if (stat.isDirectory()) {
      return { type: 'folder', mode, uid, gid };
    }
    return stat.isFile() ? await readOwn(path, { mode, uid, gid, links: stat.nlink }) : { type: 'other' };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return { type: 'nothing' };
    }
    // Somebody exchanged it for a link since we looked.
    if (code === 'ELOOP') {
      return { type: 'other' };
    }
    throw systemFailure(path, error);
  }
}

/** Names in a folder, sorted; none when there is no such folder, or its mode keeps us out, which is a fault of its own. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') {
      return [];
    }
    throw systemFailure(path, error);
  }
}

async function readOwn(
  path: string,
  facts: { readonly mode: number; readonly uid: number; readonly gid: number; readonly links: number },
): Promise<Thing> {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      // Its mode keeps us out: a fault that is told by the mode.
      return { type: 'file', ...facts, content: new Uint8Array() };
    }
    throw error;
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) {
      return { type: 'other' };
    }
    const content = stat.size > largest ? new Uint8Array() : await handle.readFile();
    const { uid, gid, nlink } = stat;
    return { type: 'file', mode: stat.mode & 0o7777, uid, gid, content, links: nlink };
  } finally {
    await handle.close();
  }
}

/** The thing is reached through real folders only, from `base` (which may be a link) down to the last name. */
export async function firstLinkBelow(base: string, names: readonly string[]): Promise<string | undefined> {
  let path = base;
  for (const name of names) {
    path = join(path, name);
    const thing = await lookAt(path);
    if (thing.type === 'nothing') {
      return undefined;
    }
    if (thing.type !== 'folder') {
      return path;
    }
  }
  return undefined;
}
