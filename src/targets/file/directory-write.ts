import { rm, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { isOutputRef } from '../../model/resource.ts';
import type { Resource } from '../../model/resource.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import type { LocalSite } from '../process/local-site.ts';
import { markOf } from '../store/mark.ts';
import { renderDelivery } from './delivery.ts';
import type { Delivery } from './delivery.ts';
import type { DirectorySpec } from './directory.spec.ts';
import { readSources, recordedFolder } from './directory-observe.ts';
import type { SeenDirectory } from './directory-observe.ts';
import { putGeneration } from './generation.ts';
import { compareDelivery, inspectFolder, newGenerationName } from './inspect.ts';
import type { Inspected } from './inspect.ts';
import { markerFile, pendingFile } from './marker.ts';
import { tellConsumer } from './on-change.ts';
import { makeWay, placeOf } from './place.ts';
import type { Place } from './place.ts';
import { readPlainFiles } from './plain-files.ts';
import { removeFolder } from './remove-tree.ts';
import { systemFailure } from './system-failure.ts';

type DirectoryChange = ReadyChange<DirectorySpec, SeenDirectory>;

/** Delivers, one folder after the other. */
export async function* applyDirectories(
  site: LocalSite,
  changes: readonly DirectoryChange[],
  io: ApplyContext,
): AsyncIterable<Applied> {
  for (const change of changes) {
    const { id } = change.change;
    try {
      yield change.resource === undefined ? await leave(site, change, io) : await deliver(site, change.resource, io);
    } catch (error) {
      yield { id, outcome: 'failed', error: error as Error };
    }
  }
}

async function deliver(site: LocalSite, { id, spec }: Resource<DirectorySpec>, io: ApplyContext): Promise<Applied> {
  const place = await placeOf(site, spec.folder, spec.user, id);
  const sources = await readSources(spec, io);
  const entries = new Map<string, SecretEntry>();
  for (const [alias, entry] of sources) {
    if (entry instanceof Failure) {
      throw entry;
    }
    entries.set(alias, entry);
  }
  const plain = await readPlainFiles(spec.files, io.folder);
  const render = (at: string): Delivery => renderDelivery(spec, entries, join(place.folder, at), plain);
  const before = await inspectFolder(place.folder, id, place.owner, io);
  let generation = before === undefined ? undefined : keptGeneration(before, render);
  const fresh = generation === undefined;
  const notes: string[] = [];
  if (generation === undefined) {
    generation = newGenerationName(io.environment.now(), io.environment.randomBytes(4));
    const delivery = render(generation);
    notes.push(...delivery.notes);
    await makeWay(site, place, io.folder, id);
    io.guard();
    await putGeneration({
      folder: place.folder,
      id,
      fleet: io.fleet,
      owner: place.owner,
      generation,
      delivery,
      pending: spec.onChange !== undefined,
      suffix: Buffer.from(io.environment.randomBytes(4)).toString('hex'),
      guard: () => io.guard(),
    });
  }
  if (fresh || before?.pending === true) {
    const told = await tell(place, spec, generation, io, id);
    notes.push(...(told === undefined ? [] : [told]));
  }
  const after = await inspectFolder(place.folder, id, place.owner, io);
  return {
    id,
    outcome: 'done',
    record: {
      mark: markOf(io.fleet, id),
      version: Object.entries(spec.sources)
        .map(([alias, { version }]) => `${alias} ${isOutputRef(version) ? 'unknown' : version}`)
        .join(', '),
      fingerprint: after?.fingerprint,
      outputs: { directory: place.folder, generation },
      removal: { folder: spec.folder },
    },
    note: notes.length === 0 ? undefined : notes.join('; '),
  };
}

/** The generation that is there, when nothing at all is wrong with it. */
function keptGeneration(before: Inspected, render: (generation: string) => Delivery): string | undefined {
  if (before.generation === undefined || before.faults.length > 0 || before.owner.by !== 'us') {
    return undefined;
  }
  return compareDelivery(before, render(before.generation)).length === 0 ? before.generation : undefined;
}

async function tell(
  place: Place,
  spec: DirectorySpec,
  generation: string,
  io: ApplyContext,
  id: ResourceId,
): Promise<string | undefined> {
  if (spec.onChange !== undefined) {
    io.progress(id, 'telling its consumer');
  }
  const note = await tellConsumer({
    spec,
    directory: place.folder,
    generation,
    fleetFolder: io.folder,
    signal: io.signal,
  });
  await unlink(join(place.folder, pendingFile)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw systemFailure(place.folder, error);
    }
  });
  return note;
}

/** The folder goes, and its consumer's when it was the last one. */
async function leave(site: LocalSite, { change, recorded, seen }: DirectoryChange, io: ApplyContext): Promise<Applied> {
  const { id } = change;
  if (recorded === undefined || seen === undefined) {
    return { id, outcome: 'done' };
  }
  const place = await placeOf(site, recordedFolder(recorded), undefined, id);
  io.guard();
  try {
    if (change.action === 'retain') {
      await rm(join(place.folder, markerFile), { force: true });
      return { id, outcome: 'done' };
    }
    await removeFolder(place.folder, dirname(place.folder), basename(place.folder));
    await rmdir(dirname(place.folder)).catch(() => {});
  } catch (error) {
    throw systemFailure(place.folder, error);
  }
  return { id, outcome: 'done' };
}
