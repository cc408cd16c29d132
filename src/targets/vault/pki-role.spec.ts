/**
 * `store/<Store>/pki-role/<mount>/<role>`: what a PKI engine signs for one purpose of one authority.
 *
 * Fields that are not named here go back to the server's defaults when changed by hand, those that would let a name in
 * that the fleet does not have among them. Removed when it leaves the fleet.
 */
export interface PkiRoleSpec {
  readonly mount: string;
  readonly role: string;
  /** Name of the issuer that signs. */
  readonly issuer: string;
  readonly usage: 'server' | 'client' | 'both';
  /** DNS names and common names, exactly; a wildcard is a name like any other. */
  readonly names: readonly string[];
  /** IP addresses, exactly. */
  readonly addresses: readonly string[];
  readonly key: 'ecdsaP256' | 'ecdsaP384' | 'rsa2048' | 'rsa3072' | 'rsa4096';
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** Name of the role that signs certificates for one purpose. */
export function pkiRoleName(authority: string, usage: PkiRoleSpec['usage']): string {
  return `${authority}-${usage}`;
}

/** Name of a CA's issuer in the engine, and of its key. */
export function pkiIssuerName(authority: string, role: 'root' | 'intermediate'): string {
  return `${authority}-${role}`;
}
