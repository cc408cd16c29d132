import { randomUUID } from 'node:crypto';
import { link, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../../model/failure.ts';
import type { Environment } from '../../model/environment.ts';
import { newIdentity } from './age.ts';
import { makeFolder, renameSynced, syncFolder, temporarySuffix, writeWhole } from './durable-file.ts';
import { storeMissing, systemCode, unwritable } from './failures.ts';
import type { StoreName } from './failures.ts';
import { headPath, readHead } from './head-file.ts';
import { encodeHead } from './head.ts';
import type { StoreHead } from './head.ts';
import { identityText } from './identity.ts';
import { withFileLock } from './lock.ts';
import { lockPath } from './open-store.ts';
import { sealingKey } from './seal.ts';
import { ShardFiles } from './shard-files.ts';
import { creatingPath, situationOf } from './situation.ts';

/*
 * A store and its key are made in an order in which a kill at any moment leaves either nothing that counts, or something
 * that the next run finishes:
 *
 * 1. store.json.creating and the first, empty shard, both made with a key that only this process has;
 * 2. the key, under its final name from one moment to the next;
 * 3. store.json.creating becomes store.json.
 *
 * Before 2 the next run begins anew; after 2 it goes on with 3. The store is handed out after 3 only.
 */

/** Makes a store and its key, or goes on where a killed process stopped. Answers whether it was made here. */
export async function createStore(
  store: StoreName,
  options: {
    readonly environment: Environment;
    readonly lockTimeout: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<boolean> {
  try {
    await makeKeyFolder(dirname(store.identityFile));
    await makeFolder(store.folder);
    const lock = { timeout: options.lockTimeout, signal: options.signal };
    return await withFileLock(lockPath(store), store.name, lock, () => createLocked(store, options.environment));
  } catch (error) {
    throw systemCode(error) === undefined || error instanceof Failure
      ? error
      : unwritable(store.name, store.folder, error);
  }
}

async function createLocked(store: StoreName, environment: Environment): Promise<boolean> {
  const found = await situationOf(store);
  if (found.state === 'whole') {
    return false;
  }
  if (found.state === 'creating' && found.identity !== undefined) {
    await finishCreation(store, await ownHead(store, found.identity));
  } else {
    await removeUnusedKeys(store);
    await finishCreation(store, await makeKeyAndHead(store, environment));
  }
  return true;
}

async function makeKeyAndHead(store: StoreName, environment: Environment): Promise<StoreHead> {
  const { identity, recipient } = await newIdentity();
  const id = Buffer.from(environment.randomBytes(16)).toString('hex');
  const head: StoreHead = { id, recipients: [recipient], shards: 1, counters: [1], growing: false };
  await writeWhole(creatingPath(store), encodeHead(head, sealingKey(identity, id)));
  await makeFolder(`${store.folder}/shards`);
  const empty = { store: id, index: 0, shards: 1, counter: 1, entries: new Map() };
  await new ShardFiles(store, identity, id).write(empty, head.recipients);
  const unused = unusedKeyPath(store, head);
  await writeWhole(unused, identityText(identity, recipient, environment.now()).expose());
  await publish(store, unused);
  return head;
}

async function finishCreation(store: StoreName, head: StoreHead): Promise<void> {
  await rm(unusedKeyPath(store, head), { force: true });
  await syncFolder(dirname(store.identityFile));
  await renameSynced(creatingPath(store), headPath(store));
}

/** The head that was being made with this very key; where it is another's, the key belongs to a store that is gone. */
async function ownHead(store: StoreName, identity: Parameters<typeof readHead>[1]): Promise<StoreHead> {
  try {
    return await readHead(store, identity, creatingPath(store));
  } catch (error) {
    throw error instanceof Failure && error.code !== 'store-unreadable' ? storeMissing(store) : error;
  }
}

/** Under its final name only if that is free: another store may be made with the same identityFile at this moment. */
async function publish(store: StoreName, unused: string): Promise<void> {
  try {
    await link(unused, store.identityFile);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') {
      await rm(unused, { force: true });
      await rm(creatingPath(store), { force: true });
      await rm(`${store.folder}/shards`, { recursive: true, force: true });
      throw storeMissing(store);
    }
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') {
      throw error;
    }
    // A file system without hard links; a name that was free a moment ago has to do.
    await rename(unused, store.identityFile);
  }
  await syncFolder(dirname(store.identityFile));
}

/** Keys that a killed process made and nobody ever used. */
async function removeUnusedKeys(store: StoreName): Promise<void> {
  const folder = dirname(store.identityFile);
  const prefix = `${store.identityFile.slice(folder.length).replace(/^\/+/, '')}.unused-`;
  for (const name of await readdir(folder)) {
    if (name.startsWith(prefix)) {
      await rm(`${folder}/${name}`, { force: true });
    }
  }
}

function unusedKeyPath({ identityFile }: StoreName, { id }: StoreHead): string {
  return `${identityFile}.unused-${id}`;
}

/** Makes the folder of the key; one that is new (still empty) is kept out of Git before anything is in it. */
async function makeKeyFolder(folder: string): Promise<void> {
  await makeFolder(folder);
  const names = await readdir(folder);
  if (names.every((name) => name.endsWith(temporarySuffix))) {
    await writeWhole(`${folder}/.gitignore`, '*\n', `${folder}/.gitignore.${randomUUID()}${temporarySuffix}`);
  }
}
