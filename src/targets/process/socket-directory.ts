import { chmod, chown, lstat, mkdir, rm } from 'node:fs/promises';
import { Failure } from '../../model/failure.ts';
import { isRoot } from './account.ts';
import type { ServerFolder } from './server-folder.ts';

/**
 * Makes the folder of the server's socket, 0700, owned by its account (root may enter all the same). Everybody may make
 * names in /tmp, so what is there already is looked at: whoever owned the folder could take the server's place.
 */
export async function makeSocketDirectory(server: ServerFolder): Promise<void> {
  const path = server.socketDirectory;
  const fresh = await mkdir(path, { mode: 0o700 }).then(
    () => true,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
      return false;
    },
  );
  if (fresh) {
    await makeOwner(server);
  }
  const stat = await lstat(path);
  const owner = server.account?.uid ?? process.getuid?.();
  if (stat.isDirectory() && stat.uid === 0 && isRoot() && owner !== 0) {
    // Killed between making it and giving it away.
    await makeOwner(server);
  } else if (!stat.isDirectory() || stat.uid !== owner || (stat.mode & 0o077) !== 0) {
    throw new Failure({
      code: 'socket-directory-foreign',
      message: `${path}, where the socket of ${server.name} goes, belongs to somebody else`,
      object: server.name,
      why: 'whoever owns it could answer in the place of the server',
      remedy: `look at it, then remove it: rm -r ${path}`,
    });
  }
}

export async function removeSocketDirectory(server: ServerFolder): Promise<void> {
  const stat = await lstat(server.socketDirectory).catch(() => undefined);
  if (stat !== undefined && stat.uid === (server.account?.uid ?? process.getuid?.())) {
    await rm(server.socketDirectory, { recursive: true, force: true });
  }
}

async function makeOwner(server: ServerFolder): Promise<void> {
  await chmod(server.socketDirectory, 0o700);
  if (server.account !== undefined) {
    await chown(server.socketDirectory, server.account.uid, server.account.gid);
  }
}
