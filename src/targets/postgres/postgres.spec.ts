import type { ResourceId } from '../../model/ids.ts';
import type { Value } from '../../model/resource.ts';

/** What a `postgres/<name>` target needs: its `process` resource, whose outputs say where it listens. */
export interface PostgresTargetSpec {
  readonly name: string;
  readonly process: ResourceId;
}

/** `postgres/<name>/tls/server`: certificate, key, bundle and CRL as one generation of files, reloaded, then proven to be served. */
export interface TlsSpec {
  readonly certificate: { readonly store: string; readonly path: string; readonly version: Value<string> };
  readonly bundle: { readonly store: string; readonly path: string; readonly version: Value<string> };
  readonly crl: { readonly store: string; readonly path: string; readonly version: Value<string> };
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/**
 * `postgres/<name>/client-certificate/<purpose>`: files `tls.crt tls.key ca.crt` of a client certificate that this server
 * itself presents (subscriptions). Outputs: `directory`, an absolute path whose files are always current.
 */
export interface ClientCertificateSpec {
  readonly certificate: { readonly store: string; readonly path: string; readonly version: Value<string> };
}

/** `postgres/<name>/parameter/<parameter>`: one line of the file `keywright.conf`, which is ours as a whole. */
export interface ParameterSpec {
  readonly name: string;
  readonly value: string;
}

export interface HbaRule {
  readonly type: 'local' | 'hostssl';
  /** A name, `all` or `replication`. Quoted where needed by the writer. */
  readonly database: string;
  /** A role, or `+group`. */
  readonly user: string;
  /** CIDR, for hostssl. */
  readonly address?: string;
  readonly method: 'peer' | 'scram-sha-256' | 'cert' | 'reject';
  readonly options?: Readonly<Record<string, string>>;
}

/** `postgres/<name>/hba/rules`: pg_hba.conf and pg_ident.conf as a whole; the superuser's peer line is always first. */
export interface HbaSpec {
  readonly rules: readonly HbaRule[];
}

/** `postgres/<name>/role/<role>`. Outputs: none. The password reaches the server only as a SCRAM-SHA-256 verifier. */
export interface RoleSpec {
  readonly name: string;
  readonly login: boolean;
  readonly replication?: boolean;
  readonly superuser?: boolean;
  /** Makes and removes logins, of the groups that it may hand out. */
  readonly createRole?: boolean;
  /** Default -1, no limit. */
  readonly connectionLimit?: number;
  /** Its password is another resource's business: it is neither set nor taken away here. */
  readonly passwordElsewhere?: boolean;
  readonly password?: {
    readonly store: string;
    readonly path: string;
    readonly key: string;
    readonly version: Value<string>;
  };
  /** `SET role = …` at login. */
  readonly setRole?: string;
  /** Who takes over what it owns when it is removed: database name to owner role. */
  readonly reassignTo?: Readonly<Record<string, string>>;
}

/** `postgres/<name>/membership/<role>/<member>`: `member` is a member of `role`. */
export interface MembershipSpec {
  readonly role: string;
  readonly member: string;
  readonly inherit: boolean;
  readonly set: boolean;
  /** May make others members. */
  readonly admin?: boolean;
}

/** `postgres/<name>/database/<database>`: PUBLIC loses CONNECT and TEMPORARY, and CREATE on schema public. Kept on removal. */
export interface DatabaseSpec {
  readonly name: string;
  readonly owner: string;
}

/** `postgres/<name>/schema/<database>/<schema>`. Kept on removal. */
export interface SchemaSpec {
  readonly database: string;
  readonly name: string;
  readonly owner: string;
}

/** `postgres/<name>/extension/<database>/<extension>`. Kept on removal. */
export interface ExtensionSpec {
  readonly database: string;
  readonly name: string;
}

/** `postgres/<name>/setup/<database>`: SQL that runs once, as owner, in one transaction with the note that it ran. */
export interface SetupSpec {
  readonly database: string;
  readonly owner: string;
  readonly sql: string;
}

/**
 * `postgres/<name>/probe/<database>`: schema `keywright` (owner: the database's owner) with table `probe` for writes that
 * proofs must see succeed, and one table `canary_<name>` per replication flow, all `(id bigint PRIMARY KEY, note text)`.
 * Members of `readWrite` may use the schema and write `probe`; of `readOnly` may read it.
 */
export interface ProbeSpec {
  readonly database: string;
  readonly owner: string;
  readonly readWrite: string;
  readonly readOnly: string;
  /** Names of canary tables, for example `canary_orders_a`, with the roles that replicate them (SELECT). */
  readonly canaries: readonly { readonly table: string; readonly readers: readonly string[] }[];
}

/**
 * `postgres/<name>/privilege/<database>/<schema>/<role>`: what a class role may do: CONNECT (readWrite: TEMPORARY too) on the database,
 * USAGE on the schema, and on all its tables and sequences SELECT, for readWrite also INSERT, UPDATE, DELETE, TRUNCATE
 * (sequences USAGE, UPDATE). Owned by grantee: anything more that the role holds there is revoked. `none`: a role that has
 * all its rights from a class role, and none of its own.
 */
export interface PrivilegeSpec {
  readonly database: string;
  readonly schema: string;
  readonly role: string;
  readonly privileges: 'readWrite' | 'readOnly' | 'none';
}

/** `postgres/<name>/default-privilege/<database>/<schema>/<role>`: the same for tables and sequences made later by `creator`. */
export interface DefaultPrivilegeSpec extends PrivilegeSpec {
  readonly creator: string;
}

/**
 * `postgres/<name>/grant/<access>/<index>`: a statement of the fleet's own, `{role}` replaced. Run when it is new or
 * changed, and when something that it gave to the role was taken away. On removal what it gave is taken back; any other
 * effect of it stays. Outputs: `rights`, what it gave, as `encodeRights` writes it.
 */
export interface GrantSpec {
  readonly database: string;
  readonly role: string;
  readonly statement: string;
}

/** `postgres/<name>/publication/<database>/<publication>`. */
export interface PublicationSpec {
  readonly database: string;
  readonly name: string;
  readonly owner: string;
  /** Schema-qualified. */
  readonly tables: readonly string[];
  /** Replication slots of its subscriptions: one that is left when its subscription has gone is dropped. */
  readonly slots?: readonly string[];
}

/**
 * `postgres/<name>/subscription/<database>/<subscription>`: logs in by client certificate, `password_required=false`,
 * `origin=none`, `disable_on_error=true`; the publication is checked to exist before.
 */
export interface SubscriptionSpec {
  readonly database: string;
  readonly name: string;
  readonly owner: string;
  readonly publications: readonly string[];
  readonly copy: boolean;
  readonly connection: {
    readonly host: Value<string>;
    readonly hostaddr: Value<string>;
    readonly port: Value<number>;
    readonly database: string;
    readonly user: string;
    /** Directory output of the client-certificate resource. */
    readonly certificateDirectory: Value<string>;
  };
}

/**
 * `postgres/<name>/engine-login/<store>/<database>`: the password of the role by which a store's database engine comes in.
 * The engine is given a first one, logs in with it, and replaces it by its own, which nobody else knows. `first` is that
 * first one; its proof is that it does not work any more. Outputs: none.
 */
export interface EngineLoginSpec {
  readonly role: string;
  readonly store: string;
  /** Where the engine is mounted. */
  readonly mount: string;
  /** Name of the engine's connection; an output of it, so that a changed connection is looked at again. */
  readonly connection: Value<string>;
  readonly first: {
    readonly store: string;
    readonly path: string;
    readonly key: string;
    readonly version: Value<string>;
  };
}

/**
 * `postgres/<name>/lease/<access>`: a dynamic credential: a login `<access>_<8 random>` that is a member of the access's
 * group, VALID UNTIL its end; entry `path` of `store` with keys `username`, `password`, metadata `expires`. Renewed (up to
 * maxTtl) or replaced below a third of its ttl. Made by the store's database engine (`engine`; key `lease` is then the
 * engine's id of it), else by Keywright itself. Each apply first removes what has ended: NOLOGIN, sessions ended,
 * REASSIGN OWNED, DROP OWNED, DROP ROLE. Outputs: `version`, `username`, `expires` (ISO 8601).
 */
export interface LeaseSpec {
  readonly access: string;
  readonly group: string;
  readonly database: string;
  readonly owner: string;
  readonly ttlMilliseconds: number;
  readonly maxTtlMilliseconds: number;
  readonly connectionLimit?: number;
  readonly setRole?: string;
  readonly store: string;
  readonly path: string;
  /** Where the store's database engine is mounted, and its role. */
  readonly engine?: { readonly mount: string; readonly role: string };
}
