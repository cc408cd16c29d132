import { Secret } from '../../model/secret.ts';
import type { StoredEntry, StoredVersion } from './entries.ts';
import { sealHolds, sealOf } from './seal.ts';

const format = 'keywright-shard/1';

/** One decrypted shard. */
export interface Shard {
  /** Id of the store that it belongs to. */
  readonly store: string;
  readonly index: number;
  /** How many shards the store had when this one was written; it holds every entry that was its own then. */
  readonly shards: number;
  /** Raised by each write of this shard. */
  readonly counter: number;
  readonly entries: ReadonlyMap<string, StoredEntry>;
}

interface VersionRecord {
  readonly version: string;
  readonly writtenAt: string;
  readonly deleted?: true;
  /** Absent: the version was destroyed. */
  readonly data?: Readonly<Record<string, string>>;
}

interface EntryRecord {
  readonly metadata: Readonly<Record<string, string>>;
  readonly written: number;
  readonly versions: readonly VersionRecord[];
}

/**
 * The plain text of a shard, two lines of JSON: what it is, with the seal over both, and its entries. The one place
 * where the values of a file store leave their class, on their way into encryption.
 */
export function encodeShard(shard: Shard, key: Secret): Buffer {
  const { store, index, shards, counter } = shard;
  const body = JSON.stringify(Object.fromEntries([...shard.entries].map(([path, entry]) => [path, recordOf(entry)])));
  const description = { format, store, shard: index, shards, counter };
  const seal = sealOf(key, sealedParts(description, body));
  return Buffer.from(`${JSON.stringify({ ...description, seal })}\n${body}\n`, 'utf8');
}

/** Reads the plain text of a shard; undefined when it was not made by a holder of the key. */
export function decodeShard(plain: Uint8Array, keyFor: (storeId: string) => Secret): Shard | undefined {
  const text = Buffer.from(plain).toString('utf8');
  const end = text.indexOf('\n');
  const body = text.slice(end + 1, -1);
  const header = parse(text.slice(0, Math.max(end, 0)));
  if (header === undefined) {
    return undefined;
  }
  const { seal, ...description } = header as Description & { readonly seal: unknown };
  if (typeof seal !== 'string' || typeof description.store !== 'string' || description.format !== format) {
    return undefined;
  }
  if (!sealHolds(keyFor(description.store), sealedParts(description, body), seal)) {
    return undefined;
  }
  // Sealed by us, so it has the shape that we gave it.
  const records = parse(body) as Readonly<Record<string, EntryRecord>> | undefined;
  if (records === undefined) {
    return undefined;
  }
  const { store, shard: index, shards, counter } = description;
  const entries = new Map(Object.entries(records).map(([path, record]) => [path, entryFrom(record)]));
  return { store, index, shards, counter, entries };
}

/** Size of an entry in a shard, in bytes. */
export function encodedSize(path: string, entry: StoredEntry): number {
  return Buffer.byteLength(JSON.stringify({ [path]: recordOf(entry) }));
}

interface Description {
  readonly format: string;
  readonly store: string;
  readonly shard: number;
  readonly shards: number;
  readonly counter: number;
}

function sealedParts({ store, shard, shards, counter }: Description, body: string): readonly string[] {
  return ['shard', format, JSON.stringify([store, shard, shards, counter]), body];
}

/** The error of JSON.parse repeats a piece of its input, which is secret here: it is dropped. */
function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function recordOf({ metadata, written, versions }: StoredEntry): EntryRecord {
  return { metadata, written, versions: versions.map(versionRecordOf) };
}

function versionRecordOf({ version, writtenAt, deleted, data }: StoredVersion): VersionRecord {
  return {
    version,
    writtenAt,
    ...(deleted && { deleted: true }),
    ...(data && { data: Object.fromEntries([...data].map(([name, value]) => [name, value.expose()])) }),
  };
}

function entryFrom({ metadata, written, versions }: EntryRecord): StoredEntry {
  return { metadata, written, versions: versions.map(versionFrom) };
}

function versionFrom({ version, writtenAt, deleted, data }: VersionRecord): StoredVersion {
  return {
    version,
    writtenAt,
    deleted: deleted === true,
    data: data && new Map(Object.entries(data).map(([name, value]) => [name, new Secret(value)])),
  };
}
