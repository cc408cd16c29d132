import type { ApplyContext, InventoryRecord, RunContext } from '../../engine/interfaces.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { infoOf, readPresent } from '../store/entries.ts';
import { ownershipOf, unmarkedMetadata } from '../store/mark.ts';
import { registryPath } from './registry.ts';

/** An entry's place. */
export interface Place {
  readonly store: string;
  readonly path: string;
}

/** Where an entry lay until it was given another place; undefined when it stays where it is. */
export function formerPlace(record: InventoryRecord | undefined, now: Place): Place | undefined {
  const { store, path } = record?.removal ?? {};
  const known = typeof store === 'string' && typeof path === 'string';
  return known && record?.state === 'present' && (store !== now.store || path !== now.path)
    ? { store, path }
    : undefined;
}

/** The entry at a former place, or why it cannot be had. Nothing is made anew in its stead. */
export async function readFormer(
  { store, path }: Place,
  context: Pick<RunContext, 'store'>,
): Promise<SecretEntry | string> {
  try {
    const answer = await (await context.store(store)).read(path);
    if (answer.state === 'present') {
      return answer.seen;
    }
    return answer.state === 'absent' ? `${path} is not in store ${store} any more` : answer.why;
  } catch (error) {
    if (error instanceof Failure) {
      return causeOf(error);
    }
    throw error;
  }
}

/** Entries of an authority's folder that are made from what it remembers, beside the CAs. */
function memoryOf(folder: string): readonly string[] {
  return [registryPath(folder), `${folder}/crl`, `${folder}/bundle`];
}

/** Takes along which certificates were issued and revoked, revocation lists and bundle. What is there already stays. */
export async function carryMemory(folder: string, store: string, to: SecretBackend, io: ApplyContext): Promise<void> {
  const from = await storeOfFleet(store, io);
  if (from === undefined) {
    return;
  }
  const [old, present] = await Promise.all([from, to].map((store) => readPresent(store, memoryOf(folder))));
  for (const [path, { data, metadata }] of old ?? []) {
    if (present?.has(path) !== true) {
      io.guard();
      await to.write({ path, data, metadata, expect: 'absent' });
    }
  }
}

/** Removes what an authority's folder held beside the CAs, as far as this fleet made it: it has all been taken along. */
export async function dropMemory(folder: string, store: string, io: ApplyContext, id: ResourceId): Promise<void> {
  const from = await storeOfFleet(store, io);
  if (from === undefined) {
    return;
  }
  for (const path of memoryOf(folder)) {
    const info = await infoOf(from, path);
    if (info !== undefined && ['us', 'sibling'].includes(ownershipOf(info.metadata, io.fleet, id).by)) {
      io.guard();
      await from.destroy(path);
    }
  }
}

/**
 * Lets go of an entry that was moved: destroyed, or kept without its mark. Answers what a person should know. One that
 * is not ours, or whose store is not in the fleet any more, is left alone.
 */
export async function letGo(
  { store, path }: Place,
  id: ResourceId,
  how: 'destroy' | 'keep',
  io: ApplyContext,
): Promise<string | undefined> {
  const former = await storeOfFleet(store, io);
  if (former === undefined) {
    return `${path} stays in store ${store}, which left the fleet`;
  }
  const info = await infoOf(former, path);
  if (info === undefined || ownershipOf(info.metadata, io.fleet, id).by !== 'us') {
    return undefined;
  }
  io.guard();
  if (how === 'destroy') {
    await former.destroy(path);
    return undefined;
  }
  await former.writeMetadata(path, unmarkedMetadata(info.metadata));
  return `a copy stays in store ${store} at ${path}, without a mark`;
}

/** Undefined when the store left the fleet, and how it was reached is not recorded. */
async function storeOfFleet(store: string, context: Pick<RunContext, 'store'>): Promise<SecretBackend | undefined> {
  try {
    return await context.store(store);
  } catch (error) {
    if (error instanceof Failure && error.code === 'store-unknown') {
      return undefined;
    }
    throw error;
  }
}
