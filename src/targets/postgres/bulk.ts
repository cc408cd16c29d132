import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { asError } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { inParallel } from '../process/in-parallel.ts';
import type { PgSession, Send } from './session.ts';

/** What is recorded of a change that was carried out. */
export type Outcome = { readonly done: Extract<Applied, { outcome: 'done' }>['record']; readonly note?: string };

export interface Prepared {
  readonly sql: readonly string[];
  /** Result of the change, when its transaction has ended well. */
  readonly finish: () => Outcome | Promise<Outcome>;
}

export interface Bulk<Spec, Seen> {
  readonly session: PgSession;
  readonly io: ApplyContext;
  readonly changes: readonly ReadyChange<Spec, Seen>[];
  readonly database: (change: ReadyChange<Spec, Seen>) => string;
  /** The statements of one change, and what to record when they are committed. */
  readonly prepare: (change: ReadyChange<Spec, Seen>) => Prepared | Promise<Prepared>;
  /** Sent before the statements of each transaction, as messages of their own. */
  readonly before?: (send: Send) => Promise<void>;
  /** Looks at what the statements did before they are committed; throwing undoes them. */
  readonly after?: (send: Send, changes: readonly ReadyChange<Spec, Seen>[]) => Promise<void>;
  /** Changes per transaction; default 200. */
  readonly size?: number;
  /** Connections at a time; more than one only where no two changes write the same catalog row. Default 1. */
  readonly lanes?: number;
}

/**
 * Carries changes out many to a transaction, all statements of it in one message. When a transaction fails, its changes
 * are tried one by one, so that one bad change does not take the others with it.
 */
export async function* inBulk<Spec, Seen>(bulk: Bulk<Spec, Seen>): AsyncGenerator<Applied> {
  const size = bulk.size ?? 200;
  const lanes = Array.from({ length: bulk.lanes ?? 1 }, (_, index) => index);
  const chunks = [...Map.groupBy(bulk.changes, bulk.database)].flatMap(([database, changes]) =>
    Array.from({ length: Math.ceil(changes.length / size) }, (_, index) => ({
      database,
      changes: changes.slice(index * size, (index + 1) * size),
    })),
  );
  const results = inParallel(chunks, lanes.length, async ({ database, changes }) => {
    const lane = lanes.pop() as number;
    const applied = await carryOut(bulk, database, changes, lane);
    lanes.push(lane);
    return applied;
  });
  for await (const { applied, stopped } of results) {
    yield* applied;
    if (stopped !== undefined) {
      throw stopped;
    }
  }
}

interface Carried {
  readonly applied: readonly Applied[];
  /** Why no more may be written. */
  readonly stopped?: Error;
}

async function carryOut<Spec, Seen>(
  bulk: Bulk<Spec, Seen>,
  database: string,
  changes: readonly ReadyChange<Spec, Seen>[],
  lane: number,
): Promise<Carried> {
  const applied: Applied[] = [];
  try {
    bulk.io.guard();
    const together = await attempt(bulk, database, changes, lane);
    if (!(together instanceof Error)) {
      return { applied: together };
    }
    for (const change of changes) {
      bulk.io.guard();
      const alone = changes.length === 1 ? together : await attempt(bulk, database, [change], lane);
      applied.push(...(alone instanceof Error ? [failed(change.change.id, alone)] : alone));
    }
    return { applied };
  } catch (error) {
    return { applied, stopped: error as Error };
  }
}

async function attempt<Spec, Seen>(
  { session, prepare, before, after }: Bulk<Spec, Seen>,
  database: string,
  changes: readonly ReadyChange<Spec, Seen>[],
  lane: number,
): Promise<Applied[] | Error> {
  try {
    const prepared = await Promise.all(changes.map(async (change) => prepare(change)));
    const sql = prepared.flatMap((each) => each.sql);
    if (sql.length > 0) {
      const work = async (send: Send): Promise<void> => {
        await before?.(send);
        await send(sql.join(';\n'));
        await after?.(send, changes);
      };
      await session.transaction(database, work, lane);
    }
    const outcomes = await Promise.all(prepared.map(async ({ finish }) => finish()));
    return outcomes.map(({ done, note }, index) => ({
      id: (changes[index] as ReadyChange<Spec, Seen>).change.id,
      outcome: 'done',
      record: done,
      note,
    }));
  } catch (error) {
    return asError(error);
  }
}

/** Carries changes out one after the other, for what cannot share a transaction. */
export async function* oneByOne<Spec, Seen>(
  io: ApplyContext,
  changes: readonly ReadyChange<Spec, Seen>[],
  work: (change: ReadyChange<Spec, Seen>) => Promise<Outcome>,
): AsyncGenerator<Applied> {
  for (const change of changes) {
    io.guard();
    const { id } = change.change;
    try {
      const { done, note } = await work(change);
      yield { id, outcome: 'done', record: done, note };
    } catch (error) {
      yield failed(id, error);
    }
  }
}

export function failed(id: ResourceId, error: unknown): Applied {
  return { id, outcome: 'failed', error: asError(error) };
}
