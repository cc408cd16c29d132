import type { Answer } from '../model/answer.ts';
import type { Secret } from '../model/secret.ts';

/** What a store can do, as data. The code reads this table and never asks which product it talks to. */
export interface StoreFeatures {
  /** One version of an entry can be destroyed while the others stay. */
  readonly destroyVersion: boolean;
  /** `list` returns version and metadata of all entries without one call per entry. */
  readonly listWithMetadata: boolean;
  /** Largest entry in bytes, keys and values together. */
  readonly maxEntryBytes: number;
}

/** Custom metadata of an entry: short, not secret. Holds the ownership mark and the keyed fingerprint. */
export type Metadata = Readonly<Record<string, string>>;

export interface EntryInfo {
  readonly path: string;
  /** Opaque: compared for equality, never ordered. */
  readonly version: string;
  readonly metadata: Metadata;
  /** When the current version was written, ISO 8601. */
  readonly writtenAt: string;
  /** The current version is soft-deleted: `read` answers absent, `undelete` brings it back. */
  readonly deleted: boolean;
  /** It is deleted and its value destroyed: nothing brings it back. */
  readonly destroyed?: boolean;
}

export interface SecretEntry extends EntryInfo {
  readonly data: ReadonlyMap<string, Secret>;
}

export interface EntryWrite {
  readonly path: string;
  readonly data: ReadonlyMap<string, Secret>;
  /** `absent`: nothing may be there (a soft-deleted entry counts as absent); a version: exactly that one; undefined: whatever is there. */
  readonly expect?: 'absent' | string;
  /** Replaces the custom metadata; undefined keeps it. */
  readonly metadata?: Metadata;
}

/** Somebody else wrote first: nothing was changed. */
export class CheckAndSetConflict extends Error {
  readonly path: string;
  constructor(path: string, message = `${path} was changed by somebody else meanwhile`) {
    super(message);
    this.name = 'CheckAndSetConflict';
    this.path = path;
  }
}

/**
 * The contract of every store. `test/servers/stores/contract.ts` holds the suite that each backend passes; it has
 * nothing that AWS Secrets Manager cannot do. Paths are `/`-separated, without a leading slash.
 *
 * A call that could not be carried out (sealed, unreachable, forbidden, damaged) throws a Failure that names the store
 * and the path; only reads answer `absent`, and only when the store said so.
 */
export interface SecretBackend {
  readonly features: StoreFeatures;
  /** Physical identity of the store, by which a swapped one is noticed. */
  identity(): Promise<string>;
  /**
   * What is written on the store as a whole (the description of a mount), where the store has such a place. A mark in it
   * covers the entries that bear none of their own.
   */
  description?(): Promise<string>;
  /** The current version, or the given one. A destroyed or soft-deleted version answers absent. */
  read(path: string, version?: string): Promise<Answer<SecretEntry>>;
  /** Many at once; the map has one answer per path. */
  readMany(paths: readonly string[]): Promise<ReadonlyMap<string, Answer<SecretEntry>>>;
  /** Version and metadata of many at once, soft-deleted ones included, without a value being read; absent ones are left out. */
  infoMany(paths: readonly string[]): Promise<ReadonlyMap<string, EntryInfo>>;
  /** Entries at and below a prefix (`''` is everything), soft-deleted ones included, sorted by path. */
  list(prefix: string): Promise<readonly EntryInfo[]>;
  /** Writes a new version and returns its name. Throws CheckAndSetConflict when `expect` does not hold. */
  write(write: EntryWrite): Promise<{ readonly version: string }>;
  /** Writes many entries, cheaper than one by one. Each result is a version or the error of that entry alone. */
  writeMany(writes: readonly EntryWrite[]): Promise<ReadonlyMap<string, { readonly version: string } | Error>>;
  /** Replaces the custom metadata without a new version. Throws when the entry is absent. */
  writeMetadata(path: string, metadata: Metadata): Promise<void>;
  /** Soft delete of the current version. */
  delete(path: string): Promise<void>;
  undelete(path: string): Promise<void>;
  /** Removes every version and the metadata for good. Nothing happens when the entry is absent. */
  destroy(path: string): Promise<void>;
  /** Removes one version for good. Only where `features.destroyVersion`. */
  destroyVersion(path: string, version: string): Promise<void>;
  close(): Promise<void>;
}
