import { randomBytes } from 'node:crypto';
import { lchown, chmod, lstat, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes a folder that another account may write to, without following anything that it puts there: the folder is moved
 * into `trash`, which that account cannot change, taken from it, and only then emptied. Nothing happens when it is gone.
 */
export async function removeFolder(path: string, trash: string, name: string): Promise<void> {
  const moved = join(trash, `..old-${name}-${randomBytes(4).toString('hex')}`);
  try {
    await rename(path, moved);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return;
    }
    throw error;
  }
  await removeTree(moved);
}

/** Removes whatever is at a path below a folder that only we can change. */
export async function removeTree(path: string): Promise<void> {
  const stat = await lstat(path);
  if (!stat.isDirectory()) {
    await unlink(path);
    return;
  }
  // From here on nobody else can put anything into it, so what is looked at stays what it is.
  if (process.getuid?.() === 0) {
    await lchown(path, 0, 0);
  }
  await chmod(path, 0o700);
  for (const name of await readdir(path)) {
    await removeTree(join(path, name));
  }
  await rmdir(path);
}
