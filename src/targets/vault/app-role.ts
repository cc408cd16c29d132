import { asText } from '../../stores/vault/reply.ts';
import type { AppRoleSpec } from './app-role.spec.ts';
import { endTokens } from './end-tokens.ts';
import { tokenFields } from './role-fields.ts';
import { roleKind } from './role-kind.ts';

/** `store/<Store>/app-role/<mount>/<role>`: see `app-role.spec.ts`. */
export const appRoleKind = roleKind<AppRoleSpec>({
  kind: 'app-role',
  collection: 'role',
  fields: (spec) => ({
    ...tokenFields(spec.token),
    bind_secret_id: true,
    secret_id_ttl: spec.secretIdSeconds ?? 0,
    secret_id_num_uses: spec.secretIdUses ?? 0,
    secret_id_bound_cidrs: spec.secretIdBoundCidrs ?? [],
  }),
  async outputs(client, path) {
    const reply = await client.request({ method: 'GET', path: `${path}/role-id` });
    return { roleId: asText(reply.data['role_id']) };
  },
  async revoke(client, { mount, role }) {
    const reply = await client.readIfPresent(`auth/${mount}/role/${role}/role-id`);
    await endTokens(client, mount, reply === undefined ? [] : [asText(reply.data['role_id'])]);
  },
});
