import type { InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import { formatMark } from '../process/mark.ts';
import { type Outcome, oneByOne } from './bulk.ts';
import type { SeenPublication } from './database-snapshot.ts';
import { differs, diffMarked, liftStatements, markStatements } from './marked.ts';
import type { PublicationSpec } from './postgres.spec.ts';
import type { PgSession, Send } from './session.ts';
import { ident, parseTable, qualified } from './sql.ts';

export interface PublicationSeen extends SeenPublication {
  /** Slots of the database that nobody uses now. */
  readonly idleSlots: readonly string[];
}

/** `postgres/<name>/publication/<database>/<publication>`: see `postgres.spec.ts`. */
export const publicationKind: ResourceKind<PgSession, PublicationSpec, PublicationSeen> = {
  kind: 'publication',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe(session, wanted, recorded) {
    const ids = new Set([...wanted.map(({ id }) => id), ...recorded.map(({ id }) => id)]);
    const slots = await idleSlots(session);
    const answers = new Map<ResourceId, Answer<PublicationSeen>>();
    for (const id of ids) {
      const { database, name } = placeOf(id);
      const snapshot = await session.database(database);
      const found = snapshot?.publications.find((each) => each.name === name);
      answers.set(id, found === undefined ? absent : present({ ...found, idleSlots: slots.get(database) ?? [] }));
    }
    return answers;
  },

  diff: (wanted, seen, recorded, context) =>
    diffMarked({
      wanted,
      seen,
      recorded,
      context,
      onRemoval: 'remove',
      create: (spec) => [
        { field: 'owner', after: spec.owner },
        { field: 'tables', after: tablesOf(spec).join(', ') },
      ],
      differences: (spec, found) => [
        ...differs('owner', found.owner, spec.owner),
        ...differs('tables', shownTables(found), tablesOf(spec).join(', ')),
        ...(found.complete ? [] : [{ field: 'publish', after: 'insert, update, delete, truncate' }]),
        ...leftSlots(spec, found, recorded).map((slot) => ({
          field: 'slot',
          before: slot,
          note: 'removed: its subscription is gone',
        })),
      ],
    }),

  apply: (session, changes, io) => oneByOne(io, changes, (change) => applyOne(session, change, io.fleet)),
};

async function applyOne(
  session: PgSession,
  { change, resource, seen, recorded }: ReadyChange<PublicationSpec, PublicationSeen>,
  fleet: string,
): Promise<Outcome> {
  const { id } = change;
  const { database, name } = placeOf(id);
  const what = `PUBLICATION ${ident(name)}`;
  if (change.action === 'remove') {
    await session.transaction(database, (send) => send(`DROP ${what}`));
    const left = await dropSlots(session, database, slotsOf(recorded));
    const note = `slot ${left.join(', ')} is still in use, so it stays; it holds back WAL once its subscriber is gone`;
    return { done: undefined, note: left.length === 0 ? undefined : note };
  }
  if (resource === undefined || change.action === 'retain') {
    await sendAll(session, database, liftStatements(what, seen, fleet, id));
    return { done: {} };
  }
  const { spec } = resource;
  await session.transaction(database, async (send) => {
    await checkTables(send, id, spec);
    await send(
      statements(what, spec, seen)
        .concat(markStatements(what, seen, fleet, id))
        .join(';\n'),
    );
  });
  const gone = seen === undefined ? [] : leftSlots(spec, seen, recorded);
  await dropSlots(session, database, gone);
  const slots = [...new Set([...(spec.slots ?? []), ...slotsOf(recorded)])].filter((slot) => !gone.includes(slot));
  return { done: { mark: formatMark({ fleet, id }), removal: { slots: slots.join(' ') } } };
}

/** Names of slots that its subscriptions were given, at the last apply. */
function slotsOf(recorded: InventoryRecord | undefined): string[] {
  const text = recorded?.removal?.slots;
  return typeof text === 'string' && text !== '' ? text.split(' ') : [];
}

/** Slots of subscriptions that left the fleet, and that could not be dropped from their side. */
function leftSlots(spec: PublicationSpec, seen: PublicationSeen, recorded: InventoryRecord | undefined): string[] {
  return slotsOf(recorded).filter((slot) => spec.slots?.includes(slot) !== true && seen.idleSlots.includes(slot));
}

async function idleSlots(session: PgSession): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await session.query<{ database: string; slots: string[] }>(
    'postgres',
    `SELECT database, array_agg(slot_name::text) AS slots FROM pg_replication_slots
      WHERE plugin = 'pgoutput' AND NOT active AND NOT temporary GROUP BY database`,
  );
  return new Map(rows.map(({ database, slots }) => [database, slots]));
}

/** Drops those that nobody uses; answers those that are still there. */
async function dropSlots(session: PgSession, database: string, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) {
    return [];
  }
  return session.transaction(database, async (send) => {
    await send(
      `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
        WHERE slot_name = ANY($1) AND NOT active AND database = current_database()`,
      [names],
    );
    const left = await send<{ name: string }>(
      'SELECT slot_name::text AS name FROM pg_replication_slots WHERE slot_name = ANY($1)',
      [names],
    );
    return left.map(({ name }) => name);
  });
}

function statements(what: string, spec: PublicationSpec, seen: SeenPublication | undefined): string[] {
  const tables = tablesOf(spec).map(tableSql);
  const list = tables.length === 0 ? '' : ` FOR TABLE ${tables.join(', ')}`;
  const owner = `ALTER ${what} OWNER TO ${ident(spec.owner)}`;
  if (seen === undefined) {
    return [`CREATE ${what}${list}`, owner];
  }
  if (seen.allTables || (tables.length === 0 && shownTables(seen) !== '')) {
    // Neither can be undone by ALTER. In one transaction no subscriber ever sees it missing.
    return [`DROP ${what}`, `CREATE ${what}${list}`, owner];
  }
  return [
    ...(shownTables(seen) === tablesOf(spec).join(', ') ? [] : [`ALTER ${what} SET TABLE ${tables.join(', ')}`]),
    ...(seen.complete ? [] : [`ALTER ${what} SET (publish = 'insert, update, delete, truncate')`]),
    ...(seen.owner === spec.owner ? [] : [owner]),
  ];
}

/**
 * A published table without a replica identity refuses every UPDATE and DELETE of the application from then on, so it is
 * not published at all.
 */
async function checkTables(send: Send, id: ResourceId, spec: PublicationSpec): Promise<void> {
  const rows = await send<{ table: string; there: boolean; identified: boolean }>(
    `SELECT t.name AS table, c.oid IS NOT NULL AS there,
            c.relreplident = 'f' OR EXISTS (
              SELECT FROM pg_index i
               WHERE i.indrelid = c.oid
                 AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
            ) AS identified
       FROM unnest($1::text[], $2::text[], $3::text[]) AS t(name, schema, relation)
       LEFT JOIN pg_namespace n ON n.nspname = t.schema
       LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.relation AND c.relkind IN ('r', 'p')`,
    [
      tablesOf(spec),
      tablesOf(spec).map((table) => parseTable(table).schema),
      tablesOf(spec).map((table) => parseTable(table).name),
    ],
  );
  const missing = rows.filter(({ there }) => !there).map(({ table }) => table);
  if (missing.length > 0) {
    throw new Failure({
      code: 'table-missing',
      message: `publication ${spec.name}: no table ${missing.join(', ')} in database ${spec.database}`,
      object: id,
      remedy: 'create it on every server of the replication (spec.databases[].setup), or take it out of the flow',
    });
  }
  const bare = rows.filter(({ identified }) => !identified).map(({ table }) => table);
  if (bare.length > 0) {
    throw new Failure({
      code: 'no-replica-identity',
      message: `publication ${spec.name}: ${bare.join(', ')} in database ${spec.database} has no replica identity`,
      object: id,
      why: 'once it is published, PostgreSQL refuses every UPDATE and DELETE of such a table',
      remedy: 'give it a primary key (or ALTER TABLE … REPLICA IDENTITY), or take it out of the flow',
    });
  }
}

async function sendAll(session: PgSession, database: string, sql: readonly string[]): Promise<void> {
  if (sql.length > 0) {
    await session.transaction(database, (send) => send(sql.join(';\n')));
  }
}

function shownTables(seen: SeenPublication): string {
  if (seen.allTables) {
    return 'all tables';
  }
  return `${seen.tables.join(', ')}${seen.filtered ? ' (with row filters, column lists or whole schemas)' : ''}`;
}

/** Sorted, each with its schema. */
function tablesOf({ tables }: PublicationSpec): string[] {
  const full = tables.map((table) => {
    const { schema, name } = parseTable(table);
    return `${schema}.${name}`;
  });
  return [...new Set(full)].sort();
}

function tableSql(table: string): string {
  const { schema, name } = parseTable(table);
  return qualified(schema, name);
}

function placeOf(id: ResourceId): { readonly database: string; readonly name: string } {
  const [database = '', name = ''] = parseResourceId(id).names;
  return { database, name };
}
