import { asObject, strings } from '../../stores/vault/reply.ts';
import type { DatabaseRoleSpec } from './database-role.spec.ts';
import { creationStatements, revocationStatements, statementChanges } from './database-statements.ts';
import { revokeLeasesOf } from './database-lease.ts';
import { roleKind } from './role-kind.ts';

/** `store/<Store>/database-role/<mount>/<role>`: see `database-role.spec.ts`. */
export const databaseRoleKind = roleKind<DatabaseRoleSpec>({
  kind: 'database-role',
  within: 'engine',
  collection: 'roles',
  fields: (spec) => ({
    db_name: spec.connection,
    default_ttl: spec.ttlSeconds,
    max_ttl: spec.maxTtlSeconds,
    credential_type: 'password',
  }),
  compare: async (spec, seen) => [
    ...statementChanges('creation statement', creationStatements(spec), strings(seen['creation_statements'])),
    ...statementChanges('revocation statement', revocationStatements(spec), strings(seen['revocation_statements'])),
    ...statementChanges('renewal statement', [], strings(seen['renew_statements'])),
    ...statementChanges('rollback statement', [], strings(seen['rollback_statements'])),
    ...(hasOwnPasswords(seen) ? [{ field: 'password policy', before: 'its own', after: 'none' }] : []),
  ],
  extra: async (spec) => ({
    creation_statements: creationStatements(spec),
    revocation_statements: revocationStatements(spec),
    renew_statements: [],
    rollback_statements: [],
  }),
  // Once a role has these, no write takes them away.
  mustBeNew: hasOwnPasswords,
  revoke: revokeLeasesOf,
});

/** Makes passwords by a policy of its own. */
export function hasOwnPasswords(seen: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(asObject(seen['credential_config']) ?? {}).length > 0;
}
