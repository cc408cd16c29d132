import { open, stat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import { decryptWith, encryptTo } from './age.ts';
import { writeWhole } from './durable-file.ts';
import { headOlder, shardUnusable, systemCode, unreadable, unwritable } from './failures.ts';
import type { StoreName } from './failures.ts';
import type { StoreHead } from './head.ts';
import { shardFileName } from './placement.ts';
import { sealingKey } from './seal.ts';
import { decodeShard, encodeShard } from './shard.ts';
import type { Shard } from './shard.ts';

/**
 * The shard files of one store. A shard that was decrypted once is kept and used again while its file is the same.
 *
 * What is noticed: a shard missing, cut short, changed, made without the key, of another store, exchanged with another,
 * or older than the counter in `store.json`. What is not: a folder put back as a whole, since all it holds fits together.
 * A copy of a folder in use fits together when `store.json` was copied first.
 */
export class ShardFiles {
  readonly #store: StoreName;
  readonly #identity: Secret;
  readonly #id: string;
  readonly #kept = new Map<number, { readonly file: string; readonly shard: Shard }>();

  constructor(store: StoreName, identity: Secret, id: string) {
    this.#store = store;
    this.#identity = identity;
    this.#id = id;
  }

  /**
   * A shard that is at least as new as `head` says. Its `shards` may be smaller than the head's while the store grows;
   * where it is larger, the head that was given is old: see `checkHeadIsNew`.
   */
  async load(head: StoreHead, index: number): Promise<Shard> {
    const shard = await this.#read(index, head.counters[index] ?? 0);
    if (shard.counter < (head.counters[index] ?? 0)) {
      throw shardUnusable(this.#store, shardFileName(index), 'rolledBack');
    }
    return shard;
  }

  /** Throws when `head`, which was read again just now, is older than a shard. */
  checkHeadIsNew(head: StoreHead, shard: Shard): void {
    if (shard.shards > head.shards) {
      throw headOlder(this.#store, shardFileName(shard.index));
    }
  }

  /** Replaces a shard file; answers its size in bytes. Only for who holds the lock. */
  async write(shard: Shard, recipients: readonly string[]): Promise<number> {
    const path = this.#path(shard.index);
    try {
      const plain = encodeShard(shard, sealingKey(this.#identity, this.#id));
      const sealed = await encryptTo(recipients, plain);
      this.#kept.delete(shard.index);
      await writeWhole(path, sealed);
      this.#kept.set(shard.index, { file: fileKey(await stat(path, { bigint: true })), shard });
      return sealed.byteLength;
    } catch (error) {
      throw error instanceof Failure ? error : unwritable(this.#store.name, path, error);
    }
  }

  /** Size of a shard file in bytes. */
  async size(index: number): Promise<number> {
    const path = this.#path(index);
    try {
      return (await stat(path)).size;
    } catch (error) {
      throw this.#notRead(index, path, error);
    }
  }

  /** Forgets what was decrypted. */
  forget(): void {
    this.#kept.clear();
  }

  async #read(index: number, counter: number): Promise<Shard> {
    const path = this.#path(index);
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const file = fileKey(await handle.stat({ bigint: true }));
      const kept = this.#kept.get(index);
      // The counter too: an inode number is given again, and the clock of a file system is coarse.
      if (kept?.file === file && kept.shard.counter >= counter) {
        return kept.shard;
      }
      const shard = await this.#decrypted(index, await handle.readFile());
      this.#kept.set(index, { file, shard });
      return shard;
    } catch (error) {
      throw this.#notRead(index, path, error);
    } finally {
      await handle?.close();
    }
  }

  async #decrypted(index: number, sealed: Uint8Array): Promise<Shard> {
    const name = shardFileName(index);
    if (sealed.byteLength === 0) {
      throw shardUnusable(this.#store, name, 'empty');
    }
    const decrypted = await decryptWith(this.#identity, sealed);
    if (decrypted.state !== 'plain') {
      throw shardUnusable(this.#store, name, decrypted.state);
    }
    const shard = decodeShard(decrypted.bytes, (id) => sealingKey(this.#identity, id));
    if (shard === undefined) {
      throw shardUnusable(this.#store, name, 'damaged');
    }
    if (shard.store !== this.#id) {
      throw shardUnusable(this.#store, name, 'foreign');
    }
    if (shard.index !== index) {
      throw shardUnusable(this.#store, name, 'swapped');
    }
    return shard;
  }

  #notRead(index: number, path: string, error: unknown): unknown {
    const code = systemCode(error);
    if (code === 'ENOENT') {
      return shardUnusable(this.#store, shardFileName(index), 'missing');
    }
    return code === undefined || error instanceof Failure ? error : unreadable(this.#store.name, path, error);
  }

  #path(index: number): string {
    return `${this.#store.folder}/shards/${shardFileName(index)}`;
  }
}

function fileKey({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}
