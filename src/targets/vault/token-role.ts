import { roleKind } from './role-kind.ts';
import type { TokenRoleSpec } from './token-role.spec.ts';

/** `store/<Store>/token-role/token/<role>`: see `token-role.spec.ts`. */
export const tokenRoleKind = roleKind<TokenRoleSpec>({
  kind: 'token-role',
  collection: 'roles',
  fields: (spec) => ({
    allowed_policies: spec.policies,
    // Each of these would let in a policy beside those.
    allowed_policies_glob: [],
    disallowed_policies: [],
    disallowed_policies_glob: [],
    allowed_entity_aliases: [],
    orphan: true,
    renewable: true,
    token_period: spec.periodSeconds,
    token_explicit_max_ttl: 0,
    // An older way to say the same two.
    period: 0,
    explicit_max_ttl: 0,
    token_no_default_policy: false,
    token_bound_cidrs: spec.boundCidrs ?? [],
    token_type: 'service',
    path_suffix: '',
  }),
});
