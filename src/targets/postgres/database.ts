import type { ReadyChange } from '../../engine/interfaces.ts';
import { formatMark } from '../process/mark.ts';
import { superuser } from '../process/settings.ts';
import { parseAcl } from './acl.ts';
import { oneByOne, type Outcome } from './bulk.ts';
import { markedKind } from './marked-kind.ts';
import { differs, isOursToRemove, liftStatements, type Marked, markStatements, recordedFacts } from './marked.ts';
import type { DatabaseSpec } from './postgres.spec.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

export interface DatabaseSeen extends Marked {
  readonly name: string;
  readonly owner: string;
  /** What PUBLIC may do with the database itself. */
  readonly publicRights: readonly string[];
  /** PUBLIC may make objects in schema `public`. */
  readonly publicCreates: boolean;
}

/** `postgres/<name>/database/<database>`: see `postgres.spec.ts`. */
export const databaseKind = markedKind<DatabaseSpec, DatabaseSeen>(
  {
    kind: 'database',
    see,
    create: (spec) => [{ field: 'owner', after: spec.owner }],
    differences: (spec, database) => [
      ...differs('owner', database.owner, spec.owner),
      ...differs('rights of PUBLIC', database.publicRights.join(', ') || 'none', 'none'),
      ...differs('PUBLIC may create in schema public', database.publicCreates, false),
    ],
  },
  (session, changes, io) =>
    oneByOne(io, changes, async (ready): Promise<Outcome> =>
      ready.resource === undefined ? leave(session, ready, io.fleet) : ensure(session, ready, io.fleet),
    ),
);

async function see(session: PgSession, name: string): Promise<DatabaseSeen | undefined> {
  const database = (await session.cluster()).databases.get(name);
  if (database === undefined) {
    return undefined;
  }
  const inside = database.connectable ? await session.database(name) : undefined;
  const publicSchema = inside?.schemas.find((schema) => schema.name === 'public');
  return {
    name,
    comment: database.comment,
    initial: name === superuser,
    owner: database.owner,
    publicRights: parseAcl(database.acl).flatMap(({ grantee, privileges }) => (grantee === '' ? privileges : [])),
    publicCreates: parseAcl(publicSchema?.acl ?? null).some(
      ({ grantee, privileges }) => grantee === '' && privileges.includes('CREATE'),
    ),
  };
}

async function ensure(
  session: PgSession,
  { resource, seen, change }: ReadyChange<DatabaseSpec, DatabaseSeen>,
  fleet: string,
): Promise<Outcome> {
  const { name, owner } = (resource as NonNullable<typeof resource>).spec;
  if (seen === undefined) {
    // Not template1: what an operator put there is no part of what the fleet says.
    await session.execute(
      'postgres',
      `CREATE DATABASE ${ident(name)} OWNER ${ident(owner)} TEMPLATE template0 ENCODING 'UTF8'`,
    );
  }
  await session.transaction('postgres', async (send) => {
    await send(
      [
        `REVOKE ALL ON DATABASE ${ident(name)} FROM PUBLIC`,
        `ALTER DATABASE ${ident(name)} OWNER TO ${ident(owner)}`,
        ...markStatements(`DATABASE ${ident(name)}`, seen, fleet, change.id),
      ].join(';\n'),
    );
  });
  const schema = (await session.database(name))?.schemas.some((each) => each.name === 'public');
  if (schema === true) {
    await session.transaction(name, async (send) => {
      await send('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    });
  }
  return { done: { mark: formatMark({ fleet, id: change.id }) } };
}

async function leave(
  session: PgSession,
  { change, seen, recorded }: ReadyChange<DatabaseSpec, DatabaseSeen>,
  fleet: string,
): Promise<Outcome> {
  if (seen === undefined || !isOursToRemove(seen, recorded, fleet, change.id)) {
    return { done: recordedFacts(recorded) };
  }
  if (change.action === 'remove') {
    await session.leave(seen.name);
    await session.execute('postgres', `DROP DATABASE ${ident(seen.name)} WITH (FORCE)`);
    return { done: undefined };
  }
  await session.execute('postgres', ...liftStatements(`DATABASE ${ident(seen.name)}`, seen, fleet, change.id));
  return { done: recordedFacts(recorded) };
}
