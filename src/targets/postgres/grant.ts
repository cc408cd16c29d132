import type { Applied, ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { digestOf } from '../../model/digest.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { inBulk, type Prepared } from './bulk.ts';
import {
  decodeRights,
  encodeRights,
  type HeldRight,
  holdingOf,
  privilegeText,
  readHeldRights,
  revocationsOf,
  type Right,
  rightsSince,
  rightsWithout,
  surplusOf,
} from './held-rights.ts';
import type { GrantSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession, Send } from './session.ts';
import { ident } from './sql.ts';

/** What is known of a statement that ran: PostgreSQL keeps its effect, not the statement. */
export interface GrantSeen {
  /** Digest of what ran last; undefined: what it gave is not recorded. */
  readonly ran: string | undefined;
  /** What it gave, and what of that is there still. */
  readonly given: readonly Right[];
  readonly held: readonly Right[];
  /** The other statements of the same role: what they give too is not taken away with this one. */
  readonly beside: readonly ResourceId[];
  /** What the role holds and none of its statements gave; told of the first of them in a database. */
  readonly surplus: readonly HeldRight[];
}

type Ready = ReadyChange<GrantSpec, GrantSeen>;

/** `postgres/<name>/grant/<access>/<index>`: see `postgres.spec.ts`. */
export const grantKind: ResourceKind<PgSession, GrantSpec, GrantSeen> = {
  kind: 'grant',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'grantee',

  observe: async (session, wanted, recorded) => {
    const records = recorded.filter(({ state }) => state === 'present');
    const held = await readHeld(session, records);
    const bounded = boundedRoles(records, wanted);
    const seen = new Map(records.map((record) => [record.id, seeGrant(record, wanted, held, bounded)]));
    return new Map(
      [...idsOf(wanted, recorded)].map((id): [ResourceId, Answer<GrantSeen>] => {
        const found = seen.get(id);
        return [id, found === undefined ? absent : present(found)];
      }),
    );
  },

  diff: diffGrant,

  async *apply(session, changes, io): AsyncGenerator<Applied> {
    const leaving = changes.filter(({ resource }) => resource === undefined);
    for (const round of roundsOf(changes.filter(({ resource }) => resource !== undefined))) {
      yield* runStatements(session, round, io);
    }
    yield* inBulk({
      session,
      io,
      changes: leaving,
      database: ({ recorded }) => placeOf(recorded).database,
      prepare: (ready): Prepared => ({ sql: takeBack(ready, [], io), finish: () => ({ done: undefined }) }),
    });
  },
};

/** Where a recorded statement ran, and for whom. */
function placeOf(record: InventoryRecord | undefined): { readonly database: string; readonly role: string } {
  return { database: String(record?.removal?.database ?? 'postgres'), role: String(record?.removal?.role ?? '') };
}

/** All rights of the roles of these records, asked for once per database. */
async function readHeld(
  session: PgSession,
  records: readonly InventoryRecord[],
): Promise<ReadonlyMap<string, readonly HeldRight[]>> {
  const held = new Map<string, readonly HeldRight[]>();
  for (const [database, ofDatabase] of Map.groupBy(records, (record) => placeOf(record).database)) {
    const isThere = (await session.cluster()).databases.get(database)?.connectable === true;
    const roles = [...new Set(ofDatabase.map((record) => placeOf(record).role))];
    const ask: Send = (sql, values) => session.query(database, sql, values);
    held.set(database, isThere ? await readHeldRights(ask, roles) : []);
  }
  return held;
}

function seeGrant(
  record: InventoryRecord,
  wanted: readonly Resource<GrantSpec>[],
  held: ReadonlyMap<string, readonly HeldRight[]>,
  bounded: readonly BoundedRole[],
): GrantSeen {
  const { database, role } = placeOf(record);
  const given = decodeRights(record.outputs?.['rights']);
  const ofRole = (held.get(database) ?? []).filter((right) => right.role === role);
  const lost = rightsWithout(given, ofRole);
  const bounds = bounded.find(({ speakers }) => speakers.includes(record.id));
  return {
    ran: record.outputs?.['rights'] === undefined ? undefined : record.fingerprint,
    given,
    held: rightsWithout(given, lost),
    beside: wanted.filter(({ id, spec }) => id !== record.id && spec.role === role).map(({ id }) => id),
    surplus: bounds === undefined ? [] : surplusOf(ofRole, bounds.given),
  };
}

/** A role of which it is known what it may hold. */
interface BoundedRole {
  /** All that its statements gave, in whatever database. */
  readonly given: readonly Right[];
  /** Its first statement in each database. */
  readonly speakers: readonly ResourceId[];
}

/** Roles all of whose statements ran and are plain GRANTs: any other may bring rights along later, as to future tables. */
function boundedRoles(
  records: readonly InventoryRecord[],
  wanted: readonly Resource<GrantSpec>[],
): readonly BoundedRole[] {
  const recordOf = new Map(records.map((record) => [record.id, record]));
  return [...Map.groupBy(wanted, ({ spec }) => spec.role).values()].flatMap((statements) => {
    const isSettled = statements.every(({ id, spec }) => {
      const record = recordOf.get(id);
      const ran = record?.outputs?.['rights'] !== undefined && record.fingerprint === digestOf(spec);
      return ran && oppositeOf(spec) !== undefined;
    });
    const leaving = records.some(
      (record) => placeOf(record).role === statements[0]?.spec.role && statements.every(({ id }) => id !== record.id),
    );
    if (!isSettled || leaving) {
      return [];
    }
    return {
      given: statements.flatMap(({ id }) => decodeRights(recordOf.get(id)?.outputs?.['rights'])),
      speakers: [...Map.groupBy(statements, ({ spec }) => spec.database).values()].map(
        (ofDatabase) => ofDatabase.map(({ id }) => id).toSorted()[0] as ResourceId,
      ),
    };
  });
}

function diffGrant(
  wanted: Resource<GrantSpec> | undefined,
  seen: GrantSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    const leavesNothing = seen !== undefined && seen.given.length > 0;
    const reason = leavesNothing ? 'left the fleet' : 'left the fleet; its effect stays while the role does';
    return { id, action: 'remove', fields: [], reason };
  }
  const field = { field: 'statement', after: wanted.spec.statement };
  if (seen === undefined) {
    return { id, action: 'create', fields: [field] };
  }
  const fields = seen.ran === digestOf(wanted.spec) ? describeDrift(seen) : [field];
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

/** Things that are told one by one; of the others only how many there are. */
const told = 8;

/** What somebody took away or added, thing by thing. */
function describeDrift({ given, held, surplus }: GrantSeen): FieldChange[] {
  const thingOf = ({ sort, name }: Right): string => `${sort.toLowerCase()} ${name}`;
  const differ = new Set([...rightsWithout(given, held), ...surplus].map(thingOf));
  const list = (rights: readonly Right[], thing: string): string =>
    rights
      .filter((right) => thingOf(right) === thing)
      .map(privilegeText)
      .join(', ') || 'none';
  const fields = [...differ].slice(0, told).map((thing): FieldChange => ({
    field: thing,
    before: list([...held, ...rightsWithout(surplus, [])], thing),
    after: list(given, thing),
  }));
  return differ.size <= told ? fields : [...fields, { field: 'rights', note: `on ${differ.size - told} more differ` }];
}

/** At most one statement of each role in a round, so that what a role holds more after it was given by that one. */
function roundsOf(changes: readonly Ready[]): Ready[][] {
  const rounds: Ready[][] = [];
  for (const ofRole of Map.groupBy(changes, ({ resource }) => resource?.spec.role).values()) {
    ofRole.forEach((change, index) => (rounds[index] ??= []).push(change));
  }
  return rounds;
}

/** Runs statements, looks what they gave, and takes back what the ones before them gave and nothing gives any more. */
async function* runStatements(
  session: PgSession,
  changes: readonly Ready[],
  io: ApplyContext,
): AsyncGenerator<Applied> {
  const specOf = ({ resource }: Ready): GrantSpec => (resource as Resource<GrantSpec>).spec;
  const roles = changes.map((change) => specOf(change).role);
  const given = new Map<ResourceId, readonly Right[]>();
  let before: readonly HeldRight[] = [];
  yield* inBulk({
    session,
    io,
    changes,
    database: (change) => specOf(change).database,
    before: async (send) => {
      before = await readHeldRights(send, roles);
    },
    prepare: (ready): Prepared => ({
      sql: [withRole(specOf(ready))],
      finish: () => {
        const { database, role } = specOf(ready);
        const rights = encodeRights(given.get(ready.change.id) ?? []);
        return {
          done: { fingerprint: digestOf(specOf(ready)), outputs: { rights }, removal: { database, role } },
        };
      },
    }),
    after: async (send, done) => {
      const now = await readHeldRights(send, roles);
      const without = await readWithout(send, roles, done.map(specOf));
      for (const ready of done) {
        const gave = whatItGave(ready, { before, without, now });
        given.set(ready.change.id, gave);
        const sql = [...takeBack(ready, gave, io), ...takeSurplus(ready, now)];
        if (sql.length > 0) {
          await send(sql.join(';\n'));
        }
      }
    },
  });
}

function withRole({ statement, role }: GrantSpec): string {
  return statement.replaceAll('{role}', ident(role));
}

/** What a role held at three times: before its statement, after it, and as if a plain GRANT had never been. */
interface Looks {
  readonly before: readonly HeldRight[];
  readonly now: readonly HeldRight[];
  readonly without: readonly HeldRight[];
}

/**
 * A plain GRANT gives what its REVOKE would take, also what was there already when a run before was killed. Of any other
 * statement it is what came with it, and what it was known to have given.
 */
function whatItGave({ resource, seen }: Ready, { before, without, now }: Looks): readonly Right[] {
  const spec = (resource as Resource<GrantSpec>).spec;
  const isOfRole = ({ role }: HeldRight): boolean => role === spec.role;
  const held = now.filter(isOfRole);
  if (oppositeOf(spec) !== undefined) {
    return rightsSince(held, without.filter(isOfRole));
  }
  const known = seen?.ran === digestOf(spec) ? seen.given : [];
  const came = rightsSince(held, before.filter(isOfRole));
  return [...came, ...rightsWithout(rightsWithout(known, rightsWithout(known, held)), came)];
}

/** What the roles would hold without these statements. Nothing of the question stays. */
async function readWithout(
  send: Send,
  roles: readonly string[],
  specs: readonly GrantSpec[],
): Promise<readonly HeldRight[]> {
  const opposites = specs.flatMap((spec) => oppositeOf(spec) ?? []);
  if (opposites.length === 0) {
    return [];
  }
  await send(['SAVEPOINT without', ...opposites].join(';\n'));
  const without = await readHeldRights(send, roles);
  await send('ROLLBACK TO SAVEPOINT without; RELEASE SAVEPOINT without');
  return without;
}

/** The opposite of a plain GRANT; undefined for what has none. */
function oppositeOf({ statement, role }: GrantSpec): string | undefined {
  const parts = /^\s*GRANT\s+([^;]+?)\s+TO\s+\{role\}\s*(?:WITH\s+GRANT\s+OPTION)?\s*;?\s*$/is.exec(statement);
  return parts === null ? undefined : `REVOKE ${parts[1]} FROM ${ident(role)} CASCADE`;
}

/** Takes back what somebody added, as whoever gave it: a REVOKE of the superuser's is one of the owner's alone. */
function takeSurplus({ seen, resource }: Ready, now: readonly HeldRight[]): string[] {
  const isThere = new Set(now.map(holdingOf));
  const surplus = (seen?.surplus ?? []).filter((right) => isThere.has(holdingOf(right)));
  return [...Map.groupBy(surplus, ({ grantor }) => grantor)].flatMap(([grantor, rights]) => [
    `SET LOCAL ROLE ${grantor}`,
    ...revocationsOf(rights, (resource as Resource<GrantSpec>).spec.role),
    'RESET ROLE',
  ]);
}

/** Takes back what a recorded statement gave, but for what is given now or by another statement of the role. */
function takeBack({ seen, recorded }: Ready, gives: readonly Right[], io: Pick<ApplyContext, 'output'>): string[] {
  const others = (seen?.beside ?? []).flatMap((id) => decodeRights(io.output(id, 'rights')));
  return revocationsOf(rightsWithout(seen?.held ?? [], [...gives, ...others]), placeOf(recorded).role);
}
