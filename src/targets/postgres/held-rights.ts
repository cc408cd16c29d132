import type { Send } from './session.ts';
import { ident } from './sql.ts';

/** One privilege on one thing. */
export interface Right {
  /** As GRANT names it, for example `TABLE` or `ROUTINE`. */
  readonly sort: string;
  /** Name as SQL, quoted and schema-qualified; of a routine with the types of its arguments. */
  readonly name: string;
  /** Quoted; for a right on one column of a table. */
  readonly column?: string;
  /** For example `SELECT`; one that may be passed on has `SELECT WITH GRANT OPTION` beside it. */
  readonly privilege: string;
}

/** A right of a role, and who gave it. */
export interface HeldRight extends Right {
  readonly role: string;
  /** Quoted. */
  readonly grantor: string;
}

const grantOption = ' WITH GRANT OPTION';

/**
 * Every right that these roles hold themselves, on anything in the database and on what all databases share. Only what
 * depends on the roles is looked at, however much there is; what a role may do as the owner of a thing is not among it.
 */
export async function readHeldRights(send: Send, roles: readonly string[]): Promise<readonly HeldRight[]> {
  const rows = await send<Omit<HeldRight, 'column'> & { column: string | null }>(heldRightsSql, [roles]);
  return rows.map(({ column, ...right }) => ({ ...right, ...(column !== null && { column }) }));
}

/** Where the list of a thing stands, by its catalog: sort, name, column, list, source of them. */
const places: readonly (readonly [catalog: string, select: string])[] = [
  [
    'pg_class',
    `SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I.%I', nspname, relname), NULL, relacl
       FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE d.objsubid = 0 AND pg_class.oid = d.objid`,
  ],
  [
    'pg_class',
    `SELECT 'TABLE', format('%I.%I', nspname, relname), format('%I', attname), attacl
       FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
      WHERE d.objsubid <> 0 AND attrelid = d.objid AND attnum = d.objsubid`,
  ],
  [
    'pg_proc',
    `SELECT 'ROUTINE', (pg_identify_object(d.classid, d.objid, 0)).identity, NULL, proacl
       FROM pg_proc WHERE oid = d.objid`,
  ],
  [
    'pg_type',
    `SELECT 'TYPE', format('%I.%I', nspname, typname), NULL, typacl
       FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE pg_type.oid = d.objid`,
  ],
  named('pg_namespace', 'SCHEMA', 'nspname', 'nspacl'),
  named('pg_database', 'DATABASE', 'datname', 'datacl'),
  named('pg_language', 'LANGUAGE', 'lanname', 'lanacl'),
  named('pg_tablespace', 'TABLESPACE', 'spcname', 'spcacl'),
  named('pg_foreign_server', 'FOREIGN SERVER', 'srvname', 'srvacl'),
  named('pg_foreign_data_wrapper', 'FOREIGN DATA WRAPPER', 'fdwname', 'fdwacl'),
  ['pg_parameter_acl', `SELECT 'PARAMETER', parname, NULL, paracl FROM pg_parameter_acl WHERE oid = d.objid`],
  // Large objects are known by the catalog of their contents.
  ['pg_largeobject', `SELECT 'LARGE OBJECT', oid::text, NULL, lomacl FROM pg_largeobject_metadata WHERE oid = d.objid`],
];

function named(catalog: string, sort: string, name: string, acl: string): readonly [string, string] {
  return [catalog, `SELECT '${sort}', format('%I', ${name}), NULL, ${acl} FROM ${catalog} WHERE oid = d.objid`];
}

const heldRightsSql = `
  SELECT r.rolname AS role, o.sort, o.name, o."column", p.privilege, e.grantor::regrole::text AS grantor
    FROM pg_roles r
    JOIN pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'a'
     AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   CROSS JOIN LATERAL (
     ${places.map(([catalog, select]) => `${select} AND d.classid = '${catalog}'::regclass`).join('\n     UNION ALL ')}
   ) o (sort, name, "column", acl)
   CROSS JOIN LATERAL aclexplode(o.acl) e
   CROSS JOIN LATERAL unnest(
     CASE WHEN e.is_grantable THEN ARRAY[e.privilege_type, e.privilege_type || '${grantOption}']
       ELSE ARRAY[e.privilege_type] END
   ) p (privilege)
   WHERE r.rolname = ANY ($1) AND e.grantee = r.oid
   ORDER BY 1, 2, 3, 4, 5`;

/** Rights as an output keeps them: names and privileges, as text. */
export function encodeRights(rights: readonly Right[]): string {
  return JSON.stringify(rights.map(({ sort, name, column, privilege }) => [sort, name, column ?? null, privilege]));
}

/** What `encodeRights` wrote; none of anything else. */
export function decodeRights(text: unknown): readonly Right[] {
  const rows = typeof text === 'string' ? (JSON.parse(text) as (string | null)[][]) : [];
  return rows.map(([sort, name, column, privilege]) => ({
    sort: String(sort),
    name: String(name),
    column: column ?? undefined,
    privilege: String(privilege),
  }));
}

/** Rights of the first list that are not in the second, once each. */
export function rightsWithout(rights: readonly Right[], others: readonly Right[]): Right[] {
  const known = new Set(others.map(keyOf));
  return rights.filter((right) => {
    const key = keyOf(right);
    return !known.has(key) && known.add(key) !== undefined;
  });
}

/** Rights that a role holds now and did not hold from the same giver earlier, once each. */
export function rightsSince(now: readonly HeldRight[], earlier: readonly HeldRight[]): Right[] {
  const known = new Set(earlier.map(holdingOf));
  return rightsWithout(
    now.filter((right) => !known.has(holdingOf(right))),
    [],
  );
}

/** Rights that a role holds and was not given by any of these, each as often as somebody gave it. */
export function surplusOf(held: readonly HeldRight[], given: readonly Right[]): HeldRight[] {
  const known = new Set(given.map(keyOf));
  return held.filter((right) => !known.has(keyOf(right)));
}

/** What a role holds from whom, to compare. */
export function holdingOf(right: HeldRight): string {
  return `${right.role} ${right.grantor} ${keyOf(right)}`;
}

function keyOf({ sort, name, column, privilege }: Right): string {
  return JSON.stringify([sort, name, column ?? null, privilege]);
}

/** `SELECT (id)`, or `SELECT` where it is on the whole thing. */
export function privilegeText({ privilege, column }: Right): string {
  return column === undefined ? privilege : `${privilege.replace(grantOption, '')} (${column})${optionOf(privilege)}`;
}

function optionOf(privilege: string): string {
  return privilege.endsWith(grantOption) ? grantOption : '';
}

/** Statements that take rights back from a role, with what it passed on. */
export function revocationsOf(rights: readonly Right[], role: string): string[] {
  const whole = rights.filter(({ privilege }) => optionOf(privilege) === '');
  const options = rights
    .filter(({ privilege }) => optionOf(privilege) !== '')
    .map((right) => ({ ...right, privilege: right.privilege.replace(grantOption, '') }));
  const revoke = (what: string, list: readonly Right[]): string[] =>
    [...Map.groupBy(list, ({ sort, name }) => `${sort} ${name}`)].map(
      ([thing, each]) => `REVOKE ${what}${each.map(privilegeText).join(', ')} ON ${thing} FROM ${ident(role)} CASCADE`,
    );
  // Who loses a right cannot pass it on any more.
  return [...revoke('', whole), ...revoke('GRANT OPTION FOR ', rightsWithout(options, whole))];
}
