import { constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What a name in a delivered folder is. */
export type Item =
  | { readonly type: 'file'; readonly mode: number; readonly uid: number; readonly gid: number; readonly links: number }
  | { readonly type: 'folder'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly type: 'link'; readonly target: string; readonly uid: number; readonly gid: number }
  | { readonly type: 'other' };

/** Everything in a folder and below it, by relative path; `.` is the folder itself. Undefined: nothing is there. */
export async function readTree(folder: string): Promise<ReadonlyMap<string, Item> | undefined> {
  const top = await itemAt(folder);
  if (top === undefined) {
    return undefined;
  }
  const items = new Map<string, Item>([['.', top]]);
  const walk = async (path: string, prefix: string): Promise<void> => {
    for (const name of (await readdir(path)).sort()) {
      const item = await itemAt(join(path, name));
      if (item !== undefined) {
        items.set(prefix + name, item);
      }
      if (item?.type === 'folder') {
        await walk(join(path, name), `${prefix}${name}/`);
      }
    }
  };
  if (top.type === 'folder') {
    await walk(folder, '');
  }
  return items;
}

async function itemAt(path: string): Promise<Item | undefined> {
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
    return stat.isFile() ? { type: 'file', mode, uid, gid, links: stat.nlink } : { type: 'other' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** Content of a file that is no link. */
export async function readPlainFile(path: string): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** The generation that `..data` leads to, when it leads to one in this folder. */
export function currentGeneration(tree: ReadonlyMap<string, Item>): string | undefined {
  const data = tree.get('..data');
  return data?.type === 'link' && isGeneration(data.target) && tree.get(data.target)?.type === 'folder'
    ? data.target
    : undefined;
}

/** Layout of a Kubernetes volume: two dots, a time, a random end. */
export function isGeneration(name: string): boolean {
  return /^\.\.\d[\d_]+\.[^/]+$/.test(name);
}

/** Relative paths of the files of one generation, without its own name. */
export function filesOf(tree: ReadonlyMap<string, Item>, generation: string): string[] {
  const prefix = `${generation}/`;
  return [...tree.keys()].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
}
