import { isIPv6 } from 'node:net';
import { clockSkewMilliseconds } from '../../authority/validity.ts';
import { pkiKeyType } from './pki-key-type.ts';
import type { PkiRoleSpec } from './pki-role.spec.ts';
import { fieldChanges } from './role-fields.ts';
import type { RoleFields } from './role-fields.ts';
import { roleKind } from './role-kind.ts';

/** `store/<Store>/pki-role/<mount>/<role>`: see `pki-role.spec.ts`. */
export const pkiRoleKind = roleKind<PkiRoleSpec>({
  kind: 'pki-role',
  within: 'engine',
  collection: 'roles',
  fields: (spec) => ({
    issuer_ref: spec.issuer,
    server_flag: spec.usage !== 'client',
    client_flag: spec.usage !== 'server',
    ...namesOnly(spec),
    ...pkiKeyType(spec.key),
    // For an elliptic curve, servers let the issuer's key decide, and say different numbers for that.
    ...(spec.key.startsWith('rsa') && { signature_bits: 256 }),
    use_pss: false,
    // What a leaf has beside its names is said here, never by who asks.
    key_usage: ['DigitalSignature'],
    ext_key_usage: [],
    ext_key_usage_oids: [],
    code_signing_flag: false,
    email_protection_flag: false,
    basic_constraints_valid_for_non_ca: true,
    ou: [],
    organization: [],
    country: [],
    locality: [],
    province: [],
    street_address: [],
    postal_code: [],
    policy_identifiers: [],
    ttl: spec.ttlSeconds,
    max_ttl: spec.maxTtlSeconds,
    not_before_duration: clockSkewMilliseconds / 1000,
    not_after: '',
    // Without a copy there is nothing that could be revoked.
    no_store: false,
    generate_lease: false,
  }),
  // HashiCorp Vault does not know this field: there, a role that signs for one address signs for any.
  async compare(spec, seen) {
    return 'allowed_ip_sans_cidr' in seen ? fieldChanges(addressesOnly(spec), seen) : [];
  },
  extra: async (spec) => addressesOnly(spec),
});

/** Exactly the names of the fleet: no subdomains, no patterns, no localhost, no other kinds of name. */
function namesOnly({ names, addresses }: PkiRoleSpec): RoleFields {
  return {
    allowed_domains: names,
    allow_bare_domains: true,
    allow_subdomains: false,
    allow_glob_domains: false,
    allow_any_name: false,
    allow_localhost: false,
    allow_wildcard_certificates: names.some((name) => name.startsWith('*.')),
    allowed_domains_template: false,
    allow_ip_sans: addresses.length > 0,
    allowed_uri_sans: [],
    allowed_uri_sans_template: false,
    allowed_other_sans: [],
    allowed_serial_numbers: [],
    allowed_user_ids: [],
    // Logins have underscores, which no host name has; names are compared as a whole all the same.
    enforce_hostnames: false,
    // Switched off, the common name would not be compared with the allowed ones at all.
    cn_validations: ['email', 'hostname'],
    require_cn: true,
    use_csr_common_name: false,
    use_csr_sans: false,
  };
}

function addressesOnly({ addresses }: PkiRoleSpec): RoleFields {
  return { allowed_ip_sans_cidr: addresses.map((address) => `${address}/${isIPv6(address) ? 128 : 32}`) };
}
