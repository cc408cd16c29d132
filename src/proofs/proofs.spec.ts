import type { OutputValue, Value } from '../model/resource.ts';

/** Where clients reach a server: outputs of its process. */
export interface Endpoint {
  readonly postgres: string;
  readonly host: Value<string>;
  readonly hostaddr: Value<string>;
  readonly port: Value<number>;
  readonly socketDirectory: Value<string>;
  readonly dataDirectory: Value<string>;
}

/** An entry of a store that holds a credential or a bundle. */
export interface EntryRef {
  readonly store: string;
  readonly path: string;
}

/** Where a login's credential is taken from: a delivered folder where there is one, else the store. `seen` repeats it. */
export interface CredentialSource {
  readonly method: 'password' | 'certificate';
  readonly entry: EntryRef;
  /** Absolute folder of a delivered copy. */
  readonly directory?: Value<string>;
}

/** Claim kinds `login`, `reads`, `writes`, `refused-*`: one access at one endpoint. */
export interface AccessProbeSpec {
  readonly access: string;
  readonly endpoint: Endpoint;
  readonly credential: CredentialSource;
  readonly bundle: EntryRef;
  readonly database: string;
  readonly privileges: 'readWrite' | 'readOnly' | 'owner' | 'replication' | 'none';
  readonly schemas: readonly string[];
  /** current_user after login: the database's owner for class owner, else the login itself (undefined: whatever login). */
  readonly expectRole?: string;
  /** The access's NOLOGIN group: the login must be a member. */
  readonly group: string;
  /** For `refused-other-database`: a database of the same server that it may not enter. */
  readonly otherDatabase?: string;
}

/** `served-certificate`: which certificate an endpoint serves, compared with the store's entry. `refused-other-authority`, `refused-wrong-host`, `refused-plain-any`. */
export interface ServedCertificateSpec {
  readonly endpoint: Endpoint;
  readonly certificate: EntryRef;
  readonly bundle: EntryRef;
  readonly hosts: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** `refused-other-authority-client`, `refused-revoked`: a client certificate made for the probe, presented to the endpoint. */
export interface ClientCertificateProbeSpec {
  readonly endpoint: Endpoint;
  readonly authority: { readonly store: string; readonly path: string };
  readonly role: string;
  readonly database: string;
}

/** `delivered-agrees`: store and delivered folder hold the same; `delivered-modes`: 0600, right owner, one generation. */
export interface DeliveredSpec {
  readonly directory: Value<string>;
  readonly consumer: string;
  readonly secret: string;
  readonly user?: string;
  readonly sources: Readonly<Record<string, EntryRef & { readonly keys?: readonly string[] }>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** `password-agrees`: the verifier that PostgreSQL stores belongs to the password in the store. */
export interface PasswordAgreesSpec {
  readonly endpoint: Endpoint;
  readonly role: string;
  readonly entry: EntryRef;
}

/** `lease-ends`: a 5 s lease of the probe's own expires and is really gone. `lease-alive`: the current one has time left, none outlived its end by a minute. */
export interface LeaseProbeSpec {
  readonly endpoint: Endpoint;
  readonly access: string;
  readonly group: string;
  readonly database: string;
  readonly owner: string;
  readonly entry: EntryRef;
  readonly bundle: EntryRef;
  readonly resource: string;
}

/** `replicates`: insert, update and delete of a canary cross a flow; `replication-healthy`: worker, slot, no conflicts. */
export interface ReplicationSpec {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly database: string;
  readonly canaryTable: string;
  readonly publication: string;
  readonly subscription: string;
  readonly tables: readonly string[];
}

/** `superuser-socket-only`: the superuser is refused over TCP. `ssl-parameters`: TLS minimum as declared. */
export interface ServerProbeSpec {
  readonly endpoint: Endpoint;
  readonly certificate: EntryRef;
  readonly bundle: EntryRef;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** `rule`: nothing delivered to a subject outside `allowed` holds a value of the object, nor logs in where it forbids. */
export interface RuleSpec {
  readonly rule: string;
  readonly object:
    | { readonly secrets: { readonly store: string; readonly path: string } }
    | { readonly database: { readonly endpoint: Endpoint; readonly name: string; readonly bundle: EntryRef } };
  /** Delivered folders of consumers that must not have it. */
  readonly subjects: readonly { readonly consumer: string; readonly directories: readonly Value<string>[]; readonly user?: string }[];
}

/** `certificate-valid`: a certificate entry's chain, hosts, key match and dates, judged offline from the store. */
export interface CertificateEntrySpec {
  readonly entry: EntryRef;
  readonly bundle: EntryRef;
  readonly hosts: readonly string[];
  readonly usage: 'server' | 'client' | 'both';
}

/** `entry-complete`: a SecretTree entry holds every declared key, none empty. */
export interface EntryCompleteSpec {
  readonly entry: EntryRef;
  readonly keys: readonly string[];
}

/** Spec fields that a proof resolves before measuring. */
export type Resolvable = OutputValue;
