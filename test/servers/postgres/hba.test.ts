import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { hbaKind } from '../../../src/targets/postgres/hba.ts';
import type { HbaRule, HbaSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId } from '../../support/postgres-bench.ts';
import { runningSite } from '../../support/running-site.ts';

const options = { skip: postgresMissing };
const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);
const hba = (...rules: readonly HbaRule[]): Resource<HbaSpec> => resource(pgId('hba', 'rules'), { rules });
const scram: HbaRule = {
  type: 'hostssl',
  database: 'orders',
  user: '+orders_app',
  address: '127.0.0.1/32',
  method: 'scram-sha-256',
};
const cert: HbaRule = {
  type: 'hostssl',
  database: 'orders',
  user: 'billing',
  address: '127.0.0.1/32',
  method: 'cert',
  options: { clientcert: 'verify-full' },
};

test('rules are written, loaded, and left alone the second time', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const wanted = hba(scram, cert);
  assert.deepEqual(actions(await bench.mustApply(hbaKind, session, [wanted])), ['create']);
  assert.deepEqual(actions(await bench.plan(hbaKind, session, [wanted])), ['none']);
  const rows = await session.query(
    'postgres',
    `SELECT type, database, user_name, auth_method FROM pg_hba_file_rules ORDER BY rule_number`,
  );
  assert.deepEqual(
    rows.map((row) => Object.values(row)),
    [
      ['local', ['all'], ['postgres'], 'peer'],
      ['hostssl', ['orders'], ['+orders_app'], 'scram-sha-256'],
      ['hostssl', ['orders'], ['billing'], 'cert'],
    ],
  );
  const file = join(session.server.dataDirectory, 'pg_hba.conf');
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('rules changed by hand are found line by line and changed back', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const wanted = hba(scram);
  await bench.mustApply(hbaKind, session, [wanted]);
  const file = join(session.server.dataDirectory, 'pg_hba.conf');
  const good = readFileSync(file, 'utf8');
  for (const [text, field] of [
    [`${good}host all all 0.0.0.0/0 trust\n`, { field: 'pg_hba.conf', before: 'host all all 0.0.0.0/0 trust' }],
    [
      good.replace('hostssl', 'host'),
      { field: 'pg_hba.conf', before: 'host "orders" +"orders_app" 127.0.0.1/32 scram-sha-256' },
    ],
    [`${good}this is no rule\n`, { field: 'pg_hba.conf', before: 'this is no rule' }],
    [`# a note\n${good}`, { field: 'pg_hba.conf', note: 'changed by hand' }],
  ] as const) {
    writeFileSync(file, text);
    await session.reload();
    const [change] = await bench.plan(hbaKind, session, [wanted]);
    assert.deepEqual(change?.fields[0], field);
    await bench.mustApply(hbaKind, session, [wanted]);
    assert.equal(readFileSync(file, 'utf8'), good);
    assert.deepEqual(actions(await bench.plan(hbaKind, session, [wanted])), ['none']);
  }
});

test('rules that are on disk but not loaded are loaded', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const wanted = hba(scram);
  await bench.mustApply(hbaKind, session, [wanted]);
  const file = join(session.server.dataDirectory, 'pg_hba.conf');
  const { loadedAt } = await session.configuration();
  do {
    // The clock of files is coarser than that of the server.
    writeFileSync(file, readFileSync(file, 'utf8'));
  } while (statSync(file).mtimeMs <= loadedAt);
  session.forget();
  const [change] = await bench.plan(hbaKind, session, [wanted]);
  assert.deepEqual(change?.fields, [{ field: 'pg_hba.conf', note: 'not loaded yet' }]);
  await bench.mustApply(hbaKind, session, [wanted]);
  assert.deepEqual(actions(await bench.plan(hbaKind, session, [wanted])), ['none']);
});

test('a rule that PostgreSQL refuses is named, and the rules before stay', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  await bench.mustApply(hbaKind, session, [hba(scram)]);
  const file = join(session.server.dataDirectory, 'pg_hba.conf');
  const good = readFileSync(file, 'utf8');
  const broken = hba(scram, { ...scram, options: { clientcert: 'maybe' } });
  await assert.rejects(bench.mustApply(hbaKind, session, [broken]), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, 'hba-broken');
    assert.match(error.message, /line 4: hostssl .*clientcert="maybe"/);
    return true;
  });
  assert.equal(readFileSync(file, 'utf8'), good);
});

test('when the rules leave the fleet only the superuser is let in', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  await bench.mustApply(hbaKind, session, [hba(scram)]);
  assert.deepEqual(actions(await bench.mustApply(hbaKind, session, [])), ['remove']);
  const rows = await session.query('postgres', 'SELECT FROM pg_hba_file_rules');
  assert.equal(rows.length, 1);
});
