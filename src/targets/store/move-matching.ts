import type { InventoryRecord, Move } from '../../engine/interfaces.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';

/** One way of telling that something wanted is what left: the same text of both; undefined of what has no such text. */
export interface Likeness<Spec> {
  readonly ofResource: (resource: Resource<Spec>) => string | undefined;
  readonly ofRecord: (record: InventoryRecord) => string | undefined;
}

/**
 * Which of what is wanted is the new place of which that left, by the first likeness that tells. When more than one may
 * be meant, none is taken: a wrong guess would invent a secret or give one to somebody else.
 */
export function matchMoves<Spec>(
  wanted: readonly Resource<Spec>[],
  leaving: readonly InventoryRecord[],
  likenesses: readonly Likeness<Spec>[],
): ReadonlyMap<ResourceId, Move> {
  const moves = new Map<ResourceId, Move>();
  const taken = new Set<InventoryRecord>();
  for (const { ofResource, ofRecord } of likenesses) {
    const meant = Map.groupBy(
      leaving.filter((record) => !taken.has(record)),
      ofRecord,
    );
    const open = wanted.filter(({ id }) => !moves.has(id));
    for (const [identity, same] of Map.groupBy(open, ofResource)) {
      const found = identity === undefined ? [] : (meant.get(identity) ?? []);
      const [first] = found;
      if (first !== undefined) {
        const move: Move = found.length === 1 && same.length === 1 ? { from: first } : { unclear: found };
        same.forEach(({ id }) => moves.set(id, move));
        found.forEach((record) => taken.add(record));
      }
    }
  }
  return moves;
}
