import type { Applied, ApplyContext, InventoryRecord, ReadyChange } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { EntryInfo, SecretBackend } from '../../stores/backend.ts';

import { ownershipOf, unmarkedMetadata } from './mark.ts';
import type { Ownership } from './mark.ts';

/**
 * Whether the entry of something that left the fleet is still ours. An entry without our mark counts as gone: it is
 * somebody else's now, and only the record is forgotten.
 */
export function leavingAnswer<Seen>(
  fleet: string,
  record: Pick<InventoryRecord, 'id' | 'state'>,
  info: EntryInfo | undefined,
  seen: (info: EntryInfo) => Seen,
): Answer<Seen> {
  const isLeft = info !== undefined && isOurs(ownershipOf(info.metadata, fleet, record.id), record.state);
  return isLeft ? present(seen(info)) : absent;
}

/**
 * Destroys entries, or lifts their mark and lets them be. Never touches one that does not bear our mark any more.
 * `pathOf` tells where the entry of something that left the fleet lies, `ownerOf` whose it is.
 */
export async function* applyRemovals<Change extends ReadyChange<unknown, unknown>>(
  backend: SecretBackend,
  changes: readonly Change[],
  io: ApplyContext,
  pathOf: (change: Change) => string,
  ownerOf: (info: EntryInfo, change: Change) => Ownership = ({ metadata }, { change }) =>
    ownershipOf(metadata, io.fleet, change.id),
): AsyncIterable<Applied> {
  const infos = await backend.infoMany(changes.map(pathOf));
  for (const leaving of changes) {
    const { change } = leaving;
    const { id } = change;
    const path = pathOf(leaving);
    const info = infos.get(path);
    try {
      if (info !== undefined && isOurs(ownerOf(info, leaving), leaving.recorded?.state)) {
        io.guard();
        await (change.action === 'remove' ? backend.destroy(path) : liftMark(backend, info));
      }
      yield { id, outcome: 'done' };
    } catch (error) {
      yield { id, outcome: 'failed', error: error as Error };
    }
  }
}

async function liftMark(backend: SecretBackend, { path, metadata }: EntryInfo): Promise<void> {
  const unmarked = unmarkedMetadata(metadata);
  if (Object.keys(unmarked).length < Object.keys(metadata).length) {
    await backend.writeMetadata(path, unmarked);
  }
}

/** Ours, or not marked at all because a crash came before the mark, or because it was kept and is to go now. */
export function isOurs({ by }: Ownership, state: InventoryRecord['state'] | undefined): boolean {
  return by === 'us' || by === 'mount' || (by === 'nobody' && (state === 'intended' || state === 'retained'));
}
