import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { failed } from './bulk.ts';

/** Removes many at a time; when a batch fails, one by one, so that one that cannot go does not keep the others. */
export async function* removeInBulk<Spec, Seen>(
  io: ApplyContext,
  changes: readonly ReadyChange<Spec, Seen>[],
  remove: (batch: readonly ReadyChange<Spec, Seen>[]) => Promise<void>,
  size = 200,
): AsyncGenerator<Applied> {
  for (let start = 0; start < changes.length; start += size) {
    const batch = changes.slice(start, start + size);
    io.guard();
    try {
      await remove(batch);
      yield* batch.map(({ change }): Applied => ({ id: change.id, outcome: 'done' }));
      continue;
    } catch (error) {
      if (batch.length === 1) {
        yield failed((batch[0] as ReadyChange<Spec, Seen>).change.id, error);
        continue;
      }
    }
    for (const each of batch) {
      io.guard();
      try {
        await remove([each]);
        yield { id: each.change.id, outcome: 'done' };
      } catch (error) {
        yield failed(each.change.id, error);
      }
    }
  }
}
