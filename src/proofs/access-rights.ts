import type { Client } from 'pg';
import { causeOf } from '../model/failure.ts';
import { decodeRights } from '../targets/postgres/held-rights.ts';
import { asAccess } from './access-login.ts';
import { broken, held, known, type Measurer, unknown } from './measurer.ts';
import type { AccessProbeSpec } from './proofs.spec.ts';

/** A table as the catalog knows it, quoted. */
interface Table {
  readonly oid: number;
  /** `schema.table`, quoted where needed. */
  readonly name: string;
  /** Columns that may be written, quoted. */
  readonly columns: readonly string[];
}

/** Keywright's own table, so that a claim about reading and writing is never empty. */
const ownProbe = 'keywright.probe';

const tablesSql = `
  SELECT c.oid::int AS oid, format('%I.%I', n.nspname, c.relname) AS name,
    ARRAY(SELECT format('%I', a.attname) FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
      ORDER BY a.attnum) AS columns
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND (n.nspname = ANY ($1) OR (n.nspname = 'keywright' AND c.relname = 'probe'))
  ORDER BY 2`;

async function tablesOf(client: Client, schemas: readonly string[]): Promise<Table[]> {
  return (await client.query<Table>(tablesSql, [schemas])).rows;
}

type Attempt = 'done' | 'denied' | { readonly failed: string };

/**
 * Tries a statement in a transaction that is always rolled back. The permission check decides: the statements here touch
 * no row. Denied is 42501 alone; anything else is no answer about permission.
 */
async function attempt(client: Client, sql: string): Promise<Attempt> {
  await client.query("BEGIN; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'");
  try {
    await client.query(sql);
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code === '42501' ? 'denied' : { failed: causeOf(error) };
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Ways of writing to a table, each without touching a row and without reading it. */
function writesOf({ name, columns }: Table): { readonly privilege: string; readonly sql: string }[] {
  const [first] = columns;
  const columnList = columns.join(', ');
  return [
    ...(first === undefined
      ? []
      : [
          {
            privilege: 'INSERT',
            sql: `INSERT INTO ${name} (${columnList}) SELECT ${columns.map(() => 'NULL').join(', ')} WHERE false`,
          },
          { privilege: 'UPDATE', sql: `UPDATE ${name} SET ${first} = NULL WHERE false` },
        ]),
    { privilege: 'DELETE', sql: `DELETE FROM ${name} WHERE false` },
  ];
}

export const readsMeasurer: Measurer<AccessProbeSpec> = (spec, tools) =>
  asAccess(spec, tools, async (client, source) => {
    const tables = await tablesOf(client, spec.schemas);
    for (const { name } of tables) {
      const result = await attempt(client, `SELECT FROM ${name} LIMIT 0`);
      if (result === 'denied') {
        return broken(`SELECT from ${name} is denied`, `GRANT SELECT ON ${name} TO ${spec.group}; or keywright apply`);
      }
      if (result !== 'done') {
        return unknown(`SELECT from ${name}: ${result.failed}`);
      }
    }
    return tables.length === 0
      ? unknown('there is no table to read, not even keywright.probe')
      : held(`read ${list(tables)}; ${source}`);
  });

export const writesMeasurer: Measurer<AccessProbeSpec> = (spec, tools) =>
  asAccess(spec, tools, async (client, source) => {
    const tables = await tablesOf(client, spec.schemas);
    for (const table of tables) {
      for (const { privilege, sql } of writesOf(table)) {
        const result = await attempt(client, sql);
        if (result === 'denied') {
          return broken(`${privilege} on ${table.name} is denied`, 'keywright apply');
        }
        if (result !== 'done') {
          return unknown(`${privilege} on ${table.name}: ${result.failed}`);
        }
      }
    }
    // A row is really written, changed and removed, in our own table.
    const real = await attempt(
      client,
      `INSERT INTO ${ownProbe} (id, note) VALUES (-1, 'verify');
       UPDATE ${ownProbe} SET note = 'verified' WHERE id = -1;
       DELETE FROM ${ownProbe} WHERE id = -1`,
    );
    if (real !== 'done') {
      return real === 'denied'
        ? broken(`writing to ${ownProbe} is denied`, 'keywright apply')
        : unknown(`writing to ${ownProbe}: ${real.failed}`);
    }
    return held(`wrote ${list(tables)}, rolled back; ${source}`);
  });

/** Who gave a privilege to the session: a role that it is a member of, or PUBLIC. */
const grantedBySql = `
  SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(acl.grantee)::text END AS grantee
  FROM pg_catalog.pg_class c, LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) acl
  WHERE c.oid = $1 AND acl.privilege_type = $2
    AND (acl.grantee = 0 OR pg_catalog.pg_has_role(session_user, acl.grantee, 'USAGE'))`;

/** Tells whether grants of the fleet's own gave a privilege on a thing, or on a part of it. */
function isGiven({ given = [] }: AccessProbeSpec): (privilege: string, thing: string) => boolean {
  const rights = given.flatMap((each) => decodeRights(known(each)));
  const all = new Set(rights.map(({ privilege, sort, name }) => `${privilege} ON ${sort} ${name}`));
  return (privilege, thing) => all.has(`${privilege} ON ${thing}`);
}

export const refusedWriteMeasurer: Measurer<AccessProbeSpec> = (spec, tools) =>
  asAccess(spec, tools, async (client, source) => {
    const tables = await tablesOf(client, spec.schemas);
    const mayBy = isGiven(spec);
    for (const table of tables) {
      for (const { privilege, sql } of writesOf(table)) {
        if (mayBy(privilege, `TABLE ${table.name}`)) {
          continue;
        }
        const result = await attempt(client, sql);
        if (result === 'done') {
          const { rows } = await client.query<{ grantee: string }>(grantedBySql, [table.oid, privilege]);
          const from = rows.map(({ grantee }) => grantee).join(', ') || 'PUBLIC';
          return broken(
            `${privilege} on ${table.name} succeeded; granted to ${from}`,
            `REVOKE ${privilege} ON ${table.name} FROM ${from};`,
          );
        }
        if (result !== 'denied') {
          return unknown(`${privilege} on ${table.name}: ${result.failed}`);
        }
      }
      const { rows } = await client.query<{ truncate: boolean }>(
        "SELECT pg_catalog.has_table_privilege($1::oid, 'TRUNCATE') AS truncate",
        [table.oid],
      );
      if (rows[0]?.truncate === true && !mayBy('TRUNCATE', `TABLE ${table.name}`)) {
        return broken(`TRUNCATE on ${table.name} is allowed`, `REVOKE TRUNCATE ON ${table.name} FROM ${spec.group};`);
      }
    }
    return tables.length === 0
      ? unknown('there is no table to try, not even keywright.probe')
      : held(`INSERT, UPDATE, DELETE and TRUNCATE denied on ${list(tables)}; ${source}`);
  });

export const refusedDdlMeasurer: Measurer<AccessProbeSpec> = (spec, tools) =>
  asAccess(spec, tools, async (client, source) => {
    const mayBy = isGiven(spec);
    for (const schema of spec.schemas) {
      const { rows } = await client.query<{ name: string }>("SELECT format('%I', $1::text) AS name", [schema]);
      const name = rows[0]?.name ?? schema;
      if (mayBy('CREATE', `SCHEMA ${name}`)) {
        continue;
      }
      const result = await attempt(client, `CREATE TABLE ${name}.keywright_refused ()`);
      if (result === 'done') {
        return broken(
          `CREATE TABLE in schema ${name} succeeded`,
          `REVOKE CREATE ON SCHEMA ${name} FROM PUBLIC, ${spec.group};`,
        );
      }
      if (result !== 'denied') {
        return unknown(`CREATE TABLE in schema ${name}: ${result.failed}`);
      }
    }
    const { rows: owned } = await client.query<{ name: string; owner: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_catalog.pg_get_userbyid(c.relowner)::text AS owner
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname = ANY ($1)
         AND pg_catalog.pg_has_role(session_user, c.relowner, 'USAGE')`,
      [spec.schemas],
    );
    const [table] = owned;
    return table === undefined
      ? held(`CREATE TABLE denied in ${spec.schemas.join(', ')}, owner of nothing there; ${source}`)
      : broken(`acts as ${table.owner}, who owns ${table.name} and may change it`, 'keywright apply');
  });

function list(tables: readonly Table[]): string {
  const names = tables.map(({ name }) => name);
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
