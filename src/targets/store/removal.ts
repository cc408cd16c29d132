import type { Applied, ApplyContext, InventoryRecord, ReadyChange } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { EntryInfo, SecretBackend } from '../../stores/backend.ts';
import { listEntries } from './entries.ts';
import { ownershipOf, unmarkedMetadata } from './mark.ts';

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
  return info !== undefined && isOurs(info, fleet, record.id, record.state) ? present(seen(info)) : absent;
}

/**
 * Destroys entries, or lifts their mark and lets them be. Never touches one that does not bear our mark any more.
 * `pathOf` tells where the entry of something that left the fleet lies.
 */
export async function* applyRemovals<Change extends ReadyChange<unknown, unknown>>(
  backend: SecretBackend,
  changes: readonly Change[],
  io: ApplyContext,
  pathOf: (change: Change) => string,
): AsyncIterable<Applied> {
  const infos = await listEntries(backend, changes.map(pathOf));
  for (const leaving of changes) {
    const { change } = leaving;
    const { id } = change;
    const path = pathOf(leaving);
    const info = infos.get(path);
    try {
      if (info !== undefined && isOurs(info, io.fleet, id, leaving.recorded?.state)) {
        io.guard();
        await (change.action === 'remove'
          ? backend.destroy(path)
          : backend.writeMetadata(path, unmarkedMetadata(info.metadata)));
      }
      yield { id, outcome: 'done' };
    } catch (error) {
      yield { id, outcome: 'failed', error: error as Error };
    }
  }
}

/** Marked by us, or not marked at all because a crash came before the mark, or because it was kept and is to go now. */
function isOurs(info: EntryInfo, fleet: string, id: ResourceId, state: InventoryRecord['state'] | undefined): boolean {
  const { by } = ownershipOf(info.metadata, fleet, id);
  return by === 'us' || (by === 'nobody' && (state === 'intended' || state === 'retained'));
}
