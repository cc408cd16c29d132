import type { ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
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

/** `postgres/<name>/publication/<database>/<publication>`: see `postgres.spec.ts`. */
export const publicationKind: ResourceKind<PgSession, PublicationSpec, SeenPublication> = {
  kind: 'publication',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe(session, wanted, recorded) {
    const ids = new Set([...wanted.map(({ id }) => id), ...recorded.map(({ id }) => id)]);
    const answers = new Map<ResourceId, Answer<SeenPublication>>();
    for (const id of ids) {
      const { database, name } = placeOf(id);
      const snapshot = await session.database(database);
      const found = snapshot?.publications.find((each) => each.name === name);
      answers.set(id, found === undefined ? absent : present(found));
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
      ],
    }),

  apply: (session, changes, io) => oneByOne(io, changes, (change) => applyOne(session, change, io.fleet)),
};

async function applyOne(
  session: PgSession,
  { change, resource, seen }: ReadyChange<PublicationSpec, SeenPublication>,
  fleet: string,
): Promise<Outcome> {
  const { id } = change;
  const { database, name } = placeOf(id);
  const what = `PUBLICATION ${ident(name)}`;
  if (change.action === 'remove') {
    await session.transaction(database, (send) => send(`DROP ${what}`));
    return { done: undefined };
  }
  if (resource === undefined || change.action === 'retain') {
    await sendAll(session, database, liftStatements(what, seen, fleet, id));
    return { done: {} };
  }
  const { spec } = resource;
  await session.transaction(database, async (send) => {
    await checkTables(send, id, spec);
    await send(statements(what, spec, seen).concat(markStatements(what, seen, fleet, id)).join(';\n'));
  });
  return { done: { mark: formatMark({ fleet, id }) } };
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
