import type { InventoryRecord, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import type { ClusterSnapshot, SeenRole } from './cluster-snapshot.ts';
import { applyRoles } from './role-apply.ts';
import { diffRole } from './role-diff.ts';
import type { RoleSpec } from './postgres.spec.ts';
import type { PgSession } from './session.ts';
import { superuser } from '../process/settings.ts';

export interface RoleSeen {
  readonly role: SeenRole;
  readonly comment: string | null;
  readonly initial: boolean;
  /** `SET role = …` at login, in every database. */
  readonly setRole: string | null;
  /** Databases that have a word of their own on that. */
  readonly setRoleIn: readonly string[];
}

/** `postgres/<name>/role/<role>`: see `postgres.spec.ts`. */
export const roleKind: ResourceKind<PgSession, RoleSpec, RoleSeen> = {
  kind: 'role',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe(session, wanted, recorded) {
    const cluster = await session.cluster();
    const settings = Map.groupBy(cluster.roleSettings, ({ role }) => role);
    const answers = new Map<ResourceId, Answer<RoleSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const role = cluster.roles.get(parseResourceId(id).names[0] as string);
      answers.set(id, role === undefined ? absent : present(seenRole(role, settings.get(role.name) ?? [])));
    }
    return answers;
  },

  diff: diffRole,

  apply: (session, changes, io) => applyRoles(session, changes, io),
};

/** Ids of everything that is asked for, once each. */
export function idsOf(
  wanted: readonly { readonly id: ResourceId }[],
  recorded: readonly InventoryRecord[],
): Set<ResourceId> {
  return new Set([...wanted.map(({ id }) => id), ...recorded.map(({ id }) => id)]);
}

function seenRole(role: SeenRole, settings: ClusterSnapshot['roleSettings']): RoleSeen {
  const prefix = 'role=';
  const found = settings.flatMap(({ database, settings: each }) =>
    each
      .filter((setting) => setting.startsWith(prefix))
      .map((setting) => ({ database, value: setting.slice(prefix.length) })),
  );
  return {
    role,
    comment: role.comment,
    initial: role.name === superuser,
    setRole: found.find(({ database }) => database === null)?.value ?? null,
    setRoleIn: found.flatMap(({ database }) => (database === null ? [] : [database])),
  };
}
