import { readdir, stat } from 'node:fs/promises';
import type { Secret } from '../../model/secret.ts';
import { headMissing, keyMissing, storeMissing, systemCode, unreadable } from './failures.ts';
import type { StoreName } from './failures.ts';
import { headPath } from './head-file.ts';
import { readIdentity } from './identity.ts';
import { shardFileIndex } from './placement.ts';

/** Path of `store.json` while a store is being made: it is renamed at the very end, when all else is in place. */
export function creatingPath(store: StoreName): string {
  return `${headPath(store)}.creating`;
}

/** What is on the disk of a store and its key. */
export type Situation =
  | { readonly state: 'none' }
  /** Somebody is making it, or was killed while making it; it has never held anything. */
  | { readonly state: 'creating'; readonly identity: Secret | undefined }
  | { readonly state: 'whole'; readonly identity: Secret }
  | { readonly state: 'noKey' | 'noStore' | 'noHead' };

/** Looks without a lock. Throws a Failure when store and key do not belong together. */
export async function situationOf(
  store: StoreName,
): Promise<Exclude<Situation, { state: 'noKey' | 'noStore' | 'noHead' }>> {
  const first = await look(store);
  // What looks broken at first may be in the making: a store that is made passes this point only once.
  const seen =
    first.state === 'noKey' || first.state === 'noStore' || first.state === 'noHead' ? await look(store) : first;
  switch (seen.state) {
    case 'noKey':
      throw keyMissing(store);
    case 'noStore':
      throw storeMissing(store);
    case 'noHead':
      throw headMissing(store);
    default:
      return seen;
  }
}

/** In this order, because a key appears after store.json.creating, and that is renamed to store.json. */
async function look(store: StoreName): Promise<Situation> {
  const identity = await readIdentity(store);
  const creating = await exists(store, creatingPath(store));
  if (await exists(store, headPath(store))) {
    return identity === undefined ? { state: 'noKey' } : { state: 'whole', identity };
  }
  if (creating) {
    return { state: 'creating', identity };
  }
  if (await hasShards(store)) {
    return { state: 'noHead' };
  }
  return identity === undefined ? { state: 'none' } : { state: 'noStore' };
}

async function hasShards(store: StoreName): Promise<boolean> {
  const folder = `${store.folder}/shards`;
  try {
    return (await readdir(folder)).some((name) => shardFileIndex(name) !== undefined);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return false;
    }
    throw unreadable(store.name, folder, error);
  }
}

async function exists(store: StoreName, path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return false;
    }
    throw unreadable(store.name, path, error);
  }
}
