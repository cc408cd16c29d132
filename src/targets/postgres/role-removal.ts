import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../model/failure.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

export interface LeavingRole {
  readonly name: string;
  /** Database to the role that takes over what this one owns there; default the owner of the database. */
  readonly reassignTo?: Readonly<Record<string, string>>;
}

const home = 'postgres';
const sessionPatience = 30_000;

/**
 * Removes roles for good. No new login, then the sessions (an open one would survive its role), then what they own and
 * may in every database that has something of theirs, then the roles. Roles that are gone already are no error.
 */
export async function removeRoles(
  session: PgSession,
  { roles, guard }: { readonly roles: readonly LeavingRole[]; readonly guard: () => void },
): Promise<void> {
  const cluster = await session.cluster();
  const leaving = roles.filter(({ name }) => cluster.roles.has(name));
  if (leaving.length === 0) {
    return;
  }
  const names = leaving.map(({ name }) => name);
  guard();
  await session.transaction(home, async (send) => {
    await send(names.map((name) => `ALTER ROLE ${ident(name)} WITH NOLOGIN`).join(';\n'));
  });
  await endSessions(session, names);
  for (const [database, owning] of await whereTheyOwn(session, leaving)) {
    guard();
    await session.transaction(database, async (send) => {
      await send(
        owning
          .flatMap(({ role, target }) => [
            `REASSIGN OWNED BY ${ident(role)} TO ${ident(target)}`,
            `DROP OWNED BY ${ident(role)}`,
          ])
          .join(';\n'),
      );
    });
  }
  guard();
  await session.transaction(home, async (send) => {
    await send(`DROP ROLE IF EXISTS ${names.map(ident).join(', ')}`);
  });
}

/** Ends every session of these roles, and returns when none is left. */
async function endSessions(session: PgSession, roles: readonly string[]): Promise<void> {
  for (const deadline = performance.now() + sessionPatience; ; await delay(20)) {
    const rows = await session.query<{ pid: number; ended: boolean }>(
      home,
      'SELECT pid, pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE usename = ANY($1)',
      [roles],
    );
    if (rows.length === 0) {
      return;
    }
    if (performance.now() > deadline) {
      throw new Failure({
        code: 'session-remains',
        message: `postgres/${session.name}: a session of ${roles.join(', ')} does not end (pid ${rows[0]?.pid})`,
        object: `postgres/${session.name}`,
      });
    }
  }
}

interface Owning {
  readonly role: string;
  readonly target: string;
}

/** Databases where the roles own or may something, as pg_shdepend knows for the whole cluster. */
async function whereTheyOwn(
  session: PgSession,
  leaving: readonly LeavingRole[],
): Promise<ReadonlyMap<string, readonly Owning[]>> {
  const rows = await session.query<{ role: string; database: string | null }>(
    home,
    `SELECT DISTINCT a.rolname AS role, d.datname AS database
       FROM pg_shdepend s
       JOIN pg_authid a ON a.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
       LEFT JOIN pg_database d ON d.oid = s.dbid
      WHERE a.rolname = ANY($1) ORDER BY 1, 2`,
    [leaving.map(({ name }) => name)],
  );
  const cluster = await session.cluster();
  const going = new Set(leaving.map(({ name }) => name));
  const stays = (role: string | undefined): role is string =>
    role !== undefined && cluster.roles.has(role) && !going.has(role);
  const targetIn = (role: string, database: string): string => {
    const named = leaving.find(({ name }) => name === role)?.reassignTo?.[database];
    const owner = cluster.databases.get(database)?.owner;
    return stays(named) ? named : stays(owner) ? owner : 'postgres';
  };
  // Databases themselves and the like are shared: any connection can give them away.
  const places = rows.map(({ role, database }) => ({ role, database: database ?? home }));
  const groups = Map.groupBy(places, ({ database }) => database);
  return new Map(
    [...groups].map(([database, each]) => [
      database,
      [...new Set(each.map(({ role }) => role))].map((role) => ({ role, target: targetIn(role, database) })),
    ]),
  );
}
