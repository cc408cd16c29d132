import { type AclEntry, parseAcl, type Privilege } from './acl.ts';
import type { SeenDatabase } from './cluster-snapshot.ts';
import type { DatabaseSnapshot, SeenRelation } from './database-snapshot.ts';
import type { PrivilegeSpec } from './postgres.spec.ts';
import { type Gap, gapOf, type Place } from './rights.ts';
import { ident, qualified } from './sql.ts';

type Class = PrivilegeSpec['privileges'];
type Sort = Place['sort'];

/** What a class role may do on each sort of object. */
export const classRights: Readonly<Record<Class, Readonly<Record<Sort, readonly Privilege[]>>>> = {
  readOnly: { DATABASE: ['CONNECT'], SCHEMA: ['USAGE'], TABLE: ['SELECT'], SEQUENCE: ['SELECT'] },
  readWrite: {
    DATABASE: ['CONNECT', 'TEMPORARY'],
    SCHEMA: ['USAGE'],
    TABLE: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'],
    SEQUENCE: ['SELECT', 'USAGE', 'UPDATE'],
  },
  none: { DATABASE: [], SCHEMA: [], TABLE: [], SEQUENCE: [] },
};

/** A place with the rights that one grantee holds there. */
export interface Holding {
  readonly place: Place;
  readonly entries: readonly AclEntry[];
}

const grantees = new WeakMap<DatabaseSnapshot, Map<string, ReadonlySet<string>>>();

/** Everybody who holds a right on the database, the schema or anything in it. Told once per snapshot: many roles ask. */
export function granteesIn(
  database: SeenDatabase,
  snapshot: DatabaseSnapshot,
  schemaName: string,
): ReadonlySet<string> {
  const ofSnapshot = grantees.get(snapshot) ?? new Map<string, ReadonlySet<string>>();
  grantees.set(snapshot, ofSnapshot);
  const known = ofSnapshot.get(schemaName);
  if (known !== undefined) {
    return known;
  }
  const { relations, columnAcls } = contentsOf(snapshot, schemaName);
  const schema = snapshot.schemas.find(({ name }) => name === schemaName);
  const lists = [database, schema, ...relations, ...columnAcls].map((each) => each?.acl ?? null);
  const found = new Set(lists.flatMap((acl) => parseAcl(acl).map(({ grantee }) => grantee)));
  ofSnapshot.set(schemaName, found);
  return found;
}

/** The database, the schema, and everything in it, with what one role holds; empty when the schema is not there. */
export function holdingsOf(
  database: SeenDatabase,
  snapshot: DatabaseSnapshot,
  schemaName: string,
  grantee: string,
): readonly Holding[] {
  const schema = snapshot.schemas.find(({ name }) => name === schemaName);
  if (schema === undefined) {
    return [];
  }
  const held = (acl: readonly string[] | null): AclEntry[] =>
    parseAcl(acl).filter((entry) => entry.grantee === grantee);
  const { relations, columnAcls } = contentsOf(snapshot, schemaName);
  const owners = new Map(relations.map(({ name, owner }) => [name, owner]));
  return [
    {
      place: { sort: 'DATABASE', sql: ident(database.name), shown: database.name, owner: database.owner },
      entries: held(database.acl),
    },
    {
      place: { sort: 'SCHEMA', sql: ident(schemaName), shown: schemaName, owner: schema.owner },
      entries: held(schema.acl),
    },
    ...relations.map((relation) => ({ place: relationPlace(relation), entries: held(relation.acl) })),
    ...columnAcls
      .map(({ table, column, acl }): Holding => ({
        place: {
          sort: 'TABLE',
          sql: qualified(schemaName, table),
          shown: `${schemaName}.${table} (${column})`,
          owner: owners.get(table) ?? '',
          column: ident(column),
        },
        entries: held(acl),
      }))
      .filter(({ entries }) => entries.length > 0),
  ];
}

export function relationPlace({ schema, name, kind, owner }: SeenRelation): Place {
  return { sort: kind === 'S' ? 'SEQUENCE' : 'TABLE', sql: qualified(schema, name), shown: `${schema}.${name}`, owner };
}

/** Where a role of this class has other rights than it shall have. `undefined`: it shall have none. */
export function gapsOf(holdings: readonly Holding[], privileges: Class | undefined): Gap[] {
  return holdings.flatMap(({ place, entries }) => {
    const gap = gapOf(place, entries, privileges === undefined ? [] : classRights[privileges][place.sort]);
    return gap === undefined ? [] : [gap];
  });
}

type Contents = Pick<DatabaseSnapshot, 'relations' | 'columnAcls'>;
const bySchema = new WeakMap<DatabaseSnapshot, ReadonlyMap<string, Contents>>();

/** Grouped once per snapshot, because every schema has several roles that ask. */
function contentsOf(snapshot: DatabaseSnapshot, schema: string): Contents {
  const known = bySchema.get(snapshot) ?? groupContents(snapshot);
  bySchema.set(snapshot, known);
  return known.get(schema) ?? { relations: [], columnAcls: [] };
}

function groupContents({ schemas, relations, columnAcls }: DatabaseSnapshot): ReadonlyMap<string, Contents> {
  const relationsOf = Map.groupBy(relations, ({ schema }) => schema);
  const columnsOf = Map.groupBy(columnAcls, ({ schema }) => schema);
  return new Map(
    schemas.map(({ name }) => [
      name,
      { relations: relationsOf.get(name) ?? [], columnAcls: columnsOf.get(name) ?? [] },
    ]),
  );
}
