import type { FieldChange } from '../../model/change.ts';
import { parseAcl, type Privilege } from './acl.ts';
import type { SeenRelation, SeenSchema } from './database-snapshot.ts';
import { type Ensured, markedInDatabase } from './marked-kind.ts';
import { differs, type Marked, markStatements } from './marked.ts';
import { findOwnSchema, makeOwnSchema, ownSchema } from './own-schema.ts';
import type { ProbeSpec } from './postgres.spec.ts';
import { relationPlace } from './privilege-places.ts';
import { describeGaps, type Gap, gapOf, gapStatements, type Place } from './rights.ts';
import type { PgSession } from './session.ts';
import { ident, qualified } from './sql.ts';

export interface ProbeSeen extends Marked {
  readonly schema: SeenSchema;
  readonly relations: readonly SeenRelation[];
}

const what = `SCHEMA ${ident(ownSchema)}`;

/** `postgres/<name>/probe/<database>`: see `postgres.spec.ts`. */
export const probeKind = markedInDatabase<ProbeSpec, ProbeSeen>({
  kind: 'probe',
  see,
  create: (spec) => [
    {
      field: 'tables',
      after: tablesOf(spec)
        .map(({ name }) => name)
        .join(', '),
    },
  ],
  differences,
  what: () => what,
  ensure,
  // With the note of a setup, which lies in the same schema and says that it must not run again.
  cascade: true,
});

async function see(session: PgSession, database: string): Promise<ProbeSeen | undefined> {
  const snapshot = await session.database(database);
  const schema = findOwnSchema(snapshot);
  return schema === undefined
    ? undefined
    : {
        schema,
        comment: schema.comment,
        relations: (snapshot?.relations ?? []).filter(({ schema: of, kind }) => of === ownSchema && kind === 'r'),
      };
}

interface Wanted {
  readonly name: string;
  readonly rights: ReadonlyMap<string, readonly Privilege[]>;
}

function tablesOf(spec: ProbeSpec): Wanted[] {
  return [
    {
      name: 'probe',
      rights: new Map([
        [spec.readOnly, ['SELECT']],
        [spec.readWrite, ['SELECT', 'INSERT', 'UPDATE', 'DELETE']],
      ]),
    },
    ...spec.canaries.map(({ table, readers }): Wanted => ({
      name: table,
      rights: new Map(readers.map((reader) => [reader, ['SELECT']])),
    })),
  ];
}

/** Roles whose rights in the schema are exactly what is asked for; those of others are not ours. */
function grantees(spec: ProbeSpec): string[] {
  return [...new Set([spec.readWrite, spec.readOnly, ...spec.canaries.flatMap(({ readers }) => readers)])];
}

function differences(spec: ProbeSpec, seen: ProbeSeen): FieldChange[] {
  const tables = tablesOf(spec);
  const missing = tables.filter(({ name }) => !seen.relations.some((relation) => relation.name === name));
  const present = seen.relations.filter(({ name }) => !missing.some((table) => table.name === name));
  return [
    ...differs('owner', seen.schema.owner, spec.owner),
    ...missing.map(({ name }) => ({ field: `table ${name}`, before: 'none', after: 'made' })),
    ...present.flatMap((relation) => differs(`owner of ${relation.name}`, relation.owner, spec.owner)),
    ...grantees(spec).flatMap((grantee) =>
      describeGaps(gapsOf(spec, { ...seen, relations: present }, grantee)).map((field): FieldChange => ({
        ...field,
        field: `${grantee} on ${field.field}`,
      })),
    ),
  ];
}

/** Gaps of one grantee on the schema and on those of our tables that are there. */
function gapsOf(
  spec: ProbeSpec,
  { schema, relations }: Pick<ProbeSeen, 'schema' | 'relations'>,
  grantee: string,
): Gap[] {
  const places: [Place, readonly string[] | null, readonly Privilege[]][] = [
    [{ sort: 'SCHEMA', sql: ident(ownSchema), shown: ownSchema, owner: schema.owner }, schema.acl, ['USAGE']],
    ...tablesOf(spec).flatMap(({ name, rights }): [Place, readonly string[] | null, readonly Privilege[]][] => {
      const relation = relations.find((each) => each.name === name);
      return relation === undefined ? [] : [[relationPlace(relation), relation.acl, rights.get(grantee) ?? []]];
    }),
  ];
  return places.flatMap(([place, acl, rights]) => {
    const gap = gapOf(
      place,
      parseAcl(acl).filter((entry) => entry.grantee === grantee),
      rights,
    );
    return gap === undefined ? [] : [gap];
  });
}

function ensure({ change, resource, seen }: Ensured<ProbeSpec, ProbeSeen>, fleet: string): string[] {
  const { spec } = resource;
  const { owner } = spec;
  const tables = tablesOf(spec);
  const made = tables.filter(({ name }) => seen?.relations.some((relation) => relation.name === name) !== true);
  // What its old owner gave is the new owner's gift once it has changed hands, so that the old name still means "owner".
  const schema: SeenSchema = seen?.schema ?? { name: ownSchema, owner, acl: [], comment: null };
  const relations = [
    ...(seen?.relations ?? []),
    ...made.map(({ name }): SeenRelation => ({ schema: ownSchema, name, kind: 'r', owner, acl: null })),
  ];
  return [
    ...(seen === undefined
      ? makeOwnSchema(undefined, owner, fleet, change.id)
      : [`ALTER ${what} OWNER TO ${ident(owner)}`, ...markStatements(what, seen, fleet, change.id)]),
    ...(seen?.relations ?? [])
      .filter((relation) => relation.owner !== owner)
      .map(({ name }) => `ALTER TABLE ${qualified(ownSchema, name)} OWNER TO ${ident(owner)}`),
    ...made.flatMap(({ name }) => [
      `CREATE TABLE ${qualified(ownSchema, name)} (id bigint PRIMARY KEY, note text)`,
      `ALTER TABLE ${qualified(ownSchema, name)} OWNER TO ${ident(owner)}`,
    ]),
    ...grantees(spec).flatMap((grantee) => gapStatements(gapsOf(spec, { schema, relations }, grantee), grantee)),
  ];
}
