import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { digestOf } from '../../model/digest.ts';
import { asError, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { Secret } from '../../model/secret.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { generateValue } from '../../stores/generate.ts';
import { buildContent } from './content.ts';
import { entryFingerprint } from './entry-fingerprint.ts';
import { readEntries, readPresent } from './entries.ts';
import type { EntryAddress } from './entries.ts';
import { readImport } from './import.ts';
import {
  judgeOwnership,
  markedMetadata,
  metadataNames,
  ownershipOf,
  refusalOf,
  takesOverWhatWasKept,
  unmarkedMetadata,
} from './mark.ts';
import { readMoved } from './secret-moves.ts';
import { derivedKeysOf, secretRecord } from './secret-record.ts';
import type { SeenSecret } from './secret-observe.ts';
import { secretOwnership } from './secret-ownership.ts';
import type { SecretSpec } from './secret.spec.ts';
import { withoutConflict, writeEntries } from './write-entries.ts';
import type { EntryToWrite } from './write-entries.ts';
import type { Mark } from '../process/mark.ts';

type Wanted = ReadyChange<SecretSpec, SeenSecret> & { readonly resource: Resource<SecretSpec> };

/** Entries that are written before the run may stop and what is done is recorded. */
const batchSize = 500;

/** What one entry shall be, worked out from what it is. */
interface Prepared extends EntryToWrite {
  readonly change: Wanted;
  readonly fingerprint: string;
}

/** Where changes are carried out. */
interface Place {
  readonly backend: SecretBackend;
  readonly mount: Mark | undefined;
  readonly io: ApplyContext;
}

/**
 * Writes entries in bulk, with check-and-set. One that was not there when it was planned is written as new without
 * being looked at; any other is read first; one that somebody else wrote meanwhile is worked out anew. Content that has
 * not changed is never written; then only its metadata is.
 */
export async function* writeSecrets(place: Place, changes: readonly Wanted[]): AsyncIterable<Applied> {
  for (let at = 0; at < changes.length; at += batchSize) {
    const once = (open: readonly Wanted[], attempt: number) =>
      writeOnce(place, open, ({ seen }) => attempt > 1 || seen?.version !== undefined);
    for await (const [, result] of withoutConflict(changes.slice(at, at + batchSize), once)) {
      yield result;
    }
  }
}

async function* writeOnce(
  place: Place,
  changes: readonly Wanted[],
  isThere: (change: Wanted) => boolean,
): AsyncIterable<readonly [Wanted, Applied | Error]> {
  const { backend, io } = place;
  const failed = await bringBack(backend, changes, io);
  const current = await readPresent(
    backend,
    changes.filter(isThere).map(({ resource }) => resource.spec.path),
  );
  const copies = await readCopies(changes, io);
  const moved = await readMovedEntries(changes, io);
  const prepared: Prepared[] = [];
  for (const change of changes) {
    try {
      const failure = failed.get(change);
      if (failure !== undefined) {
        throw failure;
      }
      const entry = current.get(change.resource.spec.path);
      prepared.push(await prepare(place, change, entry, copies, moved.get(change.change.id)));
    } catch (error) {
      yield [change, asError(error)];
    }
  }
  for await (const [entry, result] of writeEntries(backend, prepared, io)) {
    yield [entry.change, result instanceof Error ? result : done(entry, result)];
  }
}

/** Entries that were soft-deleted by hand. Returns why one could not be brought back: the others do not wait for it. */
async function bringBack(
  backend: SecretBackend,
  changes: readonly Wanted[],
  io: ApplyContext,
): Promise<ReadonlyMap<Wanted, Error>> {
  const failed = new Map<Wanted, Error>();
  for (const change of changes) {
    const { seen, resource } = change;
    if (seen?.deleted === true && seen.destroyed !== true) {
      io.guard();
      try {
        await backend.undelete(resource.spec.path);
      } catch (error) {
        failed.set(change, asError(error));
      }
    }
  }
  return failed;
}

/** Entries that keys are copied from, by store, path and version. */
async function readCopies(
  changes: readonly Wanted[],
  io: ApplyContext,
): Promise<ReadonlyMap<string, SecretEntry | Failure>> {
  const addresses = new Map<string, EntryAddress>();
  for (const { resource } of changes) {
    for (const source of Object.values(resource.spec.keys)) {
      if ('copy' in source) {
        const address = copyAddress(resource.spec, source.copy);
        addresses.set(JSON.stringify(address), address);
      }
    }
  }
  return readEntries(io, addresses);
}

/** What entries held where they were before, by their new id. */
async function readMovedEntries(
  changes: readonly Wanted[],
  io: ApplyContext,
): Promise<ReadonlyMap<ResourceId, SecretEntry | Failure>> {
  const moved = new Map<ResourceId, SecretEntry | Failure>();
  for (const { change, movesFrom } of changes) {
    if (movesFrom !== undefined) {
      moved.set(change.id, await readMoved(movesFrom, io));
    }
  }
  return moved;
}

function copyAddress(
  spec: SecretSpec,
  copy: { readonly store?: string; readonly path: string; readonly version: unknown },
): EntryAddress {
  return { store: copy.store ?? spec.store, path: copy.path, version: String(copy.version) };
}

async function prepare(
  { mount, io }: Place,
  change: Wanted,
  current: SecretEntry | undefined,
  copies: ReadonlyMap<string, SecretEntry | Failure>,
  moved: SecretEntry | Failure | undefined,
): Promise<Prepared> {
  const { resource, recorded } = change;
  const { id, spec } = resource;
  // An entry that is here and ours was moved before the last run ended.
  let isMoved = current === undefined && moved !== undefined;
  if (current !== undefined) {
    // Looked at again: between plan and apply somebody may have put an entry there.
    const owner = secretOwnership(current, { fleet: io.fleet, id, mount, record: recorded });
    const claim = judgeOwnership(resource, spec.path, owner, recorded?.state);
    const stillPutForUs = owner.by === 'nobody' && change.seen?.putByHand === true;
    if (claim.as === 'refused' && !stillPutForUs) {
      throw refusalOf(claim.change);
    }
    isMoved = moved !== undefined && takesOverWhatWasKept(claim, recorded);
  }
  if (isMoved && moved instanceof Failure) {
    throw moved;
  }
  const before = isMoved && moved !== undefined && !(moved instanceof Failure) ? moved : current;
  const derivedBefore = derivedKeysOf(isMoved ? change.movesFrom : recorded);
  const imported = await readImports(id, spec, before, derivedBefore, io);
  const data = buildContent(spec, {
    current: before?.data ?? new Map(),
    derivedBefore,
    generate: (generator) => generateValue(generator, (length) => io.environment.randomBytes(length)),
    imported: (key) => imported.get(key) ?? unreachable(key),
    copied: (key) => copiedValue(id, spec, key, copies),
  });
  const fingerprint = entryFingerprint(io.fingerprint, spec.path, data);
  const needsMark = mount?.fleet !== io.fleet || ownershipOf(current?.metadata ?? {}, io.fleet, id).by !== 'nobody';
  const metadata = needsMark
    ? markedMetadata(before?.metadata ?? {}, io.fleet, id, { spec: digestOf(spec), fingerprint })
    : unmarkedMetadata(before?.metadata ?? {});
  return { change, path: spec.path, current, data, metadata, fingerprint };
}

async function readImports(
  id: ResourceId,
  spec: SecretSpec,
  current: SecretEntry | undefined,
  derivedBefore: ReadonlySet<string>,
  io: ApplyContext,
): Promise<ReadonlyMap<string, Secret>> {
  const values = new Map<string, Secret>();
  for (const [key, source] of Object.entries(spec.keys)) {
    if ('import' in source && (current?.data.has(key) !== true || derivedBefore.has(key))) {
      const imported = await readImport(source.import, io);
      if ('problem' in imported) {
        throw new Failure({
          code: 'import-missing',
          message: `key ${key} of ${spec.path} has no value: ${imported.problem}`,
          object: id,
          remedy: `keywright secret put ${spec.store}/${spec.path} --key ${key}`,
        });
      }
      values.set(key, imported.value);
    }
  }
  return values;
}

function copiedValue(
  id: ResourceId,
  spec: SecretSpec,
  key: string,
  copies: ReadonlyMap<string, SecretEntry | Failure>,
): Secret {
  const source = spec.keys[key];
  if (source === undefined || !('copy' in source)) {
    return unreachable(key);
  }
  const entry = copies.get(JSON.stringify(copyAddress(spec, source.copy)));
  if (entry instanceof Failure) {
    throw entry;
  }
  const value = entry?.data.get(source.copy.key);
  if (value === undefined) {
    throw new Failure({
      code: 'copy-missing',
      message: `${source.copy.path} has no key ${source.copy.key} for ${key} of ${spec.path}`,
      object: id,
      remedy: 'correct the key, or put its value there',
    });
  }
  return value;
}

function done({ change, fingerprint, metadata }: Prepared, version: string): Applied {
  const { id, spec } = change.resource;
  const mark = metadata[metadataNames.mark];
  return { id, outcome: 'done', record: secretRecord(spec, { version, fingerprint, mark }) };
}

function unreachable(what: string): never {
  throw new TypeError(`${what} was not prepared`);
}
