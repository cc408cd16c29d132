import type { StoredEntry } from './entries.ts';
import { ownEntries } from './growth.ts';
import { readHeadAgain } from './head-file.ts';
import type { StoreHead } from './head.ts';
import type { OpenStore } from './open-store.ts';
import { shardOf } from './placement.ts';

/** What was found for each path: its entry (undefined: there is none), or why its shard cannot be read. */
export type Found = ReadonlyMap<string, { readonly entry: StoredEntry | undefined } | Error>;

/**
 * Reads without a lock. Files are replaced whole, and `store.json` is read before the shards: a shard can only be newer
 * than it, and where the store grew in between, the reading begins again.
 */
export async function find(store: OpenStore, paths: readonly string[]): Promise<Found> {
  return withHead(store, async (head) => {
    const found = new Map<string, { readonly entry: StoredEntry | undefined } | Error>();
    for (const [index, group] of byShard(paths, head.shards)) {
      try {
        const entries = await entriesOf(store, head, index);
        group.forEach((path) => found.set(path, { entry: entries.get(path) }));
      } catch (error) {
        if (!(error instanceof Error) || error instanceof HeadIsOld) {
          throw error;
        }
        group.forEach((path) => found.set(path, error));
      }
    }
    return found;
  });
}

/** All entries of the store, sorted by path. Throws when one shard cannot be read: a part would look like the whole. */
export async function findAll(store: OpenStore): Promise<readonly (readonly [string, StoredEntry])[]> {
  return withHead(store, async (head) => {
    const all: (readonly [string, StoredEntry])[] = [];
    for (let index = 0; index < head.shards; index++) {
      for (const found of await entriesOf(store, head, index)) {
        all.push(found);
      }
    }
    return all.toSorted(([a], [b]) => (a < b ? -1 : 1));
  });
}

/** Paths grouped by the shard that holds them. */
function byShard(paths: readonly string[], shards: number): ReadonlyMap<number, readonly string[]> {
  return Map.groupBy(paths, (path) => shardOf(path, shards));
}

class HeadIsOld extends Error {}

async function withHead<T>(store: OpenStore, read: (head: StoreHead) => Promise<T>): Promise<T> {
  store.signal?.throwIfAborted();
  let head = await readHeadAgain(store.store, store.identity, store.id);
  for (;;) {
    try {
      return await read(head);
    } catch (error) {
      if (!(error instanceof HeadIsOld)) {
        throw error;
      }
    }
    const newer = await readHeadAgain(store.store, store.identity, store.id);
    if (newer.shards === head.shards) {
      // Nobody grew the store: this store.json is an old copy, and the shard that shows it is named.
      await checkShards(store, newer);
    }
    head = newer;
  }
}

async function entriesOf(store: OpenStore, head: StoreHead, index: number): Promise<ReadonlyMap<string, StoredEntry>> {
  const shard = await store.files.load(head, index);
  if (shard.shards > head.shards) {
    throw new HeadIsOld();
  }
  return ownEntries(shard, head.shards);
}

async function checkShards(store: OpenStore, head: StoreHead): Promise<void> {
  for (let index = 0; index < head.shards; index++) {
    const shard = await store.files.load(head, index);
    store.files.checkHeadIsNew(head, shard);
  }
}
