import { asError, Failure, causeOf } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';
import type { ResourceId } from '../model/ids.ts';
import { CheckAndSetConflict } from '../stores/backend.ts';
import type { SecretEntry } from '../stores/backend.ts';
import { homePath } from './home.ts';
import type { Home } from './home.ts';
import type { InventoryRecord } from './interfaces.ts';
import { childrenOf, decodeShard, encodeShard, rootShard, shardBits, shardOf } from './inventory-shard.ts';
import type { Shard } from './inventory-shard.ts';

export interface InventoryChange {
  readonly put?: readonly InventoryRecord[];
  readonly remove?: readonly ResourceId[];
}

export interface InventoryOptions {
  /** Largest shard in characters; a larger one is split in two. */
  readonly maximumShard?: number;
  /** Id of the fleet's fingerprint key; undefined when there is none yet. */
  readonly key?: string;
}

interface Waiting {
  readonly change: InventoryChange;
  readonly urgent: boolean;
  readonly done: (error?: Error) => void;
}

interface LoadedShard {
  /** Undefined: not written yet. */
  version: string | undefined;
  readonly records: Map<ResourceId, InventoryRecord>;
}

const valueName = 'records';
const largestShard = 512 * 1024;

/**
 * What a fleet has made, as records without secret values, in a few shards in the fleet's home. Every write of a shard
 * repeats check-and-set against what this run has read: a run that lost its lock cannot overwrite another's records.
 */
export class Inventory {
  readonly #home: Home | undefined;
  readonly #maximum: number;
  readonly #shards: Map<string, LoadedShard>;
  #key: string;
  #waiting: Waiting[] = [];
  #writing = false;
  #resting: NodeJS.Timeout | undefined;
  /** When what may wait is written, on the clock of `performance`. */
  #restUntil = 0;
  /** Some fingerprints were made with a key that is lost: those records have none now. */
  readonly forgotten: number;
  /** Number of writes so far, one per shard. */
  writes = 0;

  private constructor(
    home: Home | undefined,
    shards: Map<string, LoadedShard>,
    options: InventoryOptions,
    forgotten: number,
  ) {
    this.#home = home;
    this.#shards = shards;
    this.#maximum = options.maximumShard ?? largestShard;
    this.#key = options.key ?? '';
    this.forgotten = forgotten;
  }

  /** An inventory of a fleet whose home is not made yet. It cannot be written. */
  static empty(): Inventory {
    return new Inventory(undefined, new Map(), {}, 0);
  }

  /** Reads all shards. Throws a Failure that names a damaged one, or the store that did not answer. */
  static async load(home: Home, options: InventoryOptions = {}): Promise<Inventory> {
    const shards = new Map<string, LoadedShard>();
    let forgotten = 0;
    // Found from the root on, without listing: a store may hold very much that is not ours.
    for (let names: readonly string[] = [rootShard]; names.length > 0;) {
      const children: string[] = [];
      for (const [name, { version, shard }] of await readShards(home, names)) {
        if (shard.split === true) {
          children.push(...childrenOf(name));
          continue;
        }
        const isKeyLost = shard.key !== (options.key ?? '');
        const records = shard.records.map((record) => {
          forgotten += isKeyLost && record.fingerprint !== undefined ? 1 : 0;
          return isKeyLost ? { ...record, fingerprint: undefined } : record;
        });
        shards.set(name, { version, records: new Map(records.map((record) => [record.id, record])) });
      }
      names = children;
    }
    return new Inventory(home, shards, options, forgotten);
  }

  get(id: ResourceId): InventoryRecord | undefined {
    return this.#shards.get(shardOf(id, this.#shards))?.records.get(id);
  }

  /** All records, by id. A copy: later writes do not show in it. */
  records(): Map<ResourceId, InventoryRecord> {
    const all = [...this.#shards.values()].flatMap((shard) => [...shard.records]);
    return new Map(all.sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** Version of each shard as this run knows it. */
  versions(): Record<string, string> {
    const pairs = [...this.#shards].flatMap(([name, shard]) =>
      shard.version === undefined ? [] : [[name, shard.version] as const],
    );
    return Object.fromEntries(pairs.sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** Fingerprints of later writes are made with this key. */
  useKey(id: string): void {
    this.#key = id;
  }

  /**
   * Changes records; returns when they are durable. Changes that arrive while a write is under way go out together in
   * the next one, in their order. Throws the Failure `inventory-changed` when somebody else wrote meanwhile.
   */
  commit(change: InventoryChange): Promise<void> {
    const written = this.#add(change, true);
    this.flush();
    return written;
  }

  /**
   * The same for what may wait a little, since a run that is killed before finds it out again: goes out with the next
   * `commit` or `flush`, or when no write was made for ten times as long as the last one took. Each write is a whole
   * shard, so results one by one would take most of an apply's time.
   */
  record(change: InventoryChange): Promise<void> {
    const written = this.#add(change, false);
    this.#rest();
    return written;
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.#resting);
    this.#resting = undefined;
    if (!this.#writing && this.#waiting.length > 0) {
      this.#writing = true;
      // Changes of the same turn of the event loop belong to one write.
      setImmediate(() => void this.#writeWaiting());
    }
  }

  #add(change: InventoryChange, urgent: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      this.#waiting.push({ change, urgent, done });
    });
  }

  #rest(): void {
    if (!this.#writing) {
      this.#resting ??= setTimeout(() => this.flush(), Math.max(0, this.#restUntil - performance.now()));
    }
  }

  async #writeWaiting(): Promise<void> {
    do {
      const batch = this.#waiting;
      this.#waiting = [];
      const begun = performance.now();
      try {
        await this.#write(batch.map(({ change }) => change));
        batch.forEach(({ done }) => done());
      } catch (error) {
        const failure = asError(error);
        batch.forEach(({ done }) => done(failure));
      }
      const ended = performance.now();
      this.#restUntil = ended + 10 * (ended - begun);
    } while (this.#waiting.some(({ urgent }) => urgent));
    this.#writing = false;
    if (this.#waiting.length > 0) {
      this.#rest();
    }
  }

  async #write(changes: readonly InventoryChange[]): Promise<void> {
    const touched = new Set<string>();
    const shardFor = (id: ResourceId): LoadedShard => {
      const name = shardOf(id, this.#shards);
      touched.add(name);
      return this.#shard(name);
    };
    for (const change of changes) {
      for (const id of change.remove ?? []) {
        shardFor(id).records.delete(id);
      }
      for (const record of change.put ?? []) {
        shardFor(record.id).records.set(record.id, record);
      }
    }
    await this.#writeShards([...touched]);
  }

  async #writeShards(names: readonly string[]): Promise<void> {
    const home = this.#writable();
    const split: string[] = [];
    const writes = names.flatMap((name) => {
      const shard = this.#shard(name);
      const text = encodeShard({ fleet: home.fleet, key: this.#key, records: [...shard.records.values()] });
      if (text.length > this.#maximum && shard.records.size > 1) {
        split.push(name);
        return [];
      }
      const path = homePath(home, 'inventory', name);
      return [{ path, data: new Map([[valueName, new Secret(text)]]), expect: shard.version ?? ('absent' as const) }];
    });
    const results = writes.length === 0 ? new Map() : await home.store.writeMany(writes);
    for (const name of names.filter((each) => !split.includes(each))) {
      const path = homePath(home, 'inventory', name);
      const result = results.get(path);
      if (result instanceof CheckAndSetConflict) {
        throw changedMeanwhile(path, result);
      }
      if (result instanceof Error || result === undefined) {
        throw result ?? new Error(`${path} was not written`);
      }
      this.#shard(name).version = result.version;
      this.writes += 1;
    }
    for (const name of split) {
      await this.#split(name);
    }
  }

  #shard(name: string): LoadedShard {
    const shard = this.#shards.get(name) ?? { version: undefined, records: new Map<ResourceId, InventoryRecord>() };
    this.#shards.set(name, shard);
    return shard;
  }

  #writable(): Home {
    if (this.#home === undefined) {
      throw new Failure({ code: 'home-not-made', message: 'the inventory has no store to be written to' });
    }
    return this.#home;
  }

  /** The children are complete before the parent points to them: a crash in between leaves the parent as it was. */
  async #split(name: string): Promise<void> {
    const home = this.#writable();
    const parent = this.#shard(name);
    const children = childrenOf(name);
    for (const child of children) {
      const records = [...parent.records].filter(([id]) => shardBits(id).startsWith(child));
      // A child may be left over from a split that was killed; nobody has ever read it.
      const leftover = await home.store.read(homePath(home, 'inventory', child));
      const version = leftover.state === 'present' ? leftover.seen.version : undefined;
      this.#shards.set(child, { version, records: new Map(records) });
    }
    await this.#writeShards(children);
    const path = homePath(home, 'inventory', name);
    const text = encodeShard({ fleet: home.fleet, key: this.#key, split: true, records: [] });
    try {
      const data = new Map([[valueName, new Secret(text)]]);
      await home.store.write({ path, data, expect: parent.version ?? 'absent' });
    } catch (error) {
      throw error instanceof CheckAndSetConflict ? changedMeanwhile(path, error) : error;
    }
    this.#shards.delete(name);
    this.writes += 1;
  }
}

/** Shards by name, those that are not there left out. Throws the Failure of the first that cannot be read. */
async function readShards(
  home: Home,
  names: readonly string[],
): Promise<ReadonlyMap<string, { readonly version: string; readonly shard: Shard }>> {
  const answers = await home.store.readMany(names.map((name) => homePath(home, 'inventory', name)));
  const found = new Map<string, { readonly version: string; readonly shard: Shard }>();
  for (const name of names) {
    const path = homePath(home, 'inventory', name);
    const answer = answers.get(path);
    if (answer?.state === 'absent') {
      if (name !== rootShard) {
        throw unreadable(home, path, 'it is gone', 1);
      }
      continue;
    }
    if (answer?.state !== 'present') {
      throw unreadable(home, path, answer?.why ?? 'no answer', 3);
    }
    found.set(name, { version: answer.seen.version, shard: decode(home, path, answer.seen) });
  }
  return found;
}

function decode(home: Home, path: string, entry: SecretEntry): Shard {
  let shard: Shard;
  try {
    shard = decodeShard(entry.data.get(valueName)?.expose() ?? '');
  } catch (error) {
    throw unreadable(home, path, causeOf(error), 1, error);
  }
  if (shard.fleet !== home.fleet) {
    throw unreadable(home, path, `it belongs to fleet ${shard.fleet}`, 1);
  }
  return shard;
}

function unreadable(home: Home, path: string, what: string, exitCode: 1 | 3, cause?: unknown): Failure {
  return new Failure({
    code: exitCode === 3 ? 'home-unreachable' : 'inventory-damaged',
    message: `inventory shard ${path} in store ${home.name} cannot be read: ${what}`,
    object: path,
    why: 'the inventory says what this fleet has made; without it nothing can be told from what others made',
    remedy: `bring back an earlier version of ${path} from the store or its backup`,
    exitCode,
    cause,
  });
}

function changedMeanwhile(path: string, cause: unknown): Failure {
  return new Failure({
    code: 'inventory-changed',
    message: `${path} was written by another Keywright meanwhile`,
    object: path,
    why: 'this run no longer knows what is there, so it stopped writing',
    remedy: 'run the command again',
    cause,
  });
}
