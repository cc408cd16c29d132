import type { InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { type AclEntry, parseAcl, type Privilege } from './acl.ts';
import { inBulk, type Prepared } from './bulk.ts';
import { granted } from './known.ts';
import type { DefaultPrivilegeSpec } from './postgres.spec.ts';
import { classRights } from './privilege-places.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

/** What one role will hold on what another one makes in the schema. */
interface Held {
  readonly creator: string;
  readonly sort: Sort;
  readonly entries: readonly AclEntry[];
}

export interface DefaultPrivilegeSeen {
  readonly held: readonly Held[];
}

type Sort = 'TABLE' | 'SEQUENCE';
const sorts: Readonly<Record<string, Sort>> = { r: 'TABLE', S: 'SEQUENCE' };

/** `postgres/<name>/default-privilege/<database>/<schema>/<role>`: see `postgres.spec.ts`. */
export const defaultPrivilegeKind: ResourceKind<PgSession, DefaultPrivilegeSpec, DefaultPrivilegeSeen> = {
  kind: 'default-privilege',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'grantee',

  async observe(session, wanted, recorded) {
    const answers = new Map<ResourceId, Answer<DefaultPrivilegeSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const held = await seeHeld(session, id);
      answers.set(id, held.length === 0 ? absent : present({ held }));
    }
    return answers;
  },

  diff: diffDefaultPrivilege,

  outputs: () => granted,

  apply: (session, changes, io) =>
    inBulk({
      session,
      io,
      changes,
      database: ({ change }) => namesOf(change.id).database,
      prepare: (ready): Prepared => ({
        sql: statements(ready),
        finish: () => ({
          done:
            ready.resource === undefined
              ? undefined
              : { outputs: granted, removal: { creator: ready.resource.spec.creator } },
        }),
      }),
    }),
};

async function seeHeld(session: PgSession, id: ResourceId): Promise<Held[]> {
  const { database, schema, role } = namesOf(id);
  const defaultAcls = (await session.database(database))?.defaultAcls ?? [];
  return defaultAcls.flatMap((each): Held[] => {
    const sort = sorts[each.type];
    const entries = parseAcl(each.acl).filter(({ grantee }) => grantee === role);
    return each.schema !== schema || sort === undefined || entries.length === 0
      ? []
      : [{ creator: each.creator, sort, entries }];
  });
}

interface Gap {
  readonly sort: Sort;
  readonly held: readonly Privilege[];
  readonly wanted: readonly Privilege[];
  readonly missing: readonly Privilege[];
  readonly excess: readonly Privilege[];
  /** What it may keep but not pass on. */
  readonly grantable: readonly Privilege[];
}

function gapsOf(spec: DefaultPrivilegeSpec, seen: DefaultPrivilegeSeen | undefined): Gap[] {
  return (['TABLE', 'SEQUENCE'] as const).flatMap((sort): Gap[] => {
    const ofCreator = (seen?.held ?? []).filter((each) => each.sort === sort && each.creator === spec.creator);
    const entries = ofCreator.flatMap((each) => each.entries);
    const held = entries.flatMap(({ privileges }) => privileges);
    const wanted = classRights[spec.privileges][sort];
    const missing = wanted.filter((privilege) => !held.includes(privilege));
    const excess = held.filter((privilege) => !wanted.includes(privilege));
    const grantable = entries.flatMap((entry) => entry.grantable).filter((privilege) => wanted.includes(privilege));
    return missing.length + excess.length + grantable.length === 0
      ? []
      : [{ sort, held, wanted, missing, excess, grantable }];
  });
}

function diffDefaultPrivilege(
  wanted: Resource<DefaultPrivilegeSpec> | undefined,
  seen: DefaultPrivilegeSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  const { spec } = wanted;
  if (seen === undefined) {
    return {
      id,
      action: 'create',
      fields: [{ field: 'rights', after: `${spec.privileges} on what ${spec.creator} makes` }],
    };
  }
  const fields = gapsOf(spec, seen).map((gap): FieldChange => ({
    field: `${gap.sort.toLowerCase()}s made later`,
    before: list(gap.held),
    after: list(gap.wanted),
    note: gap.missing.length + gap.excess.length === 0 ? 'it could pass them on' : undefined,
  }));
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

function list(privileges: readonly Privilege[]): string {
  return privileges.length === 0 ? 'none' : privileges.toSorted().join(', ');
}

function statements({
  change,
  resource,
  seen,
  recorded,
}: ReadyChange<DefaultPrivilegeSpec, DefaultPrivilegeSeen>): string[] {
  const { schema, role } = namesOf(change.id);
  const of = (creator: string): string =>
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(creator)} IN SCHEMA ${ident(schema)}`;
  if (resource === undefined) {
    const creator = recorded?.removal?.['creator'];
    return (seen?.held ?? [])
      .filter((each) => creator === undefined || each.creator === creator)
      .map((each) => `${of(each.creator)} REVOKE ALL ON ${each.sort}S FROM ${ident(role)}`);
  }
  const prefix = of(resource.spec.creator);
  return gapsOf(resource.spec, seen).flatMap(({ sort, missing, excess, grantable }) => [
    ...(excess.length === 0 ? [] : [`${prefix} REVOKE ${excess.join(', ')} ON ${sort}S FROM ${ident(role)}`]),
    ...(grantable.length === 0
      ? []
      : [`${prefix} REVOKE GRANT OPTION FOR ${grantable.join(', ')} ON ${sort}S FROM ${ident(role)}`]),
    ...(missing.length === 0 ? [] : [`${prefix} GRANT ${missing.join(', ')} ON ${sort}S TO ${ident(role)}`]),
  ]);
}

function namesOf(id: ResourceId): { readonly database: string; readonly schema: string; readonly role: string } {
  const [database, schema, role] = parseResourceId(id).names as [string, string, string];
  return { database, schema, role };
}
