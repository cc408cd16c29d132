import assert from 'node:assert/strict';
import test from 'node:test';
import { parseAcl, type Privilege } from '../../../src/targets/postgres/acl.ts';
import { describeGaps, type Gap, gapOf, gapStatements, type Place } from '../../../src/targets/postgres/rights.ts';

function table(name: string): Place {
  return { sort: 'TABLE', sql: `"s"."${name}"`, shown: `s.${name}`, owner: 'owner' };
}

function gap(place: Place, acl: readonly string[], wanted: readonly Privilege[]): Gap {
  const found = gapOf(place, parseAcl(acl), wanted);
  assert.ok(found !== undefined);
  return found;
}

test('what several grantors gave counts together', () => {
  assert.equal(gapOf(table('a'), parseAcl(['r=r/owner', 'r=a/other']), ['SELECT', 'INSERT']), undefined);
});

test('places with the same gap share a statement', () => {
  const gaps = ['a', 'b'].map((name) => gap(table(name), [], ['SELECT']));
  assert.deepEqual(gapStatements(gaps, 'r'), ['GRANT SELECT ON TABLE "s"."a", "s"."b" TO "r"']);
});

test('what somebody other than the owner gave is taken back in his name, before anything is given', () => {
  const both = gap(table('a'), ['r=w/other', 'r=d/owner'], ['SELECT']);
  assert.deepEqual(gapStatements([both], 'r'), [
    'SET LOCAL ROLE "other"',
    'REVOKE UPDATE ON TABLE "s"."a" FROM "r" CASCADE',
    'RESET ROLE',
    'REVOKE DELETE ON TABLE "s"."a" FROM "r" CASCADE',
    'GRANT SELECT ON TABLE "s"."a" TO "r"',
  ]);
});

test('the right to pass a right on is taken back, the right itself stays', () => {
  const passing = gap(table('a'), ['r=r*/owner'], ['SELECT']);
  assert.deepEqual(gapStatements([passing], 'r'), ['REVOKE GRANT OPTION FOR SELECT ON TABLE "s"."a" FROM "r" CASCADE']);
  assert.deepEqual(describeGaps([passing]), [
    { field: 'table s.a', before: 'SELECT', after: 'SELECT', note: 'it could pass them on' },
  ]);
});

test('a column that gives more than its table is a gap, one that gives the same is none', () => {
  const column = { ...table('a'), column: '"c"' };
  assert.equal(gapOf(column, parseAcl(['r=r/owner']), ['SELECT']), undefined);
  const more = gap(column, ['r=rw/owner'], ['SELECT']);
  assert.deepEqual(gapStatements([more], 'r'), ['REVOKE UPDATE ("c") ON TABLE "s"."a" FROM "r" CASCADE']);
});
