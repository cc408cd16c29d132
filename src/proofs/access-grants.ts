import type { Client } from 'pg';
import { decodeRights, privilegeText, type Right } from '../targets/postgres/held-rights.ts';
import { asAccess } from './access-login.ts';
import { broken, held, known, type Measurer } from './measurer.ts';
import type { AccessProbeSpec } from './proofs.spec.ts';

/** Whether the login may do it, by whatever way, for `w.name` and `w.privilege`; null: it is not there. */
const questions: Readonly<Record<string, string>> = {
  TABLE: `CASE WHEN w."column" IS NULL
      THEN pg_catalog.has_table_privilege(session_user, to_regclass(w.name)::oid, w.privilege)
      ELSE (SELECT pg_catalog.has_column_privilege(session_user, a.attrelid, a.attnum, w.privilege)
              FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = to_regclass(w.name) AND format('%I', a.attname) = w."column" AND NOT a.attisdropped) END`,
  SEQUENCE: 'pg_catalog.has_sequence_privilege(session_user, to_regclass(w.name)::oid, w.privilege)',
  ROUTINE: 'pg_catalog.has_function_privilege(session_user, to_regprocedure(w.name)::oid, w.privilege)',
  TYPE: 'pg_catalog.has_type_privilege(session_user, to_regtype(w.name)::oid, w.privilege)',
  SCHEMA: 'pg_catalog.has_schema_privilege(session_user, to_regnamespace(w.name)::oid, w.privilege)',
  DATABASE: byName('pg_database', 'datname', 'has_database_privilege'),
  LANGUAGE: byName('pg_language', 'lanname', 'has_language_privilege'),
  TABLESPACE: byName('pg_tablespace', 'spcname', 'has_tablespace_privilege'),
  'FOREIGN SERVER': byName('pg_foreign_server', 'srvname', 'has_server_privilege'),
  'FOREIGN DATA WRAPPER': byName('pg_foreign_data_wrapper', 'fdwname', 'has_foreign_data_wrapper_privilege'),
  'LARGE OBJECT': 'pg_catalog.has_largeobject_privilege(session_user, w.name::oid, w.privilege)',
  PARAMETER: 'pg_catalog.has_parameter_privilege(session_user, w.name, w.privilege)',
};

function byName(catalog: string, name: string, ask: string): string {
  return `(SELECT pg_catalog.${ask}(session_user, c.oid, w.privilege)
             FROM pg_catalog.${catalog} c WHERE format('%I', c.${name}) = w.name)`;
}

/** The access may do what statements of the fleet's own gave it, asked in a session of its own. */
export const grantedMeasurer: Measurer<AccessProbeSpec> = (spec, tools) =>
  asAccess(spec, tools, async (client, source) => {
    const rights = (spec.given ?? []).flatMap((each) => decodeRights(known(each)));
    for (const [sort, ofSort] of Map.groupBy(rights, (right) => right.sort)) {
      const lost = await firstLost(client, sort, ofSort);
      if (lost !== undefined) {
        const { sort: thing, name } = lost.right;
        const seen = lost.isThere ? `may not ${textOf(lost.right)}` : `${thing.toLowerCase()} ${name} is not there`;
        return broken(seen, 'keywright apply');
      }
    }
    const [first, ...more] = rights;
    const all = first === undefined ? 'no right that could be taken away' : textOf(first);
    return held(`may ${all}${more.length === 0 ? '' : ` and ${more.length} more`}; ${source}`);
  });

async function firstLost(
  client: Client,
  sort: string,
  rights: readonly Right[],
): Promise<{ readonly right: Right; readonly isThere: boolean } | undefined> {
  const { rows } = await client.query<{ at: number; may: boolean | null }>(
    `SELECT w.at::int - 1 AS at, ${questions[sort]} AS may
       FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY w (name, "column", privilege, at) ORDER BY w.at`,
    [
      rights.map(({ name }) => name),
      rights.map(({ column }) => column ?? null),
      rights.map(({ privilege }) => privilege),
    ],
  );
  const found = rows.find(({ may }) => may !== true);
  return found && { right: rights[found.at] as Right, isThere: found.may !== null };
}

function textOf(right: Right): string {
  return `${privilegeText(right)} on ${right.sort.toLowerCase()} ${right.name}`;
}
