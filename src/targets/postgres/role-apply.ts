import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { formatMark } from '../process/mark.ts';
import { inBulk, type Outcome, type Prepared } from './bulk.ts';
import { isOursToRemove, liftStatements, markStatements } from './marked.ts';
import { readPasswords } from './passwords.ts';
import type { RoleSpec } from './postgres.spec.ts';
import { removeRoles } from './role-removal.ts';
import { versionOf } from './role-diff.ts';
import type { RoleSeen } from './role.ts';
import { scramVerifier, verifierBelongsTo, verifierFingerprint } from './scram.ts';
import type { PgSession, Send } from './session.ts';
import { ident, literal } from './sql.ts';
import { removeInBulk } from './removal.ts';

type Ready = ReadyChange<RoleSpec, RoleSeen>;

const home = 'postgres';

/** Carries changes of roles out: a thousand of them are some transactions on two connections. */
export async function* applyRoles(
  session: PgSession,
  changes: readonly Ready[],
  io: ApplyContext,
): AsyncGenerator<Applied> {
  const wanted = changes.filter(({ resource }) => resource !== undefined);
  const removed = changes.filter(({ resource, change }) => resource === undefined && change.action === 'remove');
  const kept = changes.filter(({ resource, change }) => resource === undefined && change.action !== 'remove');
  yield* writeRoles(session, wanted, io);
  yield* inBulk({
    session,
    io,
    changes: kept,
    database: () => home,
    prepare: ({ change, seen, recorded }): Prepared => ({
      sql: liftStatements(`ROLE ${ident(seen?.role.name ?? '')}`, seen, io.fleet, change.id),
      finish: () => ({ done: { removal: recorded?.removal } }),
    }),
  });
  yield* removeInBulk(io, removed, async (batch) => {
    const ours = batch.filter(({ change, seen, recorded }) => isOursToRemove(seen, recorded, io.fleet, change.id));
    await removeRoles(session, {
      roles: ours.map(({ seen, recorded }) => ({
        name: (seen as RoleSeen).role.name,
        reassignTo: readReassign(recorded?.removal?.['reassignTo']),
      })),
      guard: () => io.guard(),
    });
  });
}

async function* writeRoles(session: PgSession, changes: readonly Ready[], io: ApplyContext): AsyncGenerator<Applied> {
  const passwords = await readPasswords(
    io,
    changes.filter(needsPassword).map(({ resource }) => (resource as Resource<RoleSpec>).spec.password),
  );
  const expected = new Map<ResourceId, string>();
  yield* inBulk({
    session,
    io,
    changes,
    database: () => home,
    lanes: 2,
    size: 100,
    before: keepOutOfLogs,
    prepare: async (ready): Promise<Prepared> => {
      const { id, spec } = ready.resource as Resource<RoleSpec>;
      expected.delete(id);
      let verifier: string | undefined;
      let version = versionOf(spec);
      let fingerprint = spec.password === undefined ? undefined : ready.recorded?.fingerprint;
      if (spec.password !== undefined && needsPassword(ready)) {
        const { secret: password, version: read } = passwords(spec.password);
        version = read;
        const stored = isUnknown(ready) ? await storedVerifier(session, spec.name) : undefined;
        if (stored !== undefined && (await verifierBelongsTo(stored, password))) {
          fingerprint = verifierFingerprint(stored);
        } else {
          verifier = await scramVerifier(password, (length) => io.environment.randomBytes(length));
          fingerprint = verifierFingerprint(verifier);
          expected.set(id, fingerprint);
        }
      }
      return {
        sql: [
          ...roleStatements(spec, ready.seen, verifier),
          ...markStatements(`ROLE ${ident(spec.name)}`, ready.seen, io.fleet, id),
        ],
        finish: (): Outcome => ({
          done: {
            mark: formatMark({ fleet: io.fleet, id }),
            version,
            fingerprint,
            removal: { reassignTo: JSON.stringify(spec.reassignTo ?? {}) },
          },
        }),
      };
    },
    after: async (send, chunk) => verifyStored(send, chunk, expected),
  });
}

/** Whether its password has to be written, or looked at; attributes can change without it. */
function needsPassword({ resource, seen, change }: Ready): boolean {
  return (
    resource?.spec.password !== undefined &&
    (seen === undefined || change.action === 'adopt' || change.fields.some(({ field }) => field === 'password'))
  );
}

/** It has a password, and no record says whether it is the right one. */
function isUnknown({ seen, recorded }: Ready): boolean {
  return (
    seen !== undefined &&
    seen.role.password !== null &&
    (recorded?.version === undefined || recorded.fingerprint === undefined)
  );
}

async function storedVerifier(session: PgSession, role: string): Promise<string | undefined> {
  const rows = await session.query<{ verifier: string | null }>(
    home,
    'SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = $1',
    [role],
  );
  return rows[0]?.verifier ?? undefined;
}

/**
 * Keeps the statements that follow in this transaction out of the log and of pg_stat_statements. It has to be a message
 * of its own: a message is logged as a whole, before its first statement runs.
 */
export async function keepOutOfLogs(send: Send): Promise<void> {
  await send(
    [
      `SET LOCAL log_statement = 'none'`,
      `SET LOCAL log_min_error_statement = 'panic'`,
      'SET LOCAL log_min_duration_statement = -1',
      'SET LOCAL log_min_duration_sample = -1',
      'SET LOCAL log_transaction_sample_rate = 0',
      'SET LOCAL log_duration = off',
      `SET LOCAL pg_stat_statements.track = 'none'`,
      'SET LOCAL auto_explain.log_min_duration = -1',
    ].join(';\n'),
  );
}

/** A verifier that PostgreSQL did not keep as it was sent was taken for a password. */
async function verifyStored(
  send: Send,
  changes: readonly Ready[],
  expected: ReadonlyMap<ResourceId, string>,
): Promise<void> {
  const sent = new Map(
    changes.flatMap(({ resource }) => {
      const fingerprint = expected.get((resource as Resource<RoleSpec>).id);
      return fingerprint === undefined ? [] : [[(resource as Resource<RoleSpec>).spec.name, fingerprint] as const];
    }),
  );
  if (sent.size === 0) {
    return;
  }
  const rows = await send<{ name: string; fingerprint: string }>(
    `SELECT rolname AS name, encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex') AS fingerprint
       FROM pg_authid WHERE rolname = ANY($1)`,
    [[...sent.keys()]],
  );
  const wrong = rows.find(({ name, fingerprint }) => sent.get(name) !== fingerprint);
  if (wrong !== undefined || rows.length !== sent.size) {
    throw new Failure({
      code: 'verifier-not-kept',
      message: `PostgreSQL did not keep the verifier of role ${wrong?.name ?? 'a role'} as it was sent`,
      why: 'nobody could log in with the password in the store',
    });
  }
}

function roleStatements(spec: RoleSpec, seen: RoleSeen | undefined, verifier: string | undefined): string[] {
  const name = ident(spec.name);
  const flag = (word: string, on: boolean | undefined): string => (on === true ? word : `NO${word}`);
  const attributes = [
    flag('LOGIN', spec.login),
    flag('SUPERUSER', spec.superuser),
    flag('REPLICATION', spec.replication),
    flag('CREATEROLE', spec.createRole),
    `CONNECTION LIMIT ${spec.connectionLimit ?? -1}`,
    'INHERIT NOCREATEDB NOBYPASSRLS',
  ].join(' ');
  const hasNone = spec.password === undefined && spec.passwordElsewhere !== true;
  const password = verifier !== undefined ? `PASSWORD ${literal(verifier)}` : hasNone ? 'PASSWORD NULL' : '';
  const validity = (seen?.role.validUntil ?? null) === null ? '' : `VALID UNTIL 'infinity'`;
  const all = [seen?.initial === true ? '' : attributes, password, validity].filter((part) => part !== '').join(' ');
  const statements = all === '' ? [] : [`${seen === undefined ? 'CREATE' : 'ALTER'} ROLE ${name} WITH ${all}`];
  if ((seen?.setRole ?? undefined) !== spec.setRole) {
    statements.push(
      `ALTER ROLE ${name} ${spec.setRole === undefined ? 'RESET role' : `SET role = ${literal(spec.setRole)}`}`,
    );
  }
  for (const database of seen?.setRoleIn ?? []) {
    statements.push(`ALTER ROLE ${name} IN DATABASE ${ident(database)} RESET role`);
  }
  return statements;
}

function readReassign(value: unknown): Readonly<Record<string, string>> {
  return typeof value === 'string' ? (JSON.parse(value) as Record<string, string>) : {};
}
