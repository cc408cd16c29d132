import { chmod, chown, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { findAccount, isRoot } from '../process/account.ts';
import type { Account } from '../process/account.ts';
import type { LocalSite } from '../process/local-site.ts';
import { firstUnreachable } from '../process/reachable.ts';
import type { FileOwner } from './inspect.ts';
import { firstLinkBelow, lookAt } from './look.ts';
import { systemFailure } from './system-failure.ts';

/** Where a delivered folder is, and whose its files are. */
export interface Place {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Its parts below the site's directory. */
  readonly parts: readonly string[];
  readonly owner: FileOwner;
  /** Who reads the files, when that is not the account that runs Keywright. */
  readonly reader?: Account;
}

/**
 * Finds the folder below the site's directory. Throws a Failure when its path leads out of there, through a link, or when
 * there is no such account. `user` counts only for root, who alone can give files away.
 */
export async function placeOf(
  site: LocalSite,
  relative: string,
  user: string | undefined,
  id: ResourceId,
): Promise<Place> {
  const parts = relative.split('/');
  if (parts.some((part) => part === '' || part === '.' || part.startsWith('..') || part.includes('\0'))) {
    throw new Failure({
      code: 'folder-outside-site',
      message: `${JSON.stringify(relative)} is no folder below the directory of site ${site.name}`,
      object: id,
    });
  }
  const folder = join(site.directory, ...parts);
  const link = await firstLinkBelow(site.directory, parts);
  if (link !== undefined) {
    throw new Failure({
      code: 'folder-not-ours',
      message: `${link} is not a folder, so nothing is delivered through it`,
      object: id,
      why: 'a link there would lead secrets out of the site, or Keywright into somebody else’s files',
      remedy: `look who put it there, then remove it: rm ${link}`,
    });
  }
  const reader = isRoot() && user !== undefined ? await accountNamed(user, id) : undefined;
  const owner = { uid: reader?.uid ?? process.geteuid?.() ?? 0, gid: reader?.gid ?? process.getegid?.() ?? 0 };
  return { folder, parts, owner, reader };
}

/**
 * Makes the folders above a delivered one, and lets its reader pass: folders below the fleet's own that root closed to
 * others are opened for passing through, not for looking. Throws a Failure when the reader still cannot reach it.
 */
export async function makeWay(site: LocalSite, place: Place, fleetFolder: string, id: ResourceId): Promise<void> {
  const mode = place.reader === undefined ? 0o700 : 0o711;
  await makeFolder(site.directory, mode);
  for (let depth = 1; depth < place.parts.length; depth++) {
    const path = join(site.directory, ...place.parts.slice(0, depth));
    await makeFolder(path, mode);
    if (isRoot()) {
      await requireOurs(path, id);
    }
  }
  if (place.reader !== undefined) {
    await openFor(place.reader, dirname(place.folder), fleetFolder, id);
  }
}

async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    if ((await lookAt(path)).type !== 'nothing') {
      return;
    }
    if ((await lookAt(dirname(path))).type === 'nothing') {
      await makeFolder(dirname(path), mode);
    }
    await mkdir(path, { mode }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
    });
    await chmod(path, mode);
  } catch (error) {
    throw systemFailure(path, error);
  }
}

/** Root works only where nobody else can exchange a folder for a link between two steps. */
async function requireOurs(path: string, id: ResourceId): Promise<void> {
  const { uid, mode } = await stat(path);
  if (uid !== 0) {
    // Made by an earlier run as a user: root takes it over, once.
    await chown(path, 0, 0);
  }
  if ((mode & 0o022) !== 0) {
    throw new Failure({
      code: 'folder-unsafe',
      message: `${path} can be written to by others`,
      object: id,
      why: 'whoever may write there could lead root’s files elsewhere',
      remedy: `chmod go-w ${path}`,
    });
  }
}

async function openFor(reader: Account, path: string, fleetFolder: string, id: ResourceId): Promise<void> {
  for (;;) {
    const closed = await firstUnreachable(path, reader);
    if (closed === undefined) {
      return;
    }
    const info = await stat(closed);
    if (!closed.startsWith(`${fleetFolder}/`) || info.uid !== 0) {
      throw new Failure({
        code: 'folder-unreachable',
        message: `account ${reader.name} cannot reach ${path}: ${closed} is closed to it`,
        object: id,
        why: 'the consumer could not read what is delivered to it',
        remedy: `chmod a+x ${closed}, or set \`directory\` of the site to a folder that ${reader.name} can reach`,
      });
    }
    await chmod(closed, (info.mode & 0o7777) | 0o011);
    if ((await firstUnreachable(path, reader)) === closed) {
      throw new Failure({
        code: 'folder-unreachable',
        message: `${closed} stays closed to ${reader.name}`,
        object: id,
      });
    }
  }
}

async function accountNamed(user: string, id: ResourceId): Promise<Account> {
  const account = await findAccount(user);
  if (account === undefined) {
    throw new Failure({
      code: 'account-missing',
      message: `there is no account ${user} on this machine to deliver to`,
      object: id,
      remedy: 'create it, or name another one in `directory: { user: … }` of the consumer',
    });
  }
  return account;
}
