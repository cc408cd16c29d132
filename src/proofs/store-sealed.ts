import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { broken, held, type Measurer, unknown } from './measurer.ts';
import type { StoreSealedSpec } from './proofs.spec.ts';

/** First line of an encrypted file (age, version 1). */
const ageHeader = 'age-encryption.org/v1\n';

/** Files beside the shards that hold no secret, whatever the store holds. */
const holdsNothing = /^(store\.json(\.tmp|\.creating|\.creating\.tmp)?|\.gitignore(\..*\.tmp)?)$/;

/** Everything in a file store's folder is encrypted, and nobody but its owner can read the key. */
export const storeSealedMeasurer: Measurer<StoreSealedSpec> = async (spec, tools) => {
  const folder = resolve(tools.run.folder, spec.folder);
  const identity = resolve(tools.run.folder, spec.identityFile);
  let names: string[];
  try {
    names = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((each) => !each.isDirectory())
      .map((each) => relative(folder, join(each.parentPath, each.name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return broken(`there is no folder ${spec.folder}`, 'keywright apply');
    }
    throw error;
  }
  const plain: string[] = [];
  let sealed = 0;
  for (const name of names) {
    const path = join(folder, name);
    const kind = holdsNothing.test(name) || path === identity ? 'nothing' : await kindOf(path);
    sealed += kind === 'sealed' ? 1 : 0;
    if (kind === 'plain') {
      plain.push(name);
    }
  }
  if (plain.length > 0) {
    return broken(
      `${spec.folder} holds files that are not encrypted: ${plain.sort().join(', ')}`,
      `look what they are, then move them away: ${join(spec.folder, plain[0] as string)}`,
    );
  }
  return keyVerdict(spec, identity, sealed);
};

async function keyVerdict(spec: StoreSealedSpec, identity: string, sealed: number) {
  let stat;
  try {
    stat = await lstat(identity);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return broken(`its key ${spec.identityFile} is not there`, `put it back: ${spec.identityFile}`);
    }
    throw error;
  }
  if (!stat.isFile()) {
    return broken(`its key ${spec.identityFile} is not a file`, `put the file back: ${spec.identityFile}`);
  }
  const mode = stat.mode & 0o7777;
  const shown = mode.toString(8).padStart(4, '0');
  if ((mode & 0o077) !== 0) {
    return broken(
      `its key ${spec.identityFile} has mode ${shown}: others may read it`,
      `chmod 600 ${spec.identityFile}`,
    );
  }
  const own = process.geteuid?.();
  if (own !== undefined && stat.uid !== own) {
    return own === 0
      ? broken(`its key ${spec.identityFile} belongs to account ${stat.uid}`, `chown 0 ${spec.identityFile}`)
      : unknown(`its key ${spec.identityFile} belongs to account ${stat.uid}, we are ${own}`);
  }
  return held(`${sealed} encrypted files in ${spec.folder}; key ${spec.identityFile} ${shown}, of account ${stat.uid}`);
}

/** An empty file, such as a lock, holds nothing; so does one that went away since we looked, as temporary files do. */
async function kindOf(path: string): Promise<'sealed' | 'plain' | 'nothing'> {
  try {
    const stat = await lstat(path);
    if (!stat.isFile()) {
      return 'plain';
    }
    if (stat.size === 0) {
      return 'nothing';
    }
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const start = Buffer.alloc(ageHeader.length);
      await handle.read(start, 0, start.length, 0);
      return start.toString('latin1') === ageHeader ? 'sealed' : 'plain';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return 'nothing';
    }
    throw error;
  }
}
