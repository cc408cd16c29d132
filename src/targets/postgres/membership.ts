import type { DiffContext, InventoryRecord, ReadyChange, ResourceKind, RunContext } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { parseResourceId, resourceId, type ResourceId, targetId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { readMark } from '../process/mark.ts';
import { superuser } from '../process/settings.ts';
import { inBulk, type Prepared } from './bulk.ts';
import type { ClusterSnapshot, SeenMembership } from './cluster-snapshot.ts';
import { granted, knownGrants } from './known.ts';
import { isLeaseRole } from './lease-login.ts';
import { differs } from './marked.ts';
import type { MembershipSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

export interface MembershipSeen {
  /** One per role that granted it; empty when this membership is absent and only seen for its strays. */
  readonly rows: readonly SeenMembership[];
  /** Memberships of roles of this fleet that nobody asked for; each is seen by one resource only. */
  readonly strays: readonly SeenMembership[];
}

/** `postgres/<name>/membership/<role>/<member>`: see `postgres.spec.ts`. */
export const membershipKind: ResourceKind<PgSession, MembershipSpec, MembershipSeen> = {
  kind: 'membership',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'grantee',

  async observe(session, wanted, recorded, context) {
    const cluster = await session.cluster();
    const pairs = Map.groupBy(cluster.memberships, ({ role, member }) => `${role} ${member}`);
    const strays = assignStrays(session, cluster, wanted, context);
    const answers = new Map<ResourceId, Answer<MembershipSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const [role, member] = parseResourceId(id).names as [string, string];
      const rows = pairs.get(`${role} ${member}`) ?? [];
      const own = strays.get(id) ?? [];
      answers.set(id, rows.length === 0 && own.length === 0 ? absent : present({ rows, strays: own }));
    }
    return answers;
  },

  diff: diffMembership,

  outputs: () => granted,

  async *apply(session, changes, io) {
    yield* inBulk({
      session,
      io,
      changes,
      database: () => 'postgres',
      prepare: (ready): Prepared => ({
        sql: statements(ready),
        finish: () => ({ done: ready.resource === undefined ? undefined : { outputs: granted } }),
      }),
    });
  },
};

/**
 * Memberships that no resource asks for, of members that this fleet made. What a lease grants its login, and what whoever
 * makes the logins of leases is to them, is their own business. Each is shown by the first wanted membership of the same member, else by the first of all.
 */
function assignStrays(
  session: PgSession,
  cluster: ClusterSnapshot,
  wanted: readonly Resource<MembershipSpec>[],
  context: Pick<RunContext, 'output' | 'fleet'>,
): ReadonlyMap<ResourceId, readonly SeenMembership[]> {
  const isKnown = knownGrants(wanted, context);
  const target = targetId('postgres', session.name);
  const strays = new Map<ResourceId, SeenMembership[]>();
  for (const row of cluster.memberships) {
    const mark = readMark(cluster.roles.get(row.member)?.comment);
    const isOurs = mark?.fleet === context.fleet && mark.id === resourceId(target, 'role', row.member);
    if (
      !isOurs ||
      isLeaseRole(cluster.roles.get(row.role), context.fleet) ||
      isKnown(resourceId(target, 'membership', row.role, row.member))
    ) {
      continue;
    }
    const shownBy = wanted.find(({ spec }) => spec.member === row.member) ?? wanted[0];
    if (shownBy !== undefined) {
      strays.set(shownBy.id, [...(strays.get(shownBy.id) ?? []), row]);
    }
  }
  return strays;
}

function diffMembership(
  wanted: Resource<MembershipSpec> | undefined,
  seen: MembershipSeen | undefined,
  recorded: InventoryRecord | undefined,
  _context: DiffContext,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  const strays = (seen?.strays ?? []).map(({ role, member }): FieldChange => ({
    field: `${member} in ${role}`,
    before: 'member',
    after: 'none',
    note: 'nobody asked for it',
  }));
  if (seen === undefined || seen.rows.length === 0) {
    return { id, action: 'create', fields: strays };
  }
  const { spec } = wanted;
  const fields = [
    ...differs(
      'inherit',
      seen.rows.some(({ inherit }) => inherit),
      spec.inherit,
    ),
    ...differs(
      'set',
      seen.rows.some(({ set }) => set),
      spec.set,
    ),
    ...differs(
      'admin',
      seen.rows.some(({ admin }) => admin),
      spec.admin ?? false,
    ),
    ...strays,
  ];
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

function statements({ resource, seen, recorded }: ReadyChange<MembershipSpec, MembershipSeen>): string[] {
  const revoked = (seen?.strays ?? []).map(revoke);
  if (resource === undefined) {
    return [...(recorded === undefined ? [] : (seen?.rows ?? []).map(revoke)), ...revoked];
  }
  const { role, member, inherit, set, admin = false } = resource.spec;
  const rows = seen?.rows ?? [];
  // Options given by somebody else add to ours, and only taking that grant back takes them away.
  const excess = rows.filter(
    (row) => row.grantor !== superuser && (row.admin !== admin || row.inherit !== inherit || row.set !== set),
  );
  const grant =
    `GRANT ${ident(role)} TO ${ident(member)} ` +
    `WITH INHERIT ${word(inherit)}, SET ${word(set)}, ADMIN ${word(admin)}`;
  return [...excess.map(revoke), grant, ...revoked];
}

function revoke({ role, member, grantor }: SeenMembership): string {
  return `REVOKE ${ident(role)} FROM ${ident(member)} GRANTED BY ${ident(grantor)} CASCADE`;
}

function word(option: boolean): string {
  return option ? 'TRUE' : 'FALSE';
}
