import type { RunContext } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import { asText, strings } from '../../stores/vault/reply.ts';
import type { CertRoleSpec } from './cert-role.spec.ts';
import { endTokens } from './end-tokens.ts';
import { tokenFields } from './role-fields.ts';
import { roleKind } from './role-kind.ts';

/** `store/<Store>/cert-role/<mount>/<role>`: see `cert-role.spec.ts`. */
export const certRoleKind = roleKind<CertRoleSpec>({
  kind: 'cert-role',
  collection: 'certs',
  fields: (spec) => ({
    ...tokenFields(spec.token),
    allowed_common_names: spec.commonNames,
    // Each of these would let in somebody beside the common names.
    allowed_names: [],
    allowed_dns_sans: [],
    allowed_email_sans: [],
    allowed_uri_sans: [],
    allowed_organizational_units: [],
    required_extensions: [],
  }),
  async compare(spec, seen, context) {
    const wanted = await authorityPem(spec, context).catch((error: unknown) => {
      if (error instanceof Failure) {
        // The authority is made in the same run: apply looks again.
        return undefined;
      }
      throw error;
    });
    return wanted === undefined || samePem(wanted, asText(seen['certificate']))
      ? []
      : [{ field: 'authority', before: 'another certificate', after: `${spec.authority.path}, ${spec.authority.key}` }];
  },
  async revoke(client, { mount, role }) {
    const seen = await client.readIfPresent(`auth/${mount}/certs/${role}`);
    await endTokens(client, mount, strings(seen?.data['allowed_common_names']));
  },
  extra: async (spec, context) => ({ certificate: await authorityPem(spec, context) }),
});

async function authorityPem({ authority }: CertRoleSpec, context: RunContext): Promise<string> {
  const { store, path, key } = authority;
  const answer = await (await context.store(store)).read(path);
  const value = answer.state === 'present' ? answer.seen.data.get(key) : undefined;
  if (value === undefined) {
    throw new Failure({
      code: 'authority-not-there',
      message: `${key} of ${path} in store ${store} is not there`,
      object: `store/${store}`,
      why: 'a login method takes certificates of this authority only',
      remedy: 'Run keywright apply for the Authority first.',
    });
  }
  return value.expose();
}

/** The server keeps PEM as it was sent; line breaks at its ends mean nothing. */
function samePem(one: string, other: string): boolean {
  return one.replaceAll(/\s/g, '') === other.replaceAll(/\s/g, '');
}
