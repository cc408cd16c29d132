import { readLists } from './snapshot.ts';
import type { PgSession } from './session.ts';

export interface SeenSchema {
  readonly name: string;
  readonly owner: string;
  readonly acl: readonly string[];
  readonly comment: string | null;
}

export interface SeenRelation {
  readonly schema: string;
  readonly name: string;
  /** As in pg_class: r, p, v, m, f are tables of some sort, S is a sequence. */
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f' | 'S';
  readonly owner: string;
  /** Null: only its owner has rights on it. */
  readonly acl: readonly string[] | null;
}

export interface SeenColumnAcl {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly acl: readonly string[];
}

export interface SeenDefaultAcl {
  readonly creator: string;
  /** Null: in every schema. */
  readonly schema: string | null;
  /** As in pg_default_acl: r, S, f, T, n, L. */
  readonly type: string;
  readonly acl: readonly string[];
}

export interface SeenExtension {
  readonly name: string;
  readonly version: string;
  readonly comment: string | null;
}

export interface SeenPublication {
  readonly name: string;
  readonly owner: string;
  readonly allTables: boolean;
  /** Insert, update, delete and truncate are all published. */
  readonly complete: boolean;
  /** `schema.table`, sorted. */
  readonly tables: readonly string[];
  /** A table is published with a row filter or only some columns, or a whole schema is. */
  readonly filtered: boolean;
  readonly comment: string | null;
}

export interface SeenSubscriptionComment {
  readonly name: string;
  readonly comment: string | null;
}

/** What only a connection to one database shows. Schemas of PostgreSQL itself are left out. */
export interface DatabaseSnapshot {
  readonly schemas: readonly SeenSchema[];
  readonly relations: readonly SeenRelation[];
  readonly columnAcls: readonly SeenColumnAcl[];
  readonly defaultAcls: readonly SeenDefaultAcl[];
  readonly extensions: readonly SeenExtension[];
  readonly publications: readonly SeenPublication[];
  readonly subscriptionComments: readonly SeenSubscriptionComment[];
}

export async function readDatabase(session: PgSession, database: string): Promise<DatabaseSnapshot> {
  return readLists<DatabaseSnapshot & Record<string, readonly unknown[]>>(session, database, queries);
}

const ofPeople = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

const queries = {
  schemas: `
    SELECT n.nspname AS name, a.rolname AS owner, coalesce(n.nspacl, acldefault('n', n.nspowner))::text[] AS acl,
           d.description AS comment
      FROM pg_namespace n
      JOIN pg_authid a ON a.oid = n.nspowner
      LEFT JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass
     WHERE ${ofPeople}`,
  relations: `
    SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, a.rolname AS owner, c.relacl::text[] AS acl
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_authid a ON a.oid = c.relowner
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${ofPeople}`,
  columnAcls: `
    SELECT n.nspname AS schema, c.relname AS table, t.attname AS column, t.attacl::text[] AS acl
      FROM pg_attribute t
      JOIN pg_class c ON c.oid = t.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE t.attacl IS NOT NULL AND NOT t.attisdropped AND ${ofPeople}`,
  defaultAcls: `
    SELECT a.rolname AS creator, n.nspname AS schema, d.defaclobjtype AS type, d.defaclacl::text[] AS acl
      FROM pg_default_acl d
      JOIN pg_authid a ON a.oid = d.defaclrole
      LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace`,
  extensions: `
    SELECT e.extname AS name, e.extversion AS version, d.description AS comment
      FROM pg_extension e
      LEFT JOIN pg_description d ON d.objoid = e.oid AND d.classoid = 'pg_extension'::regclass`,
  publications: `
    SELECT p.pubname AS name, a.rolname AS owner, p.puballtables AS "allTables",
           p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AS complete,
           ARRAY(SELECT n.nspname || '.' || c.relname
                   FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
                   JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE r.prpubid = p.oid ORDER BY 1) AS tables,
           EXISTS (SELECT FROM pg_publication_rel r
                    WHERE r.prpubid = p.oid AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))
           OR EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid) AS filtered,
           d.description AS comment
      FROM pg_publication p
      JOIN pg_authid a ON a.oid = p.pubowner
      LEFT JOIN pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_publication'::regclass`,
  subscriptionComments: `
    SELECT s.subname AS name, obj_description(s.oid, 'pg_subscription') AS comment
      FROM pg_subscription s JOIN pg_database b ON b.oid = s.subdbid AND b.datname = current_database()`,
};
