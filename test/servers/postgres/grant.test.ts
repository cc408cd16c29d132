import assert from 'node:assert/strict';
import test from 'node:test';
import type { Resource } from '../../../src/model/resource.ts';
import { grantKind } from '../../../src/targets/postgres/grant.ts';
import type { GrantSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, postgresBench, type PostgresBench } from '../../support/postgres-bench.ts';

const options = { skip: postgresMissing };

function grant(statement: string, index = 0): Resource<GrantSpec> {
  return resource(pgId('grant', 'report', String(index)), { database: 'shop', role: 'report-a', statement });
}

async function withRole(
  t: Parameters<typeof postgresBench>[0],
): Promise<PostgresBench & { may: (right: string) => Promise<unknown> }> {
  const fixture = await postgresBench(t);
  const { server } = fixture;
  await server.query('CREATE ROLE "report-a"');
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE stock (id int)', undefined, 'shop');
  const may = async (right: string): Promise<unknown> => {
    const { rows } = await server.query(`SELECT has_table_privilege('report-a', 'stock', $1) AS may`, [right], 'shop');
    return rows[0]?.['may'];
  };
  return { ...fixture, may };
}

const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);

test('a statement is run when it is new or changed, with the name of the role in it', options, async (t) => {
  const { bench, session, may } = await withRole(t);
  const select = grant('GRANT SELECT ON stock TO {role}');
  assert.deepEqual(actions(await bench.mustApply(grantKind, session, [select])), ['create']);
  assert.equal(await may('SELECT'), true);
  assert.deepEqual(actions(await bench.plan(grantKind, session, [select])), ['none']);
  const insert = grant('GRANT INSERT ON stock TO {role};');
  assert.deepEqual(actions(await bench.mustApply(grantKind, session, [insert])), ['update']);
  assert.deepEqual([await may('INSERT'), await may('SELECT')], [true, false]);
});

test('a grant that left the fleet is taken back', options, async (t) => {
  const { bench, session, may } = await withRole(t);
  await bench.mustApply(grantKind, session, [
    grant('GRANT SELECT ON stock TO {role}'),
    grant('GRANT INSERT ON stock TO {role}', 1),
  ]);
  assert.deepEqual(actions(await bench.mustApply(grantKind, session, [grant('GRANT SELECT ON stock TO {role}')])), [
    'remove',
  ]);
  assert.deepEqual([await may('INSERT'), await may('SELECT')], [false, true]);
});

test('one statement that is wrong does not take the others with it', options, async (t) => {
  const { bench, session, may } = await withRole(t);
  const wanted = [grant('GRANT SELECT ON stock TO {role}'), grant('GRANT SELECT ON nothing TO {role}', 1)];
  const results = await bench.apply(grantKind, session, wanted);
  assert.deepEqual(
    [...results.values()].map(({ applied }) => applied.outcome),
    ['done', 'failed'],
  );
  assert.equal(await may('SELECT'), true);
  assert.deepEqual(actions(await bench.plan(grantKind, session, wanted)), ['none', 'create']);
});
