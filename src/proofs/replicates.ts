import type { Client } from 'pg';
import { sqlState } from '../targets/postgres/errors.ts';
import { qualified } from '../targets/postgres/sql.ts';
import { broken, held, type Measurer } from './measurer.ts';
import type { ReplicationProbeSpec } from './proofs.spec.ts';
import { mendOf, replicationState, whereItStops } from './replication-state.ts';
import { asSuperuser, poll } from './superuser.ts';

/** For all three statements together; a worker may take some seconds to start again. */
const patience = 15_000;

/** A row of our own is inserted, updated and deleted at one side and followed to the other. */
export const replicatesMeasurer: Measurer<ReplicationProbeSpec> = async (spec, tools) => {
  const [from, to] = await Promise.all([
    asSuperuser(spec.from, spec.database, tools),
    asSuperuser(spec.to, spec.database, tools),
  ]);
  const table = qualified('keywright', spec.canaryTable);
  const id = (BigInt(`0x${Buffer.from(tools.run.environment.randomBytes(8)).toString('hex')}`) >> 1n).toString();
  const note = async (): Promise<string | null | undefined> => {
    const { rows } = await to.query<{ note: string }>(`SELECT note FROM ${table} WHERE id = $1`, [id]);
    return rows[0]?.note ?? null;
  };
  const steps = [
    { name: 'insert', sql: `INSERT INTO ${table} VALUES ($1, 'inserted')`, expect: 'inserted' },
    { name: 'update', sql: `UPDATE ${table} SET note = 'updated' WHERE id = $1`, expect: 'updated' },
    { name: 'delete', sql: `DELETE FROM ${table} WHERE id = $1`, expect: null },
  ];
  // A row of the first copy has another origin than the changes that follow, and these would count as conflicts.
  await poll(async () => ((await isBeingCopied(from, to, spec)) ? undefined : true), tools, patience);
  tools.after(() => cleanUp(from, to, spec, { table, id }));
  const started = performance.now();
  const seen: string[] = [];
  for (const { name, sql, expect } of steps) {
    try {
      await from.query(sql, [id]);
      const written = performance.now();
      const isHopeless = await hopelessAfter(from, to, spec);
      const arrived = await poll(
        async () => {
          if ((await note()) === expect) {
            return performance.now() - written;
          }
          return performance.now() - written > 500 && (await isHopeless()) && (await note()) !== expect
            ? 'never'
            : undefined;
        },
        tools,
        patience - (written - started),
      );
      if (arrived === undefined || arrived === 'never') {
        return await stopped(spec, name, from, to, performance.now() - written);
      }
      seen.push(`${name} after ${Math.max(1, Math.round(arrived))} ms, ${await behind(from, spec)}`);
    } catch (error) {
      if (sqlState(error) === undefinedTable) {
        return broken(`${name}: there is no table keywright.${spec.canaryTable} on both servers`, 'keywright apply');
      }
      // The publisher refuses an UPDATE of a published table without a replica identity.
      if (sqlState(error) === objectNotInState) {
        return broken(`${spec.from.postgres} refuses the ${name}: ${(error as Error).message}`, 'keywright apply');
      }
      throw error;
    }
  }
  return held(`${spec.from.postgres} → ${spec.to.postgres}: ${seen.join('; ')}`);
};

async function isBeingCopied(from: Client, to: Client, spec: ReplicationProbeSpec): Promise<boolean> {
  const { subscription } = await replicationState(from, to, spec);
  const state = subscription?.enabled === true ? subscription.tables[`keywright.${spec.canaryTable}`] : undefined;
  return state !== undefined && state !== 'r';
}

const undefinedTable = '42P01';
const objectNotInState = '55000';

/**
 * Asks whether waiting for what was just written is in vain: the flow is switched off, or has gone past it. A table that
 * is still copied at first gets its rows by another way.
 */
async function hopelessAfter(from: Client, to: Client, spec: ReplicationProbeSpec): Promise<() => Promise<boolean>> {
  const { rows } = await from.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  const lsn = rows[0]?.lsn ?? '';
  return async () => {
    const { subscription, slot } = await replicationState(from, to, spec);
    const isOff = subscription?.enabled !== true || slot === undefined || slot.walStatus === 'lost';
    return (
      isOff || (subscription.tables[`keywright.${spec.canaryTable}`] === 'r' && (await hasPassed(from, spec, lsn)))
    );
  };
}

async function hasPassed(from: Client, { subscription }: ReplicationProbeSpec, lsn: string): Promise<boolean> {
  const { rowCount } = await from.query(
    'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn >= $2::pg_lsn',
    [subscription, lsn],
  );
  return rowCount === 1;
}

async function stopped(spec: ReplicationProbeSpec, step: string, from: Client, to: Client, waited: number) {
  const state = await replicationState(from, to, spec);
  const canary = `keywright.${spec.canaryTable}`;
  const untold =
    state.published.includes(canary) && state.subscription?.tables[canary] === 'r'
      ? `the flow runs, but ${spec.publication} does not carry it`
      : `${canary} is not part of it`;
  return broken(
    `${step} did not arrive within ${(waited / 1000).toFixed(1)} s: ${whereItStops(spec, state) ?? untold}`,
    mendOf(spec, state),
  );
}

async function behind(from: Client, spec: ReplicationProbeSpec): Promise<string> {
  const { rows } = await from.query<{ bytes: string | null }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::text AS bytes
       FROM pg_replication_slots WHERE slot_name = $1`,
    [spec.subscription],
  );
  const bytes = rows[0]?.bytes;
  return bytes === undefined || bytes === null ? 'its slot is gone' : `${bytes} bytes behind`;
}

/**
 * The row goes away at its source, and follows to the other side whenever that works again. There it is only deleted
 * when the flow has passed the deletion by: earlier, it would meet a row that is missing, which counts as a conflict.
 */
async function cleanUp(
  from: Client,
  to: Client,
  spec: ReplicationProbeSpec,
  { table, id }: { readonly table: string; readonly id: string },
): Promise<void> {
  await from.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
  const left = async (): Promise<boolean> =>
    ((await to.query(`SELECT FROM ${table} WHERE id = $1`, [id])).rowCount ?? 0) > 0;
  if (!(await left())) {
    return;
  }
  const { rows } = await from.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  const passed = await poll(
    async () => ((await hasPassed(from, spec, rows[0]?.lsn ?? '')) ? true : undefined),
    { signal: new AbortController().signal },
    2_000,
  );
  if (passed === true && (await left())) {
    await to.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
  }
}
