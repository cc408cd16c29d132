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
  choose(environment) {
    const roleId = randomUuid(environment.randomBytes(16));
    return { fields: { role_id: roleId }, outputs: { roleId } };
  },
  async outputs(client, path) {
    const reply = await client.request({ method: 'GET', path: `${path}/role-id` });
    return { roleId: asText(reply.data['role_id']) };
  },
  async revoke(client, { mount, role }) {
    const reply = await client.readIfPresent(`auth/${mount}/role/${role}/role-id`);
    await endTokens(client, mount, reply === undefined ? [] : [asText(reply.data['role_id'])]);
  },
});

/** Version 4 of RFC 9562, section 5.4: what servers choose themselves. */
function randomUuid(random: Uint8Array): string {
  const bytes = Buffer.from(random);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
