import { readdir, rm } from 'node:fs/promises';
import { asError } from '../../model/failure.ts';
import { temporarySuffix } from './durable-file.ts';
import type { Stamp, StoredEntry } from './entries.ts';
import { unwritable } from './failures.ts';
import { finishGrowth, growIfLarge, ownEntries } from './growth.ts';
import { readHeadAgain, writeHead } from './head-file.ts';
import type { StoreHead } from './head.ts';
import { withFileLock } from './lock.ts';
import { lockPath } from './open-store.ts';
import type { OpenStore } from './open-store.ts';
import { shardFileIndex, shardOf } from './placement.ts';
import type { Shard } from './shard.ts';

/** A change of one entry. It answers the same entry when nothing is to change, undefined when the entry is to go. */
export interface Edit<T> {
  readonly path: string;
  readonly apply: (entry: StoredEntry | undefined, stamp: Stamp) => Edited<T>;
}

export interface Edited<T> {
  readonly entry: StoredEntry | undefined;
  readonly result: T;
}

/**
 * Carries out edits under one lock, each touched shard written once. Answers one result or error per edit, in their
 * order; an error never touches edits in other shards, one thrown by `apply` no other edit at all.
 */
export async function mutate<T>(store: OpenStore, edits: readonly Edit<T>[]): Promise<readonly (T | Error)[]> {
  const options = { timeout: store.lockTimeout, signal: store.signal };
  return withFileLock(lockPath(store.store), store.store.name, options, async () => {
    const found = await readHeadAgain(store.store, store.identity, store.id);
    const head = found.growing ? await finishGrowth(store, found) : found;
    const batch = new Batch<T>(store, head, edits);
    for (const [index, group] of Map.groupBy(edits.keys(), (at) => shardOf(edits[at]?.path ?? '', head.shards))) {
      await batch.change(index, group);
    }
    return batch.finish();
  });
}

class Batch<T> {
  readonly #store: OpenStore;
  readonly #head: StoreHead;
  readonly #edits: readonly Edit<T>[];
  readonly #results: (T | Error)[] = [];
  readonly #counters: number[];
  readonly #changed: number[] = [];
  readonly #sizes: number[] = [];

  constructor(store: OpenStore, head: StoreHead, edits: readonly Edit<T>[]) {
    this.#store = store;
    this.#head = head;
    this.#edits = edits;
    this.#counters = [...head.counters];
  }

  /** Carries out the edits at these positions, all of them in one shard. */
  async change(index: number, positions: readonly number[]): Promise<void> {
    try {
      this.#store.signal?.throwIfAborted();
      const shard = await this.#store.files.load(this.#head, index);
      this.#store.files.checkHeadIsNew(this.#head, shard);
      await sweepLeftovers(this.#store, this.#head, index);
      const entries = new Map(ownEntries(shard, this.#head.shards));
      const changed = positions.filter((at) => this.#apply(at, entries));
      if (changed.length > 0) {
        await this.#write({ ...shard, shards: this.#head.shards, counter: shard.counter + 1, entries });
        this.#changed.push(...changed);
      }
    } catch (error) {
      this.#fail(positions, error);
    }
  }

  /** Makes it last: until the counters are in store.json, nothing is acknowledged. */
  async finish(): Promise<readonly (T | Error)[]> {
    if (this.#sizes.length > 0) {
      const head = { ...this.#head, counters: this.#counters };
      try {
        await writeHead(this.#store.store, this.#store.identity, head);
      } catch (error) {
        this.#fail(this.#changed, error);
        return this.#results;
      }
      await growIfLarge(this.#store, head, this.#sizes);
    }
    return this.#results;
  }

  #apply(at: number, entries: Map<string, StoredEntry>): boolean {
    const edit = this.#edits[at];
    if (edit === undefined) {
      return false;
    }
    const before = entries.get(edit.path);
    try {
      const { entry, result } = edit.apply(before, this.#stamp());
      this.#results[at] = result;
      if (entry === undefined) {
        entries.delete(edit.path);
      } else {
        entries.set(edit.path, entry);
      }
      return entry !== before;
    } catch (error) {
      this.#results[at] = asError(error);
      return false;
    }
  }

  /** An edit that was refused keeps its own error. */
  #fail(positions: readonly number[], error: unknown): void {
    for (const at of positions) {
      if (!(this.#results[at] instanceof Error)) {
        this.#results[at] = asError(error);
      }
    }
  }

  async #write(shard: Shard): Promise<void> {
    this.#sizes.push(await this.#store.files.write(shard, this.#head.recipients));
    this.#counters[shard.index] = shard.counter;
  }

  #stamp(): Stamp {
    const { environment } = this.#store;
    return {
      writtenAt: environment.now().toISOString(),
      suffix: Buffer.from(environment.randomBytes(4)).toString('hex'),
    };
  }
}

/**
 * Removes what a killed writer left of a shard: a temporary file, and above the count what an interrupted growth wrote.
 * Later writes would write over them, but until then they hold values that may be destroyed meanwhile.
 */
async function sweepLeftovers({ store }: OpenStore, { shards }: StoreHead, index: number): Promise<void> {
  const folder = `${store.folder}/shards`;
  try {
    for (const name of await readdir(folder)) {
      const temporary = name.endsWith(temporarySuffix);
      const found = shardFileIndex(temporary ? name.slice(0, -temporarySuffix.length) : name);
      if (found !== undefined && (temporary || found >= shards) && found % shards === index) {
        await rm(`${folder}/${name}`, { force: true });
      }
    }
  } catch (error) {
    throw unwritable(store.name, folder, error);
  }
}
