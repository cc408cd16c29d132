import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Account } from './account.ts';

/**
 * The uppermost folder above (and including) `path` that the account may not enter, undefined when it can reach all that
 * exists. Judged by mode bits, as a server started without supplementary groups meets them.
 */
export async function firstUnreachable(path: string, account: Account): Promise<string | undefined> {
  const parents: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    parents.unshift(folder);
    if (folder === dirname(folder)) {
      break;
    }
  }
  for (const folder of parents) {
    try {
      const { uid, gid, mode } = await stat(folder);
      const execute = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
      if (account.uid !== 0 && (mode & execute) === 0) {
        return folder;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return undefined;
      }
      return folder;
    }
  }
  return undefined;
}
