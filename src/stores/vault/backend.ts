import { absent, couldNotAsk, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import { Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';
import type { EntryInfo, EntryWrite, Metadata, SecretBackend, SecretEntry, StoreFeatures } from '../backend.ts';
import { checkPath, isAtOrBelow } from '../entry-path.ts';
import type { VaultClient } from './client.ts';
import { inspectMount, listEach, parallelEntries, readInfo, readInfos, scanDetailed } from './kv-list.ts';
import type { KvMount, MountFacts } from './kv-list.ts';
import { customMetadata, isoTime, readKvMetadata, stateOf } from './kv-metadata.ts';
import type { KvMetadata } from './kv-metadata.ts';
import { writeEntry } from './kv-write.ts';
import { inParallel } from './parallel.ts';
import { asNumber, asObject, asText } from './reply.ts';
import { versionName, versionNumber } from './version-name.ts';

/** The server stores a value of up to 1 MiB, as JSON: escaped characters count double, so this leaves room for some. */
const maxEntryBytes = 1_000_000;

/** So few entries are asked for one by one: a list may hold very much that is not ours. */
const cheaperOneByOne = 32;

export interface VaultStoreOptions {
  /** Closed with the store. */
  readonly client: VaultClient;
  /** Of a KV v2 engine. */
  readonly mount: string;
  readonly now: () => Date;
}

/**
 * A KV v2 mount of a Vault or OpenBao as a store. A version's check-and-set compares its number only: an entry that was
 * destroyed and written again up to the same number in between is not noticed by a write, though by a read it is.
 */
export class VaultStore implements SecretBackend {
  readonly client: VaultClient;
  readonly #kv: KvMount;
  /** Undefined: the mount was not there when it was last asked. */
  #about: MountFacts | undefined;

  /** Asks the mount what it can do; one that is still to be made can nothing beyond the plain API. */
  static async open({ client, mount, now }: VaultStoreOptions): Promise<VaultStore> {
    const store = new VaultStore({ client, mount, now });
    await store.#mountFacts();
    return store;
  }

  private constructor(kv: KvMount) {
    this.client = kv.client;
    this.#kv = kv;
  }

  get features(): StoreFeatures {
    return { destroyVersion: true, listWithMetadata: this.#about?.detailedList ?? false, maxEntryBytes };
  }

  async identity(): Promise<string> {
    // Without a namespace: this call exists in the root namespace only. Cluster id is told only when unsealed.
    const { data } = await this.client.request({
      method: 'GET',
      path: 'sys/health',
      namespace: '',
      query: { standbyok: 'true' },
    });
    return asText(data['cluster_id']);
  }

  /** The mount's; empty when there is none, or the token may not read it. */
  async description(): Promise<string> {
    return (await this.#mountFacts())?.description ?? '';
  }

  async read(path: string, version?: string): Promise<Answer<SecretEntry>> {
    this.#check(path);
    const number = version === undefined ? undefined : versionNumber(version);
    if (version !== undefined && number === undefined) {
      return absent;
    }
    const reply = await this.client.readIfPresent(
      `${this.#kv.mount}/data/${path}`,
      number === undefined ? {} : { query: { version: String(number) } },
    );
    const metadata = asObject(reply?.data['metadata']);
    const data = asObject(reply?.data['data']);
    if (metadata === undefined || data === undefined || stateOf(metadata, this.#kv.now()) !== 'live') {
      return absent;
    }
    const createdTime = asText(metadata['created_time']);
    const name = versionName(asNumber(metadata['version']), createdTime);
    if (version !== undefined && version !== name) {
      return absent;
    }
    return present({
      path,
      version: name,
      metadata: customMetadata(metadata['custom_metadata']),
      writtenAt: isoTime(createdTime),
      deleted: false,
      data: new Map(Object.entries(data).map(([key, value]) => [key, new Secret(textOf(value))])),
    });
  }

  async readMany(paths: readonly string[]): Promise<ReadonlyMap<string, Answer<SecretEntry>>> {
    paths.forEach((path) => this.#check(path));
    const answers = new Map<string, Answer<SecretEntry>>(paths.map((path) => [path, absent]));
    await inParallel([...answers.keys()], parallelEntries, async (path) => {
      const answer = await this.read(path).catch((error: unknown) => {
        if (error instanceof Failure) {
          return couldNotAsk(error.message);
        }
        throw error;
      });
      answers.set(path, answer);
    });
    return answers;
  }

  async infoMany(paths: readonly string[]): Promise<ReadonlyMap<string, EntryInfo>> {
    const wanted = new Set(paths);
    wanted.forEach((path) => this.#check(path));
    const found = new Map<string, EntryInfo>();
    const note = (info: EntryInfo | undefined): void => {
      if (info !== undefined && wanted.has(info.path)) {
        found.set(info.path, info);
      }
    };
    const folder = commonFolder([...wanted]);
    const below = wanted.size > cheaperOneByOne ? await this.#scan(folder) : undefined;
    below?.forEach(note);
    // A list of what lies below a folder does not have the entry that lies there itself.
    const left = below === undefined ? [...wanted] : wanted.has(folder) ? [folder] : [];
    (await readInfos(this.#kv, left)).forEach(note);
    return found;
  }

  async list(prefix: string): Promise<readonly EntryInfo[]> {
    const folder = prefix.replace(/\/+$/, '');
    if (folder !== '') {
      this.#check(folder);
    }
    const below = (await this.#scan(folder)) ?? (await listEach(this.#kv, folder));
    const own = folder === '' ? undefined : await readInfo(this.#kv, folder);
    const all = own === undefined ? below : [own, ...below];
    return all.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  }

  async write(write: EntryWrite): Promise<{ readonly version: string }> {
    this.#check(write.path);
    this.#checkSize(write);
    return writeEntry(this.#kv, write);
  }

  async writeMany(writes: readonly EntryWrite[]): Promise<ReadonlyMap<string, { readonly version: string } | Error>> {
    const results = new Map<string, { readonly version: string } | Error>();
    await inParallel(writes, parallelEntries, async (write) => {
      const result = await this.write(write).catch((error: unknown) => {
        return error instanceof Error ? error : new Error(String(error));
      });
      results.set(write.path, result);
    });
    return results;
  }

  async writeMetadata(path: string, metadata: Metadata): Promise<void> {
    const { custom } = await this.#metadata(path);
    const removed = Object.keys(custom).filter((key) => !Object.hasOwn(metadata, key));
    // A merge, not a replacement: POST would make an entry where none is any more.
    const patch = { ...Object.fromEntries(removed.map((key) => [key, null])), ...metadata };
    const reply = await this.client.request({
      method: 'PATCH',
      path: `${this.#kv.mount}/metadata/${path}`,
      body: { custom_metadata: patch },
      repeat: 'safe',
      accept: [404],
    });
    if (reply.status === 404) {
      throw this.#noEntry(path);
    }
  }

  async delete(path: string): Promise<void> {
    const found = await this.#find(path);
    if (found?.state === 'live') {
      await this.#onVersions('delete', path, found.current);
    }
  }

  async undelete(path: string): Promise<void> {
    const found = await this.#metadata(path);
    if (found.state === 'destroyed' || found.state === 'empty') {
      throw this.#noEntry(path, 'had its current version destroyed');
    }
    if (found.state === 'deleted') {
      await this.#onVersions('undelete', path, found.current);
    }
  }

  async destroy(path: string): Promise<void> {
    this.#check(path);
    await this.client.request({ method: 'DELETE', path: `${this.#kv.mount}/metadata/${path}`, repeat: 'safe' });
  }

  async destroyVersion(path: string, version: string): Promise<void> {
    this.#check(path);
    const number = versionNumber(version);
    // Its number alone does not tell the version from one of a later entry at this path.
    if (number !== undefined && (await this.#versionIs(path, number, version))) {
      await this.#onVersions('destroy', path, number);
    }
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  /** Asked again as long as the mount is not there: it may be made meanwhile. */
  async #mountFacts(): Promise<MountFacts | undefined> {
    this.#about ??= await inspectMount(this.#kv);
    return this.#about;
  }

  /** Everything below a folder in one request; undefined where that is not to be had, and then it is not asked for again. */
  async #scan(folder: string): Promise<readonly EntryInfo[] | undefined> {
    const about = await this.#mountFacts();
    const found = about?.detailedList === true ? await scanDetailed(this.#kv, folder) : undefined;
    if (about !== undefined && found === undefined) {
      this.#about = { ...about, detailedList: false };
    }
    return found;
  }

  async #versionIs(path: string, number: number, version: string): Promise<boolean> {
    const reply = await this.client.readIfPresent(`${this.#kv.mount}/metadata/${path}`);
    const found = asObject(asObject(reply?.data['versions'])?.[String(number)]);
    return found !== undefined && versionName(number, asText(found['created_time'])) === version;
  }

  async #onVersions(what: 'delete' | 'undelete' | 'destroy', path: string, number: number): Promise<void> {
    const call = { method: 'PUT', path: `${this.#kv.mount}/${what}/${path}`, body: { versions: [number] } } as const;
    await this.client.request({ ...call, repeat: 'safe' });
  }

  async #find(path: string): Promise<KvMetadata | undefined> {
    this.#check(path);
    const reply = await this.client.readIfPresent(`${this.#kv.mount}/metadata/${path}`);
    return reply && readKvMetadata(reply.data, this.#kv.now());
  }

  async #metadata(path: string): Promise<KvMetadata> {
    const found = await this.#find(path);
    if (found === undefined) {
      throw this.#noEntry(path);
    }
    return found;
  }

  #check(path: string): void {
    checkPath(this.client.store, path);
  }

  #checkSize({ path, data }: EntryWrite): void {
    let bytes = 0;
    for (const [key, value] of data) {
      bytes += Buffer.byteLength(key) + Buffer.byteLength(value.expose());
    }
    if (bytes > maxEntryBytes) {
      throw new Failure({
        code: 'store-entry-too-large',
        message: `${path} has ${bytes} bytes, and store ${this.client.store} takes at most ${maxEntryBytes}`,
        object: `store/${this.client.store}`,
        remedy: 'keep it outside the store, encrypted with a key that is inside, or divide it',
      });
    }
  }

  #noEntry(path: string, says = 'is not there'): Failure {
    return new Failure({
      code: 'store-no-entry',
      message: `${path} in store ${this.client.store} ${says}`,
      object: `store/${this.client.store}`,
    });
  }
}

/** The deepest folder (or the one entry) that all paths lie at or below; `''` when they share none. */
function commonFolder(paths: readonly string[]): string {
  const [first = '', ...rest] = paths;
  let folder = first;
  while (folder !== '' && !rest.every((path) => isAtOrBelow(path, folder))) {
    folder = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '';
  }
  return folder;
}

/** Keywright writes strings; what others wrote as numbers or objects is read as JSON text. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
