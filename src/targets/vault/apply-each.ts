import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import { inParallel } from '../process/in-parallel.ts';

/** Changes under way at once; the client lets fewer requests through, and one slow answer should not leave it idle. */
const atOnce = 16;

type Done = Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>;

/**
 * Carries out changes that do not touch one another, several at once. `work` returns what to record; a Failure that it
 * throws is that change's result. When the run was interrupted or lost its lock, what runs ends and no more begins.
 */
export async function* applyEach<Change extends ReadyChange<unknown, unknown>>(
  changes: readonly Change[],
  io: ApplyContext,
  work: (change: Change) => Promise<Done>,
): AsyncGenerator<Applied> {
  let stopped: { readonly reason: unknown } | undefined;
  const results = inParallel(changes, atOnce, async (ready): Promise<Applied | undefined> => {
    try {
      if (stopped !== undefined) {
        return undefined;
      }
      io.guard();
    } catch (error) {
      stopped ??= { reason: error };
      return undefined;
    }
    const { id } = ready.change;
    try {
      return { id, outcome: 'done', ...(await work(ready)) };
    } catch (error) {
      if (error instanceof Failure) {
        return { id, outcome: 'failed', error };
      }
      stopped ??= { reason: error };
      return undefined;
    }
  });
  for await (const result of results) {
    if (result !== undefined) {
      yield result;
    }
  }
  if (stopped !== undefined) {
    throw stopped.reason;
  }
}
