import type { Value } from '../model/resource.ts';
import type { KeyAlgorithm } from '../targets/authority/authority.spec.ts';

/** Where clients reach a server: outputs of its process. */
export interface Endpoint {
  readonly postgres: string;
  readonly host: Value<string>;
  readonly hostaddr: Value<string>;
  readonly port: Value<number>;
  readonly socketDirectory: Value<string>;
  readonly dataDirectory: Value<string>;
}

/** An entry of a store that holds a credential, a certificate or a bundle. */
export interface EntryRef {
  readonly store: string;
  readonly path: string;
}

/**
 * One access at its server. Claim kinds `login`, `reads`, `writes`, `refused-write`, `refused-ddl`,
 * `granted`, `refused-other-database`, `refused-plain`, `refused-wrong-password`, `refused-without-certificate`, `password-agrees`.
 */
export interface AccessProbeSpec {
  readonly access: string;
  readonly endpoint: Endpoint;
  readonly credential: { readonly method: 'password' | 'certificate'; readonly entry: EntryRef };
  readonly bundle: EntryRef;
  readonly database: string;
  readonly privileges: 'readWrite' | 'readOnly' | 'owner' | 'replication' | 'superuser' | 'none';
  readonly schemas: readonly string[];
  /** current_user after login; undefined: the login itself. */
  readonly expectRole?: string;
  /** The access's NOLOGIN group, of which the login is a member. */
  readonly group: string;
  readonly otherDatabase?: string;
  /** What statements of the fleet's own gave to the group, a list of rights as text each: outputs of the grants. */
  readonly given?: readonly Value<string>[];
}

/** Claim kinds `lease-alive` (with `lease`, the entry that holds the current one) and `lease-ends`. */
export interface LeaseProbeSpec extends AccessProbeSpec {
  /** Owner of the database, who takes over what a login owned. */
  readonly owner: string;
  /** Id of the lease resource, as it stands in the mark of its roles. */
  readonly resource: string;
  readonly lease?: EntryRef;
  /** The database engine that makes its logins; undefined: Keywright does. */
  readonly engine?: EngineLease;
}

/** A role of a store's database engine. */
export interface EngineLease {
  readonly store: string;
  readonly mount: string;
  readonly role: string;
  /** A lease may live longer than it does at first. */
  readonly renewable: boolean;
}

/** Claim kind `engine-login-rotated`: the role by which a store's database engine comes in. */
export interface EngineProbeSpec {
  readonly endpoint: Endpoint;
  readonly role: string;
  readonly database: string;
  /** Groups that it hands out, and no others. */
  readonly groups: readonly string[];
  readonly engine: { readonly store: string; readonly mount: string; readonly connection: string };
  /** Entry with the password that it was given at first. */
  readonly first: EntryRef;
  readonly bundle: EntryRef;
}

/**
 * One server as its clients see it. Claim kinds `served-certificate`, `refused-wrong-host`, `refused-other-authority`,
 * `refused-revoked`, `refused-old-tls`, `superuser-socket-only`, `refused-plain-anybody`.
 */
export interface ServerProbeSpec {
  readonly endpoint: Endpoint;
  readonly certificate: EntryRef;
  readonly bundle: EntryRef;
  readonly hosts: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** With `refused-revoked`: entry of the certificate that its authority has revoked at once. */
  readonly revoked?: EntryRef;
}

/** Claim kind `certificate-valid`: an entry judged offline: chain, hosts, key, dates, not revoked. */
export interface CertificateEntrySpec {
  readonly entry: EntryRef;
  readonly bundle: EntryRef;
  readonly crl: EntryRef;
  readonly hosts: readonly string[];
  readonly usage: 'server' | 'client' | 'both';
}

/** Claim kind `authority-valid`: entries `root`, `intermediate`, `bundle`, `crl` below `path`. */
export interface AuthorityProbeSpec {
  readonly store: string;
  readonly path: string;
  /** Its keys are in the PKI engine of the store, under the name of the authority. */
  readonly engine?: { readonly mount: string; readonly authority: string };
}

/** Claim kind `token-least-privilege`: a token for a program that can only hold one. */
export interface TokenProbeSpec {
  /** Its key `token`. */
  readonly entry: EntryRef;
  /** Beside `default`. */
  readonly policies: readonly string[];
  readonly periodSeconds: number;
  /** All that it may do on each of these paths of the API; a listed one ends in a slash. */
  readonly rights: Readonly<Record<string, readonly string[]>>;
  /** Where it may do nothing. */
  readonly refused: readonly string[];
}

/** Claim kind `encryption-key-works`: a key of a transit engine. */
export interface EncryptionKeyProbeSpec {
  readonly store: string;
  readonly mount: string;
  readonly name: string;
}

/** Claim kind `pki-names-only`: roles of a PKI engine refuse a name that is none of the fleet's. */
export interface PkiProbeSpec {
  readonly store: string;
  readonly mount: string;
  readonly roles: readonly string[];
  readonly key: KeyAlgorithm;
}

/** Claim kind `entry-complete`: every declared key is there and not empty. */
export interface EntryCompleteSpec {
  readonly entry: EntryRef;
  readonly keys: readonly string[];
}

/** Claim kind `store-sealed`: paths relative to the fleet's folder. */
export interface StoreSealedSpec {
  readonly folder: string;
  readonly identityFile: string;
}

/** Claim kinds `delivered-agrees` and `delivered-modes`. */
export interface DeliveredSpec {
  readonly directory: Value<string>;
  readonly consumer: string;
  readonly secret: string;
  /** Account that reads it, when started by root. */
  readonly user?: string;
  readonly sources: Readonly<Record<string, EntryRef & { readonly keys?: readonly string[] }>>;
  readonly data?: Readonly<Record<string, string>>;
  /** Services of the libpq files beside them, and the alias of the entry that each comes from. */
  readonly libpq?: readonly { readonly service: string; readonly alias: string }[];
  /** Plain files of the fleet that are delivered with it, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** A login to a Vault: `env` is for its clients. */
  readonly vault?: true;
}

/** Claim kind `delivered-login`: with the files alone, as a program of the consumer would. */
export interface DeliveredLoginSpec extends DeliveredSpec {
  readonly alias: string;
  readonly service: string;
  readonly method: 'password' | 'certificate';
}

/** Claim kinds `replicates` and `replication-healthy`. */
export interface ReplicationProbeSpec {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly database: string;
  /** In schema `keywright` of both databases. */
  readonly canaryTable: string;
  readonly publication: string;
  readonly subscription: string;
  /** Schema-qualified, the canary among them. */
  readonly tables: readonly string[];
}

/** Claim kind `rule`: subjects are the consumers that must not reach the object. */
export interface RuleSpec {
  readonly rule: string;
  readonly object:
    | {
        readonly secrets: {
          readonly store: string;
          /** A pattern. */
          readonly path: string;
          /** Keys of entries that hold no secret, by path. */
          readonly publicKeys?: Readonly<Record<string, readonly string[]>>;
        };
      }
    | {
        readonly database: {
          readonly endpoint: Endpoint;
          readonly name: string;
          readonly tables?: readonly string[];
          readonly bundle: EntryRef;
        };
      };
  readonly subjects: readonly {
    readonly consumer: string;
    readonly directories: readonly Value<string>[];
    readonly user?: string;
  }[];
}
