import { join } from 'node:path';
import type { InventoryRecord, RunContext } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import { digestOf } from '../../model/digest.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import { isOutputRef, resolveOutputs } from '../../model/resource.ts';
import type { Resource } from '../../model/resource.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import type { LocalSite } from '../process/local-site.ts';
import { readEntries } from '../store/entries.ts';
import type { EntryAddress } from '../store/entries.ts';
import type { Ownership } from '../store/mark.ts';
import { renderDelivery } from './delivery.ts';
import type { DirectorySpec } from './directory.spec.ts';
import { compareDelivery, inspectFolder } from './inspect.ts';
import type { Inspected } from './inspect.ts';
import { placeOf } from './place.ts';
import type { Place } from './place.ts';
import { readPlainFiles } from './plain-files.ts';

/** What lies in a delivered folder: names, modes and digests, never a content. */
export interface SeenDirectory {
  /** Absolute. */
  readonly path: string;
  /** Why nothing can be delivered there. */
  readonly problem?: { readonly code: string; readonly message: string; readonly remedy?: string };
  readonly owner: Ownership;
  readonly generation?: string;
  /** What is wrong whatever should be delivered. */
  readonly faults: readonly string[];
  /** What differs from the store. */
  readonly differences: readonly string[];
  /** `unlooked`: fingerprint and record agree, so nothing was read from the store. `unknown`: the store could not tell. */
  readonly content: 'same' | 'different' | 'unknown' | 'unlooked';
  readonly fingerprint: string;
  /** Its consumer has not been told about this generation. */
  readonly pending: boolean;
  /** Things in the folder that are no part of the layout. */
  readonly extras: readonly string[];
}

export async function observeDirectories(
  site: LocalSite,
  wanted: readonly Resource<DirectorySpec>[],
  recorded: readonly InventoryRecord[],
  context: RunContext,
): Promise<ReadonlyMap<ResourceId, Answer<SeenDirectory>>> {
  const records = new Map(recorded.map((record) => [record.id, record]));
  const wantedIds = new Set(wanted.map(({ id }) => id));
  const answers = new Map<ResourceId, Answer<SeenDirectory>>();
  for (const record of recorded.filter(({ id }) => !wantedIds.has(id))) {
    answers.set(record.id, await leavingAnswer(site, record, context));
  }
  for (const resource of wanted) {
    answers.set(resource.id, await answerFor(site, resource, records.get(resource.id), context));
  }
  return answers;
}

/** What is not our folder any more, or a link somebody put in its place, counts as gone. */
async function leavingAnswer(
  site: LocalSite,
  record: InventoryRecord,
  context: RunContext,
): Promise<Answer<SeenDirectory>> {
  try {
    const place = await placeOf(site, recordedFolder(record), undefined, record.id);
    const found = await inspectFolder(place.folder, record.id, place.owner, context);
    const isOurs = found?.owner.by === 'us' || (found?.owner.by === 'nobody' && record.state === 'present');
    return found !== undefined && isOurs ? present(seenOf(place, found, 'unlooked', [])) : absent;
  } catch (error) {
    if (error instanceof Failure && error.code === 'folder-not-ours') {
      return absent;
    }
    throw error;
  }
}

async function answerFor(
  site: LocalSite,
  resource: Resource<DirectorySpec>,
  record: InventoryRecord | undefined,
  context: RunContext,
): Promise<Answer<SeenDirectory>> {
  try {
    const place = await placeOf(site, resource.spec.folder, resource.spec.user, resource.id);
    const found = await inspectFolder(place.folder, resource.id, place.owner, context);
    return found === undefined ? absent : present(await compared(resource, place, found, record, context));
  } catch (error) {
    if (error instanceof Failure && error.exitCode !== 3) {
      return present(impossible(join(site.directory, resource.spec.folder), error));
    }
    throw error;
  }
}

/** One folder that cannot be delivered to says nothing about the others. */
function impossible(path: string, { code, message, details }: Failure): SeenDirectory {
  return {
    path,
    problem: { code, message, remedy: details.remedy },
    owner: { by: 'nobody' },
    faults: [],
    differences: [],
    content: 'unknown',
    fingerprint: '',
    pending: false,
    extras: [],
  };
}

/** Folder of a delivery that left the fleet, below the site's directory. */
export function recordedFolder(record: InventoryRecord): string {
  const folder = record.removal?.folder;
  return typeof folder === 'string' ? folder : `consumers/${parseResourceId(record.id).names.join('/')}`;
}

/** Entries that a delivery is made of, in the versions that its spec names. */
export async function readSources(
  spec: DirectorySpec,
  context: Pick<RunContext, 'store'>,
): Promise<ReadonlyMap<string, SecretEntry | Failure>> {
  const addresses = Object.entries(spec.sources).map(([alias, { store, path, version }]): [string, EntryAddress] => [
    alias,
    { store, path, version: isOutputRef(version) ? undefined : version },
  ]);
  return readEntries(context, new Map(addresses));
}

async function compared(
  resource: Resource<DirectorySpec>,
  place: Place,
  found: Inspected,
  record: InventoryRecord | undefined,
  context: RunContext,
): Promise<SeenDirectory> {
  const { spec, unknown } = resolveOutputs(resource.spec, ({ from, output }) => context.output(from, output));
  const plain = await readPlainFiles(spec.files, context.folder);
  const untouched =
    record?.state === 'present' &&
    record.fingerprint === found.fingerprint &&
    record.appliedDigest === digestOf(spec) &&
    [...plain].every(([name, content]) => Buffer.from(content).equals(found.contents.get(name) ?? new Uint8Array()));
  if (untouched || unknown.length > 0 || found.generation === undefined) {
    return seenOf(place, found, untouched ? 'unlooked' : 'unknown', []);
  }
  try {
    const entries = await readSources(spec, context);
    const present = [...entries].filter((pair): pair is [string, SecretEntry] => !(pair[1] instanceof Failure));
    const delivery = renderDelivery(spec, new Map(present), join(place.folder, found.generation), plain);
    const differences = compareDelivery(found, delivery);
    return seenOf(place, found, differences.length === 0 ? 'same' : 'different', differences);
  } catch (error) {
    // A source that is still to be made, or that cannot be delivered: apply says so at its turn.
    if (error instanceof Failure && error.exitCode !== 3) {
      return seenOf(place, found, 'unknown', []);
    }
    throw error;
  }
}

function seenOf(
  { folder }: Place,
  { owner, generation, faults, fingerprint, pending, extras }: Inspected,
  content: SeenDirectory['content'],
  differences: readonly string[],
): SeenDirectory {
  return { path: folder, owner, generation, faults, differences, content, fingerprint, pending, extras };
}
