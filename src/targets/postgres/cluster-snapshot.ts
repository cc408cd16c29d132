import { readLists } from './snapshot.ts';
import type { PgSession } from './session.ts';

export interface SeenRole {
  readonly name: string;
  readonly login: boolean;
  readonly superuser: boolean;
  readonly inherit: boolean;
  readonly createRole: boolean;
  readonly createDatabase: boolean;
  readonly replication: boolean;
  readonly bypassRowSecurity: boolean;
  readonly connectionLimit: number;
  /** ISO 8601; null: for ever. */
  readonly validUntil: string | null;
  /** SHA-256 of what PostgreSQL keeps of the password, hex; null: it has none. The verifier itself is never fetched. */
  readonly password: string | null;
  readonly comment: string | null;
}

export interface SeenMembership {
  readonly role: string;
  readonly member: string;
  readonly grantor: string;
  readonly admin: boolean;
  readonly inherit: boolean;
  readonly set: boolean;
}

export interface SeenRoleSettings {
  readonly role: string;
  /** Null: in every database. */
  readonly database: string | null;
  /** `name=value` each. */
  readonly settings: readonly string[];
}

export interface SeenDatabase {
  readonly name: string;
  readonly owner: string;
  readonly acl: readonly string[];
  readonly comment: string | null;
  readonly connectable: boolean;
}

export interface SeenSubscription {
  readonly database: string;
  readonly name: string;
  readonly owner: string;
  readonly enabled: boolean;
  /** Holds names of files, never a secret, in what we make. */
  readonly connection: string;
  readonly slot: string | null;
  readonly publications: readonly string[];
  readonly origin: string;
  readonly passwordRequired: boolean;
  readonly disableOnError: boolean;
}

/** What every database of a cluster shows alike. */
export interface ClusterSnapshot {
  readonly roles: ReadonlyMap<string, SeenRole>;
  readonly memberships: readonly SeenMembership[];
  readonly roleSettings: readonly SeenRoleSettings[];
  readonly databases: ReadonlyMap<string, SeenDatabase>;
  readonly subscriptions: readonly SeenSubscription[];
}

interface Lists extends Record<string, readonly unknown[]> {
  readonly roles: readonly SeenRole[];
  readonly memberships: readonly SeenMembership[];
  readonly roleSettings: readonly SeenRoleSettings[];
  readonly databases: readonly SeenDatabase[];
  readonly subscriptions: readonly SeenSubscription[];
}

export async function readCluster(session: PgSession): Promise<ClusterSnapshot> {
  const lists = await readLists<Lists>(session, 'postgres', queries);
  return {
    ...lists,
    roles: new Map(lists.roles.map((role) => [role.name, role])),
    databases: new Map(lists.databases.map((database) => [database.name, database])),
  };
}

const queries: { readonly [K in keyof Lists]: string } = {
  roles: `
    SELECT a.rolname AS name, a.rolcanlogin AS login, a.rolsuper AS superuser, a.rolinherit AS inherit,
           a.rolcreaterole AS "createRole", a.rolcreatedb AS "createDatabase", a.rolreplication AS replication,
           a.rolbypassrls AS "bypassRowSecurity", a.rolconnlimit AS "connectionLimit",
           CASE WHEN isfinite(a.rolvaliduntil)
             THEN to_char(a.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END AS "validUntil",
           encode(sha256(convert_to(a.rolpassword, 'UTF8')), 'hex') AS password, d.description AS comment
      FROM pg_authid a
      LEFT JOIN pg_shdescription d ON d.objoid = a.oid AND d.classoid = 'pg_authid'::regclass
     WHERE a.rolname !~ '^pg_'`,
  memberships: `
    SELECT g.rolname AS role, m.rolname AS member, o.rolname AS grantor,
           a.admin_option AS admin, a.inherit_option AS inherit, a.set_option AS set
      FROM pg_auth_members a
      JOIN pg_authid g ON g.oid = a.roleid
      JOIN pg_authid m ON m.oid = a.member
      JOIN pg_authid o ON o.oid = a.grantor
     WHERE m.rolname !~ '^pg_'`,
  roleSettings: `
    SELECT a.rolname AS role, d.datname AS database, s.setconfig AS settings
      FROM pg_db_role_setting s
      JOIN pg_authid a ON a.oid = s.setrole
      LEFT JOIN pg_database d ON d.oid = s.setdatabase`,
  databases: `
    SELECT d.datname AS name, a.rolname AS owner, d.datallowconn AS connectable,
           coalesce(d.datacl, acldefault('d', d.datdba))::text[] AS acl, c.description AS comment
      FROM pg_database d
      JOIN pg_authid a ON a.oid = d.datdba
      LEFT JOIN pg_shdescription c ON c.objoid = d.oid AND c.classoid = 'pg_database'::regclass`,
  subscriptions: `
    SELECT d.datname AS database, s.subname AS name, a.rolname AS owner, s.subenabled AS enabled,
           s.subconninfo AS connection, s.subslotname AS slot, s.subpublications AS publications,
           s.suborigin AS origin, s.subpasswordrequired AS "passwordRequired", s.subdisableonerr AS "disableOnError"
      FROM pg_subscription s
      JOIN pg_database d ON d.oid = s.subdbid
      JOIN pg_authid a ON a.oid = s.subowner`,
};
