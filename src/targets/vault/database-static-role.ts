import { asText, strings } from '../../stores/vault/reply.ts';
import { hasOwnPasswords } from './database-role.ts';
import type { DatabaseStaticRoleSpec } from './database-static-role.spec.ts';
import { statementChanges } from './database-statements.ts';
import { roleKind } from './role-kind.ts';

/** `store/<Store>/database-static-role/<mount>/<role>`: see `database-static-role.spec.ts`. */
export const databaseStaticRoleKind = roleKind<DatabaseStaticRoleSpec>({
  kind: 'database-static-role',
  within: 'engine',
  collection: 'static-roles',
  fields: (spec) => ({
    db_name: spec.connection,
    username: spec.username,
    rotation_period: spec.rotationSeconds,
    credential_type: 'password',
  }),
  compare: async (_spec, seen) => [
    ...statementChanges('rotation statement', [], strings(seen['rotation_statements'])),
    ...(hasOwnPasswords(seen) ? [{ field: 'password policy', before: 'its own', after: 'none' }] : []),
  ],
  extra: async () => ({ rotation_statements: [] }),
  // The server refuses to change its login.
  mustBeNew: (seen, spec) => hasOwnPasswords(seen) || asText(seen['username']) !== spec.username,
});
