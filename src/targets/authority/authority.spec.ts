import type { ResourceId } from '../../model/ids.ts';
import type { Value } from '../../model/resource.ts';

export type KeyAlgorithm = 'ecdsaP256' | 'ecdsaP384' | 'rsa2048' | 'rsa3072' | 'rsa4096';

/** What an `authority/<name>` target needs. `path` is the folder of its entries: `keywright/<fleet>/authorities/<name>`. */
export interface AuthorityTargetSpec {
  readonly name: string;
  readonly store: string;
  readonly path: string;
  /** Keys of its CAs are made and used inside the PKI engine of the store. */
  readonly pki?: { readonly mount: string };
}

export interface Subject {
  readonly commonName: string;
  readonly organization?: string;
  readonly country?: string;
}

/**
 * `authority/<name>/ca/root` and `…/ca/intermediate`. Entry `<path>/<role>` with keys `tls.crt` and `tls.key`; where the
 * store has a PKI engine, its issuer `<name>-<role>` has the key, and the entry only `tls.crt`.
 * When the authority's store changes, certificate and key move, and with them what was issued and revoked.
 * Outputs: `version`, `fingerprint` (SHA-256 of DER, hex), `notAfter` (ISO 8601), `subject`.
 * A change of key, ttl or subject would retire what verifiers hold: action `operation`, `keywright rotate authority/<name>`.
 * An intermediate that is due for renewal by a third of its ttl likewise. Kept on removal.
 */
export interface CaSpec {
  readonly role: 'root' | 'intermediate';
  readonly store: string;
  readonly path: string;
  readonly key: KeyAlgorithm;
  readonly ttlMilliseconds: number;
  readonly subject: Subject;
  /** For the intermediate: entry and version of the root that signs it. */
  readonly issuer?: { readonly path: string; readonly version: Value<string> };
}

/**
 * `authority/<name>/bundle/trust`: entry `<path>/bundle`, key `ca.crt`: the roots that verifiers trust.
 * Outputs: `version`, `pem`.
 */
export interface BundleSpec {
  readonly store: string;
  readonly path: string;
  readonly roots: readonly { readonly path: string; readonly version: Value<string> }[];
}

/**
 * `authority/<name>/crl/crl`: entry `<path>/crl`, keys `crl.pem` (one CRL per CA, also when empty, nextUpdate = that CA's
 * notAfter) and `revoked` (JSON). Every serial ever issued and not yet expired stands in entry `<path>/issued`;
 * those whose certificate id is not among `active` are revoked. Outputs: `version`, `pem`.
 */
export interface CrlSpec {
  readonly store: string;
  readonly path: string;
  readonly authorityPath: string;
  readonly issuers: readonly { readonly path: string; readonly version: Value<string> }[];
  /** Ids of the certificate resources that the fleet still has. */
  readonly active: readonly string[];
  /** Active ones that may have another id than before: what they are like is not revoked before they have it. */
  readonly heirs?: readonly HeirSpec[];
}

/**
 * `authority/<name>/certificate/<certificate>`: entry `path` of `store` with keys `tls.crt` (leaf, then intermediate),
 * `tls.key` (PKCS#8 PEM), `ca.crt` (bundle).
 * Outputs: `version`, `serial` (hex), `fingerprint`, `notAfter` (ISO 8601), `issuer`.
 * Renewed when due, when hosts or common name change, and when its entry was changed by hand or does not fit together.
 */
export interface CertificateSpec {
  readonly store: string;
  readonly path: string;
  readonly authorityPath: string;
  /** The Store of the authority, where CA keys lie. */
  readonly authorityStore: string;
  readonly usage: 'server' | 'client' | 'both';
  readonly commonName: string;
  /** DNS names and IP addresses; empty for client certificates. */
  readonly hosts: readonly string[];
  readonly ttlMilliseconds: number;
  readonly renewBeforeMilliseconds: number;
  readonly key: KeyAlgorithm;
  readonly issuer: { readonly path: string; readonly version: Value<string> };
  readonly bundle: { readonly path: string; readonly version: Value<string> };
  /** The document that declares its place, and its name there, by which it is known under another path. */
  readonly origin?: { readonly document: string; readonly entry: string };
}

/** A certificate of a document, by what it is known under another path. */
export interface HeirSpec extends Pick<CertificateSpec, 'origin' | 'commonName' | 'hosts'> {
  readonly id: ResourceId;
}
