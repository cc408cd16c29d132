import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import type { InventoryRecord } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { EntryInfo, SecretBackend } from '../../stores/backend.ts';
import { listEntries } from './entries.ts';
import { ownershipOf, unmarkedMetadata } from './mark.ts';

/** Where the entry of a recorded resource lies, as its record remembers for the time after its document. */
export function recordedPath(record: InventoryRecord | undefined): string | undefined {
  const path = record?.removal?.path;
  return typeof path === 'string' ? path : undefined;
}

/**
 * Whether the entry of something that left the fleet is still ours. An entry without our mark counts as gone: it is
 * somebody else's now, and only the record is forgotten.
 */
export function leavingAnswer<Seen>(
  fleet: string,
  id: ResourceId,
  info: EntryInfo | undefined,
  seen: (info: EntryInfo) => Seen,
): Answer<Seen> {
  return info !== undefined && ownershipOf(info.metadata, fleet, id).by === 'us' ? present(seen(info)) : absent;
}

/** Destroys entries, or lifts their mark and lets them be. Never touches one that does not bear our mark any more. */
export async function* applyRemovals(
  backend: SecretBackend,
  changes: readonly ReadyChange<unknown, unknown>[],
  io: ApplyContext,
): AsyncIterable<Applied> {
  if (changes.length === 0) {
    return;
  }
  const paths = changes.flatMap(({ recorded }) => recordedPath(recorded) ?? []);
  const infos = await listEntries(backend, paths);
  for (const { change, recorded } of changes) {
    const { id } = change;
    const path = recordedPath(recorded);
    const info = path === undefined ? undefined : infos.get(path);
    try {
      if (path !== undefined && info !== undefined && ownershipOf(info.metadata, io.fleet, id).by === 'us') {
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
