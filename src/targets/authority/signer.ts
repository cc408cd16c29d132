import type { Certificate } from '../../authority/certificate.ts';
import { issueCrl } from '../../authority/crl.ts';
import type { Revocation } from '../../authority/crl.ts';
import { issueIntermediate, issueLeaf, issueRoot } from '../../authority/issue.ts';
import type { FieldChange } from '../../model/change.ts';
import type { Environment } from '../../model/environment.ts';
import type { Secret } from '../../model/secret.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import type { CaSpec, CertificateSpec } from './authority.spec.ts';
import { issuerOf } from './entry.ts';

export type CaRole = CaSpec['role'];

/** A CA as its entry holds it. */
export interface CaMaterial {
  readonly certificatePem: string;
  /** Undefined: the key lies where nobody can read it. */
  readonly privateKey?: Secret;
}

/** What is known of a CA at the place where its key lies, when that is not its entry. */
export interface SeenKey {
  /** `unlisted`: the key is there, its certificate is not. */
  readonly state: 'whole' | 'unlisted' | 'gone';
  readonly certificatePem?: string;
  /** Settings that somebody changed by hand. */
  readonly drift: readonly FieldChange[];
}

export type LeafOrder = Pick<CertificateSpec, 'commonName' | 'hosts' | 'usage' | 'ttlMilliseconds' | 'key'>;

export interface ListOrder {
  readonly revoked: readonly Revocation[];
  /** Grows with each list of one CA. */
  readonly number: number;
}

/** What makes and uses the keys of an authority's CAs. `issuer` is always the entry of the CA that signs. */
export interface Signer {
  /** Private keys lie in the entries of the CAs, beside the certificates. */
  readonly keysInEntries: boolean;
  /** Looks at the keys of these CAs, each with its certificate as far as that is known. Only where they are elsewhere. */
  look?(cas: ReadonlyMap<CaRole, Certificate | undefined>): Promise<ReadonlyMap<CaRole, SeenKey>>;
  /** Makes key and certificate. One that a killed run left behind is taken up. */
  make(spec: CaSpec, issuer: SecretEntry | undefined, environment: Environment): Promise<CaMaterial>;
  /** Takes a CA as it is into keeping, and settles what was changed by hand. Answers what its entry shall hold. */
  keep(role: CaRole, material: CaMaterial): Promise<CaMaterial>;
  /** Destroys a CA's key for good, where it lies outside its entry. */
  destroy?(role: CaRole): Promise<void>;
  leaf(
    issuer: SecretEntry,
    order: LeafOrder,
    environment: Environment,
  ): Promise<{ readonly certificatePem: string; readonly privateKey: Secret }>;
  /** A revocation list that lasts as long as its CA. */
  list(issuer: SecretEntry, order: ListOrder, environment: Environment): Promise<string>;
  /** Tells who keeps lists beside ours which serials are revoked. */
  revoke?(issuer: SecretEntry, serials: readonly string[]): Promise<void>;
}

/** Keys that lie in the entries of a store: Keywright signs by itself. */
export const ownKeys: Signer = {
  keysInEntries: true,
  async make({ subject, ttlMilliseconds, key }, issuer, environment) {
    const request = { subject, ttlMilliseconds, key };
    return issuer === undefined
      ? issueRoot(request, environment)
      : issueIntermediate({ ...request, issuer: issuerOf(issuer) }, environment);
  },
  keep: async (_role, material) => material,
  leaf: async (issuer, { commonName, ...order }, environment) =>
    issueLeaf({ ...order, issuer: issuerOf(issuer), subject: { commonName } }, environment),
  list: async (issuer, order, environment) => issueCrl({ ...order, issuer: issuerOf(issuer) }, environment),
};
