import type { DiffContext, InventoryRecord } from '../../engine/interfaces.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import type { Resource } from '../../model/resource.ts';
import { diffMarked, differs } from './marked.ts';
import type { RoleSpec } from './postgres.spec.ts';
import { resolved } from './resolved.ts';
import type { RoleSeen } from './role.ts';

export function diffRole(
  wanted: Resource<RoleSpec> | undefined,
  seen: RoleSeen | undefined,
  recorded: InventoryRecord | undefined,
  context: DiffContext,
): Change {
  return diffMarked({
    wanted,
    seen,
    recorded,
    context,
    onRemoval: 'remove',
    leaving: () => 'left the fleet; its sessions end, and what it owns goes to the owner of the database',
    create: (spec) => [
      { field: 'login', after: String(spec.login) },
      ...(spec.password === undefined ? [] : [{ field: 'password', after: `version ${versionOf(spec)}` }]),
    ],
    differences: (spec, role) => roleDifferences(spec, role, recorded),
  });
}

/** Version of the password that the role should have; the spec's outputs are filled in. */
export function versionOf(spec: RoleSpec): string | undefined {
  return spec.password === undefined ? undefined : resolved(spec.password.version);
}

function roleDifferences(
  spec: RoleSpec,
  { role, initial, setRole, setRoleIn }: RoleSeen,
  recorded: InventoryRecord | undefined,
): FieldChange[] {
  const attributes = [
    ...differs('login', role.login, spec.login),
    ...differs('superuser', role.superuser, spec.superuser ?? false),
    ...differs('replication', role.replication, spec.replication ?? false),
    ...differs('connection limit', role.connectionLimit, spec.connectionLimit ?? -1),
    ...differs('valid until', role.validUntil, null),
    ...differs('create role', role.createRole, spec.createRole ?? false),
    // What a fleet cannot ask for, no role of it has.
    ...differs('inherit', role.inherit, true),
    ...differs('create database', role.createDatabase, false),
    ...differs('bypass row security', role.bypassRowSecurity, false),
  ];
  return [
    // The attributes of the superuser that initdb made are PostgreSQL's.
    ...(initial ? [] : attributes),
    ...differs('set role', setRole, spec.setRole ?? null),
    ...setRoleIn.map((database): FieldChange => ({ field: `set role in ${database}`, before: 'set', after: 'none' })),
    ...passwordDifference(spec, role.password, recorded),
  ];
}

function passwordDifference(spec: RoleSpec, seen: string | null, recorded: InventoryRecord | undefined): FieldChange[] {
  if (spec.passwordElsewhere === true) {
    return [];
  }
  const version = versionOf(spec);
  const field = 'password';
  if (version === undefined) {
    return seen === null ? [] : [{ field, before: 'set', after: 'none' }];
  }
  if (seen === null) {
    return [{ field, before: 'none', after: `version ${version}` }];
  }
  if (recorded?.version === undefined || recorded.fingerprint === undefined) {
    return [{ field, note: 'compared with the store, because no record says which version it is' }];
  }
  if (recorded.version !== version) {
    return [{ field, before: `version ${recorded.version}`, after: `version ${version}` }];
  }
  return recorded.fingerprint === seen ? [] : [{ field, note: 'changed by hand' }];
}
