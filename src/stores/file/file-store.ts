import { Failure } from '../../model/failure.ts';
import { absent, couldNotAsk, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { EntryInfo, EntryWrite, Metadata, SecretBackend, SecretEntry, StoreFeatures } from '../backend.ts';
import { checkPath, isAtOrBelow } from '../entry-path.ts';
import { armoredFor, recipientOf } from './age.ts';
import { currentVersion, dataBytes, entryOf, infoOf, withDeleted, withoutVersion, written } from './entries.ts';
import type { Stamp, StoredEntry } from './entries.ts';
import { identityText } from './identity.ts';
import type { OpenStore } from './open-store.ts';
import { find, findAll } from './reader.ts';
import { mutate } from './writer.ts';
import type { Edit, Edited } from './writer.ts';

/** What only a file store can do. */
export interface FileStoreExtras {
  /** The store was made by this session: its key has no backup yet. */
  readonly created: boolean;
  /** Public half of the store's key. */
  recipient(): Promise<string>;
  /**
   * The store's key, encrypted to an age recipient, as ASCII armor: `age -d -i IDENTITY` turns it into the identity file
   * again. Throws a Failure when that is no recipient, or the store's own.
   */
  backupKey(recipient: string): Promise<string>;
}

/** A folder of age-encrypted shards; made by `openFileStore`. */
export class FileStore implements SecretBackend, FileStoreExtras {
  readonly features: StoreFeatures = { destroyVersion: true, listWithMetadata: true, maxEntryBytes: 1024 * 1024 };
  readonly created: boolean;
  readonly #store: OpenStore;
  #closed = false;
  /** Writes of one session wait for one another here, in their order; only the first of them waits at the lock file. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(store: OpenStore, created: boolean) {
    this.#store = store;
    this.created = created;
  }

  async identity(): Promise<string> {
    return this.#store.id;
  }

  async read(path: string, version?: string): Promise<Answer<SecretEntry>> {
    this.#check(path);
    const found = (await find(this.#open(), [path])).get(path);
    if (found instanceof Error) {
      throw found;
    }
    return answerOf(entryOf(path, found?.entry, version));
  }

  async readMany(paths: readonly string[]): Promise<ReadonlyMap<string, Answer<SecretEntry>>> {
    paths.forEach((path) => this.#check(path));
    const answers = new Map<string, Answer<SecretEntry>>();
    for (const [path, found] of await find(this.#open(), [...new Set(paths)])) {
      answers.set(path, found instanceof Error ? couldNotAsk(found.message) : answerOf(entryOf(path, found.entry)));
    }
    return answers;
  }

  async infoMany(paths: readonly string[]): Promise<ReadonlyMap<string, EntryInfo>> {
    paths.forEach((path) => this.#check(path));
    const infos = new Map<string, EntryInfo>();
    for (const [path, found] of await find(this.#open(), [...new Set(paths)])) {
      if (found instanceof Error) {
        throw found;
      }
      if (found.entry !== undefined) {
        infos.set(path, infoOf(path, found.entry));
      }
    }
    return infos;
  }

  async list(prefix: string): Promise<readonly EntryInfo[]> {
    const all = await findAll(this.#open());
    return all.filter(([path]) => isAtOrBelow(path, prefix)).map(([path, entry]) => infoOf(path, entry));
  }

  async write(write: EntryWrite): Promise<{ readonly version: string }> {
    return this.#edit(this.#writeEdit(write));
  }

  async writeMany(writes: readonly EntryWrite[]): Promise<ReadonlyMap<string, { readonly version: string } | Error>> {
    const results = new Map<string, { readonly version: string } | Error>();
    const edits: Edit<{ readonly version: string }>[] = [];
    for (const [path, group] of Map.groupBy(writes, (write) => write.path)) {
      try {
        edits.push(this.#writeEdit(this.#only(path, group)));
      } catch (error) {
        if (!(error instanceof Failure)) {
          throw error;
        }
        results.set(path, error);
      }
    }
    const done = edits.length === 0 ? [] : await this.#mutate(edits);
    edits.forEach(({ path }, at) => results.set(path, done[at] ?? new Error(`no result for ${path}`)));
    return results;
  }

  async writeMetadata(path: string, metadata: Metadata): Promise<void> {
    await this.#edit(this.#change(path, (entry) => ({ ...entry, metadata: { ...metadata } })));
  }

  async delete(path: string): Promise<void> {
    await this.#edit({ path, apply: (entry) => unanswered(entry && withDeleted(entry, true)) });
  }

  async undelete(path: string): Promise<void> {
    await this.#edit(
      this.#change(path, (entry) => {
        if (currentVersion(entry).data === undefined) {
          throw this.#noEntry(path, 'had its current version destroyed');
        }
        return withDeleted(entry, false);
      }),
    );
  }

  async destroy(path: string): Promise<void> {
    await this.#edit({ path, apply: () => unanswered(undefined) });
  }

  async destroyVersion(path: string, version: string): Promise<void> {
    await this.#edit({ path, apply: (entry) => unanswered(entry && withoutVersion(entry, version)) });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    this.#store.files.forget();
  }

  async recipient(): Promise<string> {
    const recipient = await recipientOf(this.#store.identity);
    if (recipient === undefined) {
      throw new Error(`store ${this.#store.store.name} was opened with an identity that is none`);
    }
    return recipient;
  }

  async backupKey(recipient: string): Promise<string> {
    const { identity, environment, store } = this.#store;
    const own = await this.recipient();
    if (recipient === own) {
      throw new Failure({
        code: 'backup-to-itself',
        message: `that is the recipient of store ${store.name} itself`,
        object: `store/${store.name}`,
        why: 'a backup of the key that only the key opens is none',
        remedy: 'give the recipient of an identity that is kept elsewhere (age-keygen makes one)',
        exitCode: 64,
      });
    }
    return armoredFor(recipient, identityText(identity, own, environment.now()));
  }

  #writeEdit(write: EntryWrite): Edit<{ readonly version: string }> {
    this.#check(write.path);
    this.#checkSize(write);
    return {
      path: write.path,
      apply: (found, stamp) => {
        const entry = written(found, write, stamp);
        return { entry, result: { version: currentVersion(entry).version } };
      },
    };
  }

  /** An edit of an entry that must be there. */
  #change(path: string, change: (entry: StoredEntry) => StoredEntry): Edit<undefined> {
    return {
      path,
      apply: (entry: StoredEntry | undefined, _stamp: Stamp) => {
        if (entry === undefined) {
          throw this.#noEntry(path, 'is not there');
        }
        return unanswered(change(entry));
      },
    };
  }

  async #edit<T>(edit: Edit<T>): Promise<T> {
    this.#check(edit.path);
    const [result] = await this.#mutate([edit]);
    if (result instanceof Error) {
      throw result;
    }
    return result as T;
  }

  #mutate<T>(edits: readonly Edit<T>[]): Promise<readonly (T | Error)[]> {
    const store = this.#open();
    const result = this.#writing.then(() => mutate(store, edits));
    this.#writing = result.catch(() => undefined);
    return result;
  }

  #open(): OpenStore {
    if (this.#closed) {
      throw new Error(`the session with store ${this.#store.store.name} is closed`);
    }
    return this.#store;
  }

  #check(path: string): void {
    checkPath(this.#store.store.name, path);
  }

  #checkSize({ path, data }: EntryWrite): void {
    const bytes = dataBytes(data);
    const { maxEntryBytes } = this.features;
    if (bytes > maxEntryBytes) {
      throw new Failure({
        code: 'store-entry-too-large',
        message: `${path} has ${bytes} bytes, and store ${this.#store.store.name} takes at most ${maxEntryBytes}`,
        object: `store/${this.#store.store.name}`,
        remedy: 'keep it outside the store, encrypted with a key that is inside, or divide it',
      });
    }
  }

  #only(path: string, writes: readonly EntryWrite[]): EntryWrite {
    const [write] = writes;
    if (write === undefined || writes.length > 1) {
      throw new Failure({
        code: 'store-written-twice',
        message: `${path} occurs ${writes.length} times among what is to be written to store ${this.#store.store.name}`,
        object: `store/${this.#store.store.name}`,
        why: 'which of them should stay cannot be told',
      });
    }
    return write;
  }

  #noEntry(path: string, says: string): Failure {
    return new Failure({
      code: 'store-no-entry',
      message: `${path} ${says} in store ${this.#store.store.name}`,
      object: `store/${this.#store.store.name}`,
    });
  }
}

function answerOf(entry: SecretEntry | undefined): Answer<SecretEntry> {
  return entry === undefined ? absent : present(entry);
}

function unanswered(entry: StoredEntry | undefined): Edited<undefined> {
  return { entry, result: undefined };
}
