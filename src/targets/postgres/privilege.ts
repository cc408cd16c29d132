import type { ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change } from '../../model/change.ts';
import { parseResourceId, resourceId, type ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { inBulk, type Prepared } from './bulk.ts';
import { granted } from './known.ts';
import type { PrivilegeSpec } from './postgres.spec.ts';
import { gapsOf, granteesIn, type Holding, holdingsOf } from './privilege-places.ts';
import { describeGaps, gapStatements } from './rights.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';

export interface PrivilegeSeen {
  readonly holdings: readonly Holding[];
}

type Ready = ReadyChange<PrivilegeSpec, PrivilegeSeen>;

/** `postgres/<name>/privilege/<database>/<schema>/<role>`: see `postgres.spec.ts`. */
export const privilegeKind: ResourceKind<PgSession, PrivilegeSpec, PrivilegeSeen> = {
  kind: 'privilege',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'grantee',

  async observe(session, wanted, recorded) {
    const answers = new Map<ResourceId, Answer<PrivilegeSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      answers.set(id, (await holdsAny(session, id)) ? present({ holdings: await seeHoldings(session, id) }) : absent);
    }
    return answers;
  },

  diff: diffPrivilege,

  outputs: () => granted,

  async *apply(session, changes, io) {
    const leaving = new Set(changes.flatMap(({ change, resource }) => (resource === undefined ? [change.id] : [])));
    yield* inBulk({
      session,
      io,
      changes,
      database: ({ change }) => namesOf(change.id).database,
      prepare: async (ready): Promise<Prepared> => ({
        sql: await statements(session, ready, leaving, io),
        finish: () => ({ done: ready.resource === undefined ? undefined : { outputs: granted } }),
      }),
    });
  },
};

async function holdsAny(session: PgSession, id: ResourceId): Promise<boolean> {
  const { database, schema, role } = namesOf(id);
  const seen = (await session.cluster()).databases.get(database);
  const snapshot = seen?.connectable === true ? await session.database(database) : undefined;
  const isThere = snapshot?.schemas.some(({ name }) => name === schema) === true;
  return seen !== undefined && snapshot !== undefined && isThere && granteesIn(seen, snapshot, schema).has(role);
}

async function seeHoldings(session: PgSession, id: ResourceId): Promise<readonly Holding[]> {
  const { database, schema, role } = namesOf(id);
  const seen = (await session.cluster()).databases.get(database);
  const snapshot = seen?.connectable === true ? await session.database(database) : undefined;
  return seen === undefined || snapshot === undefined ? [] : holdingsOf(seen, snapshot, schema, role);
}

function diffPrivilege(
  wanted: Resource<PrivilegeSpec> | undefined,
  seen: PrivilegeSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  if (seen === undefined && wanted.spec.privileges === 'none') {
    return { id, action: 'none', fields: [] };
  }
  if (seen === undefined) {
    return { id, action: 'create', fields: [{ field: 'rights', after: wanted.spec.privileges }] };
  }
  const fields = describeGaps(gapsOf(seen.holdings, wanted.spec.privileges));
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

/** What is there now decides: tables may have come since it was looked at. */
async function statements(
  session: PgSession,
  { change, resource }: Ready,
  leaving: ReadonlySet<ResourceId>,
  io: ApplyContext,
): Promise<string[]> {
  const { role } = namesOf(change.id);
  const holdings = await seeHoldings(session, change.id);
  if (resource !== undefined) {
    return gapStatements(gapsOf(holdings, resource.spec.privileges), role);
  }
  const keepsDatabase = await isUsedElsewhere(session, change.id, leaving, io);
  const own = holdings.filter(({ place }) => place.sort !== 'DATABASE' || !keepsDatabase);
  return gapStatements(gapsOf(own, undefined), role);
}

/** The role has another schema of the same database, for which it goes on needing the database itself. */
async function isUsedElsewhere(
  session: PgSession,
  id: ResourceId,
  leaving: ReadonlySet<ResourceId>,
  io: Pick<ApplyContext, 'output'>,
): Promise<boolean> {
  const { database, schema, role } = namesOf(id);
  const { target, kind } = parseResourceId(id);
  const schemas = (await session.database(database))?.schemas ?? [];
  return schemas.some(({ name }) => {
    const other = resourceId(target, kind, database, name, role);
    return name !== schema && !leaving.has(other) && io.output(other, 'granted') === true;
  });
}

function namesOf(id: ResourceId): { readonly database: string; readonly schema: string; readonly role: string } {
  const [database, schema, role] = parseResourceId(id).names as [string, string, string];
  return { database, schema, role };
}
