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

test('a right that is given by hand is named by the plan and taken back, whoever gave it', options, async (t) => {
  const { bench, server, session, may } = await withRole(t);
  const wanted = [grant('GRANT SELECT ON stock TO {role}'), grant('GRANT TEMPORARY ON DATABASE shop TO {role}', 1)];
  await bench.mustApply(grantKind, session, wanted);
  await server.query(
    `CREATE ROLE "Some one"; GRANT INSERT ON stock TO "Some one" WITH GRANT OPTION;
     SET ROLE "Some one"; GRANT INSERT ON stock TO "report-a"; RESET ROLE;
     GRANT UPDATE (id) ON stock TO "report-a" WITH GRANT OPTION; GRANT USAGE ON SCHEMA public TO "report-a"`,
    undefined,
    'shop',
  );
  const [first, second] = await bench.plan(grantKind, session, wanted);
  assert.equal(second?.action, 'none');
  assert.deepEqual(first?.fields, [
    { field: 'schema public', before: 'USAGE', after: 'none' },
    {
      field: 'table public.stock',
      before: 'SELECT, UPDATE (id), UPDATE (id) WITH GRANT OPTION, INSERT',
      after: 'SELECT',
    },
  ]);
  assert.deepEqual(actions(await bench.mustApply(grantKind, session, wanted)), ['update']);
  assert.deepEqual([await may('SELECT'), await may('INSERT'), await may('UPDATE')], [true, false, false]);
  assert.deepEqual(actions(await bench.plan(grantKind, session, wanted)), ['none', 'none']);
});

test('what another statement than a plain GRANT may bring along later is nobody’s drift', options, async (t) => {
  const { bench, server, session } = await withRole(t);
  const wanted = [
    grant('GRANT SELECT ON stock TO {role}'),
    grant('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}', 1),
  ];
  await bench.mustApply(grantKind, session, wanted);
  await server.query('CREATE TABLE later (id int)', undefined, 'shop');
  assert.deepEqual(new Set(actions(await bench.plan(grantKind, session, wanted))), new Set(['none']));
});

test('a right that is taken away by hand is named by the plan and given again', options, async (t) => {
  const { bench, server, session } = await withRole(t);
  await server.query(
    `CREATE FUNCTION price(item int, OUT cents int) LANGUAGE sql AS 'SELECT 1';
     REVOKE EXECUTE ON FUNCTION price FROM PUBLIC; CREATE SCHEMA "Odd one"; CREATE SEQUENCE "Odd one".s`,
    undefined,
    'shop',
  );
  const wanted = [
    grant('GRANT EXECUTE ON FUNCTION price TO {role}'),
    grant('GRANT SELECT, INSERT ON stock TO {role} WITH GRANT OPTION', 1),
    grant('GRANT UPDATE (id) ON stock TO {role}', 2),
    grant('GRANT USAGE ON SCHEMA "Odd one" TO {role}; GRANT USAGE ON SEQUENCE "Odd one".s TO {role}', 3),
    grant('GRANT TEMPORARY ON DATABASE shop TO {role}', 4),
    grant('GRANT SET ON PARAMETER work_mem TO {role}', 5),
    grant("ALTER ROLE {role} SET statement_timeout = '5s'", 6),
  ];
  await bench.mustApply(grantKind, session, wanted);
  assert.deepEqual(new Set(actions(await bench.plan(grantKind, session, wanted))), new Set(['none']));
  const lost = {
    'REVOKE EXECUTE ON FUNCTION price FROM "report-a"': [
      0,
      { field: 'routine public.price(integer)', before: 'none', after: 'EXECUTE' },
    ],
    'REVOKE INSERT ON stock FROM "report-a"': [
      1,
      {
        field: 'table public.stock',
        before: 'SELECT, SELECT WITH GRANT OPTION',
        after: 'INSERT, INSERT WITH GRANT OPTION, SELECT, SELECT WITH GRANT OPTION',
      },
    ],
    'REVOKE GRANT OPTION FOR SELECT ON stock FROM "report-a"': [
      1,
      {
        field: 'table public.stock',
        before: 'INSERT, INSERT WITH GRANT OPTION, SELECT',
        after: 'INSERT, INSERT WITH GRANT OPTION, SELECT, SELECT WITH GRANT OPTION',
      },
    ],
    'REVOKE UPDATE (id) ON stock FROM "report-a"': [
      2,
      { field: 'table public.stock', before: 'none', after: 'UPDATE (id)' },
    ],
    'REVOKE USAGE ON SEQUENCE "Odd one".s FROM "report-a"': [
      3,
      { field: 'sequence "Odd one".s', before: 'none', after: 'USAGE' },
    ],
    'REVOKE TEMPORARY ON DATABASE shop FROM "report-a"': [
      4,
      { field: 'database shop', before: 'none', after: 'TEMPORARY' },
    ],
    'REVOKE SET ON PARAMETER work_mem FROM "report-a"': [
      5,
      { field: 'parameter work_mem', before: 'none', after: 'SET' },
    ],
  } as const;
  for (const [revoke, [index, field]] of Object.entries(lost)) {
    await server.query(revoke, undefined, 'shop');
    const plan = (await bench.plan(grantKind, session, wanted)).filter(({ action }) => action !== 'none');
    assert.deepEqual(
      plan.map(({ id, fields }) => ({ id, fields })),
      [{ id: wanted[index]?.id, fields: [field] }],
      revoke,
    );
    await bench.mustApply(grantKind, session, wanted);
    assert.deepEqual(new Set(actions(await bench.plan(grantKind, session, wanted))), new Set(['none']), revoke);
  }
});

test('on every other sort of thing too', options, async (t) => {
  const { bench, server, session } = await withRole(t);
  await server.query(
    `CREATE TYPE mood AS ENUM ('good'); REVOKE USAGE ON TYPE mood FROM PUBLIC;
     CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrapper;
     SELECT lo_create(4711)`,
    undefined,
    'shop',
  );
  const things = {
    'type public.mood': 'USAGE ON TYPE mood',
    'language plpgsql': 'USAGE ON LANGUAGE plpgsql',
    'foreign data wrapper wrapper': 'USAGE ON FOREIGN DATA WRAPPER wrapper',
    'foreign server elsewhere': 'USAGE ON FOREIGN SERVER elsewhere',
    'large object 4711': 'SELECT ON LARGE OBJECT 4711',
    'tablespace pg_default': 'CREATE ON TABLESPACE pg_default',
  };
  const wanted = Object.values(things).map((right, index) => grant(`GRANT ${right} TO {role}`, index));
  await bench.mustApply(grantKind, session, wanted);
  for (const right of Object.values(things)) {
    await server.query(`REVOKE ${right} FROM "report-a"`, undefined, 'shop');
  }
  const plan = await bench.plan(grantKind, session, wanted);
  assert.deepEqual(
    plan.flatMap(({ fields }) => fields.map(({ field }) => field)),
    Object.keys(things),
  );
  await bench.mustApply(grantKind, session, wanted);
  assert.deepEqual(new Set(actions(await bench.plan(grantKind, session, wanted))), new Set(['none']));
  await bench.mustApply(grantKind, session, [grant('GRANT SELECT ON stock TO {role}')]);
  const { rows } = await server.query(
    `SELECT count(*)::int AS left FROM pg_shdepend WHERE refobjid = '"report-a"'::regrole AND deptype = 'a'`,
  );
  assert.deepEqual(rows, [{ left: 1 }], 'and all of it is taken back');
});

test('an effect that was there before the record is noticed like any other', options, async (t) => {
  const { bench, server, session, may } = await withRole(t);
  const wanted = [
    grant('GRANT SELECT ON stock TO {role}'),
    grant(`DO $$ BEGIN EXECUTE 'GRANT INSERT ON stock TO "report-a"'; END $$`, 1),
  ];
  await bench.mustApply(grantKind, session, wanted);
  bench.records.clear();
  assert.deepEqual(actions(await bench.plan(grantKind, session, wanted)), ['create', 'create']);
  await bench.mustApply(grantKind, session, wanted);
  assert.deepEqual(actions(await bench.plan(grantKind, session, wanted)), ['none', 'none']);
  await server.query('REVOKE SELECT ON stock FROM "report-a"', undefined, 'shop');
  assert.deepEqual(actions(await bench.plan(grantKind, session, wanted)), ['update', 'none']);
  await bench.mustApply(grantKind, session, wanted);
  assert.deepEqual([await may('SELECT'), await may('INSERT')], [true, true]);
});

test('what several statements give goes when the last of them has left', options, async (t) => {
  const { bench, session, may } = await withRole(t);
  const select = 'GRANT SELECT ON stock TO {role}';
  const insert = 'GRANT INSERT ON stock TO {role}';
  const both = 'GRANT SELECT, INSERT ON stock TO {role}';
  const steps: [string[], boolean, boolean][] = [
    [[select, insert], true, true],
    // The one after it takes the place of the one that left.
    [[insert], false, true],
    [[insert, both], true, true],
    [[both, insert], true, true],
    [[insert], false, true],
    [[], false, false],
  ];
  for (const [statements, mayRead, mayWrite] of steps) {
    const wanted = statements.map((statement, index) => grant(statement, index));
    await bench.mustApply(grantKind, session, wanted);
    assert.deepEqual([await may('SELECT'), await may('INSERT')], [mayRead, mayWrite], statements.join('; '));
    assert.deepEqual(new Set(actions(await bench.plan(grantKind, session, wanted))).has('update'), false);
  }
});

test('a table that is gone makes its statement fail in its own words, and not its removal', options, async (t) => {
  const { bench, server, session } = await withRole(t);
  const wanted = [grant('GRANT SELECT ON stock TO {role}')];
  await bench.mustApply(grantKind, session, wanted);
  await server.query('DROP TABLE stock', undefined, 'shop');
  await assert.rejects(bench.mustApply(grantKind, session, wanted), /relation "stock" does not exist/);
  assert.deepEqual(actions(await bench.mustApply(grantKind, session, [])), ['remove']);
  assert.deepEqual(await bench.plan(grantKind, session, []), []);
});
