import { Failure } from '../../model/failure.ts';
import type { StoredEntry } from './entries.ts';
import { writeHead } from './head-file.ts';
import type { StoreHead } from './head.ts';
import { grownShards, shardOf, wantsGrowth } from './placement.ts';
import { encodedSize } from './shard.ts';
import type { Shard } from './shard.ts';
import type { OpenStore } from './open-store.ts';

/*
 * Growth from n shards to m, in an order in which each step leaves a store that reads right:
 *
 * 1. the new shards n … m-1 are written, each with the entries that will be its own. store.json still says n: nobody
 *    looks at them.
 * 2. store.json says m, growing. From here on the new shards count; the old ones still hold copies of what moved, which
 *    nobody looks at either, because their hash says another shard.
 * 3. each old shard is written again without them, and store.json no longer says growing.
 *
 * A process killed in 1 leaves files above the count (`sweepLeftovers`), one killed in 3 leaves `growing`, and the next
 * writer goes on there.
 */

/** Grows the store when the shards just written, of these sizes, are too large. Only for who holds the lock. */
export async function growIfLarge(store: OpenStore, head: StoreHead, writtenSizes: readonly number[]): Promise<void> {
  const largest = Math.max(0, ...writtenSizes);
  if (head.growing || !wantsGrowth(head.shards, largest, Number.POSITIVE_INFINITY)) {
    return;
  }
  try {
    if (wantsGrowth(head.shards, largest, await totalSize(store, head))) {
      await finishGrowth(store, await beginGrowth(store, head));
    }
  } catch (error) {
    // What was to be written is written. A store that cannot grow now (a damaged shard, a full disk) goes on with large
    // shards, and the next large write tries again.
    if (!(error instanceof Failure)) {
      throw error;
    }
  }
}

/**
 * Takes copies of moved entries out of the old shards. A shard that cannot be read stays as it is, and the store stays
 * `growing`: the others must remain writable.
 */
export async function finishGrowth(store: OpenStore, head: StoreHead): Promise<StoreHead> {
  const counters = [...head.counters];
  let growing = false;
  for (let index = 0; index < head.shards; index++) {
    try {
      const shard = await store.files.load(head, index);
      if (shard.shards < head.shards) {
        const own = {
          ...shard,
          shards: head.shards,
          counter: shard.counter + 1,
          entries: ownEntries(shard, head.shards),
        };
        await store.files.write(own, head.recipients);
        counters[index] = own.counter;
      }
    } catch (error) {
      if (!(error instanceof Failure)) {
        throw error;
      }
      growing = true;
    }
  }
  const tidy = { ...head, counters, growing };
  await writeHead(store.store, store.identity, tidy);
  return tidy;
}

/** The entries of a shard that are its own among `shards`. */
export function ownEntries(shard: Shard, shards: number): ReadonlyMap<string, StoredEntry> {
  return shard.shards === shards
    ? shard.entries
    : new Map([...shard.entries].filter(([path]) => shardOf(path, shards) === shard.index));
}

async function beginGrowth(store: OpenStore, head: StoreHead): Promise<StoreHead> {
  const parents: Shard[] = [];
  const sizes = new Map<string, number>();
  for (let index = 0; index < head.shards; index++) {
    const shard = await store.files.load(head, index);
    store.files.checkHeadIsNew(head, shard);
    parents.push(shard);
    for (const [path, entry] of shard.entries) {
      sizes.set(path, encodedSize(path, entry));
    }
  }
  const shards = grownShards(head.shards, sizes);
  if (shards === head.shards) {
    return head;
  }
  const counters = parents.map((parent) => parent.counter);
  const moved = Map.groupBy(
    parents.flatMap((parent) => [...parent.entries]),
    ([path]) => shardOf(path, shards),
  );
  for (let index = head.shards; index < shards; index++) {
    const parent = parents[index % head.shards];
    if (parent === undefined) {
      throw new Error(`shard ${index} has no parent`);
    }
    // Its parent's counter, so that what an interrupted growth left under this name can never pass for newer.
    counters.push(parent.counter);
    await store.files.write({ ...parent, index, shards, entries: new Map(moved.get(index)) }, head.recipients);
  }
  const grown = { ...head, shards, counters, growing: true };
  await writeHead(store.store, store.identity, grown);
  return grown;
}

async function totalSize(store: OpenStore, head: StoreHead): Promise<number> {
  let total = 0;
  for (let index = 0; index < head.shards; index++) {
    total += await store.files.size(index);
  }
  return total;
}
