import type { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../backend.ts';
import type { EntryInfo, EntryWrite, Metadata, SecretEntry } from '../backend.ts';

/** How many versions of an entry are kept, the current one included. */
export const keptVersions = 10;

/**
 * Bytes that the versions of one entry may take together; beyond it, old ones go before there are `keptVersions`. The
 * current and the previous version stay in any case.
 */
const keptBytes = 64 * 1024;

/** One version of an entry. Without `data` it was destroyed. */
export interface StoredVersion {
  readonly version: string;
  readonly writtenAt: string;
  readonly deleted: boolean;
  readonly data: ReadonlyMap<string, Secret> | undefined;
}

/** An entry as a shard holds it. The last of its versions is the current one; there is at least one. */
export interface StoredEntry {
  readonly metadata: Metadata;
  /** How many versions were ever written. */
  readonly written: number;
  readonly versions: readonly StoredVersion[];
}

/** What is handed in to make the name of a version. */
export interface Stamp {
  readonly writtenAt: string;
  /** Eight random characters: a version that was destroyed and written again never has its old name. */
  readonly suffix: string;
}

/** The current version, whether or not it can be read. */
export function currentVersion(entry: StoredEntry): StoredVersion {
  const current = entry.versions.at(-1);
  if (current === undefined) {
    throw new Error('an entry without a version');
  }
  return current;
}

/** Whether `read` answers with this version. */
function isReadable(version: StoredVersion): boolean {
  return version.data !== undefined && !version.deleted;
}

/** What `list` tells of an entry. A destroyed current version is told as deleted. */
export function infoOf(path: string, entry: StoredEntry): EntryInfo {
  const current = currentVersion(entry);
  const { version, writtenAt, data } = current;
  const deleted = !isReadable(current);
  return { path, version, writtenAt, metadata: entry.metadata, deleted, destroyed: data === undefined };
}

/** What `read` answers: the named or the current version, undefined when it is not there, deleted or destroyed. */
export function entryOf(path: string, entry: StoredEntry | undefined, version?: string): SecretEntry | undefined {
  const found =
    version === undefined ? entry?.versions.at(-1) : entry?.versions.find((each) => each.version === version);
  if (entry === undefined || found?.data === undefined || found.deleted) {
    return undefined;
  }
  return {
    path,
    version: found.version,
    writtenAt: found.writtenAt,
    metadata: entry.metadata,
    deleted: false,
    data: new Map(found.data),
  };
}

/** The entry after a write. Throws CheckAndSetConflict when what is there is not what was expected. */
export function written(entry: StoredEntry | undefined, write: EntryWrite, stamp: Stamp): StoredEntry {
  const current = entry === undefined ? undefined : currentVersion(entry);
  const found = current !== undefined && isReadable(current) ? current.version : 'absent';
  if (write.expect !== undefined && write.expect !== found) {
    throw new CheckAndSetConflict(write.path);
  }
  const number = (entry?.written ?? 0) + 1;
  const version: StoredVersion = {
    version: `${number}-${stamp.suffix}`,
    writtenAt: stamp.writtenAt,
    deleted: false,
    data: new Map(write.data),
  };
  return {
    metadata: { ...(write.metadata ?? entry?.metadata) },
    written: number,
    versions: kept([...(entry?.versions ?? []), version]),
  };
}

/** The entry with its current version soft-deleted, or not. */
export function withDeleted(entry: StoredEntry, deleted: boolean): StoredEntry {
  const current = currentVersion(entry);
  return current.deleted === deleted
    ? entry
    : { ...entry, versions: [...entry.versions.slice(0, -1), { ...current, deleted }] };
}

/** The entry without one version's value. The current one stays as a name, so that nothing older becomes current. */
export function withoutVersion(entry: StoredEntry, version: string): StoredEntry {
  const current = currentVersion(entry);
  if (current.version === version) {
    return current.data === undefined
      ? entry
      : { ...entry, versions: [...entry.versions.slice(0, -1), { ...current, data: undefined }] };
  }
  const versions = entry.versions.filter((each) => each.version !== version);
  return versions.length === entry.versions.length ? entry : { ...entry, versions };
}

/** Bytes of keys and values together. */
export function dataBytes(data: ReadonlyMap<string, Secret>): number {
  let bytes = 0;
  for (const [key, value] of data) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value.expose());
  }
  return bytes;
}

function kept(versions: readonly StoredVersion[]): readonly StoredVersion[] {
  const newest: StoredVersion[] = [];
  let bytes = 0;
  for (const version of versions.toReversed()) {
    bytes += version.data === undefined ? 0 : dataBytes(version.data);
    if (newest.length >= keptVersions || (newest.length >= 2 && bytes > keptBytes)) {
      break;
    }
    newest.push(version);
  }
  return newest.toReversed();
}
