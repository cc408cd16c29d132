import type { FieldChange } from '../../model/change.ts';
import { type AclEntry, type Privilege } from './acl.ts';
import { ident } from './sql.ts';

/** Something that rights are held on. */
export interface Place {
  readonly sort: 'DATABASE' | 'SCHEMA' | 'TABLE' | 'SEQUENCE';
  /** Name as SQL, quoted. */
  readonly sql: string;
  /** Name as a person reads it. */
  readonly shown: string;
  readonly owner: string;
  /** Quoted; for rights on one column of a table. */
  readonly column?: string;
}

interface Given {
  readonly grantor: string;
  readonly privileges: readonly Privilege[];
}

/** How the rights of one grantee on one place differ from those that it shall have. */
export interface Gap {
  readonly place: Place;
  readonly held: readonly Privilege[];
  readonly wanted: readonly Privilege[];
  readonly missing: readonly Privilege[];
  /** What it has too much, by who gave it: each grantor's gift is taken back on its own. */
  readonly excess: readonly Given[];
  /** What it may keep but not pass on. */
  readonly grantable: readonly Given[];
}

/** Compares what a grantee has, whoever gave it, with what it shall have. Undefined when that is the same. */
export function gapOf(place: Place, entries: readonly AclEntry[], wanted: readonly Privilege[]): Gap | undefined {
  const held = [...new Set(entries.flatMap(({ privileges }) => privileges))];
  // Columns add to their table: a right that the table gives anyway is no difference.
  const missing = place.column === undefined ? wanted.filter((privilege) => !held.includes(privilege)) : [];
  const given = (pick: (entry: AclEntry) => readonly Privilege[]): Given[] =>
    entries
      .map((entry) => ({ grantor: entry.grantor, privileges: pick(entry) }))
      .filter((each) => each.privileges.length > 0);
  const excess = given(({ privileges }) => privileges.filter((privilege) => !wanted.includes(privilege)));
  const grantable = given((entry) => entry.grantable.filter((privilege) => wanted.includes(privilege)));
  return missing.length + excess.length + grantable.length === 0
    ? undefined
    : { place, held, wanted, missing, excess, grantable };
}

/** Places that are told one by one; of the others only how many there are. */
const told = 8;

export function describeGaps(gaps: readonly Gap[]): FieldChange[] {
  const fields = gaps.slice(0, told).map(({ place, held, wanted, missing, excess }): FieldChange => ({
    field: `${place.sort.toLowerCase()} ${place.shown}`,
    before: list(held),
    after: list(place.column === undefined ? wanted : held.filter((privilege) => wanted.includes(privilege))),
    note: missing.length + excess.length === 0 ? 'it could pass them on' : undefined,
  }));
  const rest = gaps.slice(told);
  return rest.length === 0 ? fields : [...fields, { field: 'rights', note: `on ${rest.length} more differ` }];
}

function list(privileges: readonly Privilege[]): string {
  return privileges.length === 0 ? 'none' : [...privileges].toSorted().join(', ');
}

/** Statements that close the gaps, places with the same gap together. Revoking comes first. */
export function gapStatements(gaps: readonly Gap[], grantee: string): string[] {
  return [
    ...revocations(gaps, ({ excess }) => excess, grantee, ''),
    ...revocations(gaps, ({ grantable }) => grantable, grantee, 'GRANT OPTION FOR '),
    ...[
      ...Map.groupBy(
        gaps.filter(({ missing }) => missing.length > 0),
        ({ place, missing }) => `${missing.join(', ')} ON ${place.sort}`,
      ),
    ].map(([what, alike]) => `GRANT ${what} ${alike.map(({ place }) => place.sql).join(', ')} TO ${ident(grantee)}`),
  ];
}

function revocations(
  gaps: readonly Gap[],
  pick: (gap: Gap) => readonly Given[],
  grantee: string,
  option: string,
): string[] {
  const all = gaps.flatMap((gap) => pick(gap).map((given) => ({ place: gap.place, ...given })));
  const groups = Map.groupBy(all, ({ place, grantor, privileges }) =>
    JSON.stringify([grantor === place.owner ? '' : grantor, revoked(privileges, place), place.sort]),
  );
  return [...groups].flatMap(([key, alike]) => {
    const [grantor, privileges, sort] = JSON.parse(key) as [string, string, string];
    const names = alike.map(({ place }) => place.sql).join(', ');
    const statement = `REVOKE ${option}${privileges} ON ${sort} ${names} FROM ${ident(grantee)} CASCADE`;
    // A superuser acts as the owner of the object; what others gave only they can take back.
    return grantor === '' ? [statement] : [`SET LOCAL ROLE ${ident(grantor)}`, statement, 'RESET ROLE'];
  });
}

function revoked(privileges: readonly Privilege[], { column }: Place): string {
  return privileges.map((privilege) => (column === undefined ? privilege : `${privilege} (${column})`)).join(', ');
}
