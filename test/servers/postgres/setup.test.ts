import assert from 'node:assert/strict';
import test from 'node:test';
import type { Resource } from '../../../src/model/resource.ts';
import { databaseKind } from '../../../src/targets/postgres/database.ts';
import type { ProbeSpec, SetupSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { probeKind } from '../../../src/targets/postgres/probe.ts';
import { roleKind } from '../../../src/targets/postgres/role.ts';
import { setupKind } from '../../../src/targets/postgres/setup.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, postgresBench, type PostgresBench } from '../../support/postgres-bench.ts';

const options = { skip: postgresMissing };
const roles = ['shop_owner', 'shop_read_write', 'shop_read_only', 'shop_replica', 'shop_owner_2'];

async function withShop(t: Parameters<typeof postgresBench>[0]): Promise<PostgresBench> {
  const fixture = await postgresBench(t);
  const { bench, session } = fixture;
  await bench.mustApply(
    roleKind,
    session,
    roles.map((name) => resource(pgId('role', name), { name, login: false })),
  );
  await bench.mustApply(databaseKind, session, [
    resource(pgId('database', 'shop'), { name: 'shop', owner: 'shop_owner' }),
  ]);
  return fixture;
}

function setup(sql: string): Resource<SetupSpec> {
  return resource(pgId('setup', 'shop'), { database: 'shop', owner: 'shop_owner', sql });
}

function probe(extra: Partial<ProbeSpec> = {}): Resource<ProbeSpec> {
  return resource(pgId('probe', 'shop'), {
    database: 'shop',
    owner: 'shop_owner',
    readWrite: 'shop_read_write',
    readOnly: 'shop_read_only',
    canaries: [{ table: 'canary_orders_a', readers: ['shop_replica'] }],
    ...extra,
  });
}

const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);

test('a setup runs once, as the owner, also after its text was changed', options, async (t) => {
  const { bench, session, server } = await withShop(t);
  const wanted = setup(`CREATE TABLE runs (who text); INSERT INTO runs VALUES (current_user); -- the end`);
  assert.deepEqual(actions(await bench.mustApply(setupKind, session, [wanted])), ['create']);
  assert.deepEqual(await bench.plan(setupKind, session, [wanted]), [
    { id: wanted.id, action: 'none', fields: [], reason: undefined },
  ]);
  bench.records.clear();
  const [changed] = await bench.plan(setupKind, session, [setup('DROP TABLE runs')]);
  assert.equal(changed?.action, 'none');
  assert.match(changed?.reason ?? '', /^ran at 20.*runs once$/);
  const { rows } = await server.query(
    `SELECT who, (SELECT tableowner FROM pg_tables WHERE tablename = 'runs') AS owner,
            (SELECT tableowner FROM pg_tables WHERE schemaname = 'keywright' AND tablename = 'setup') AS notes FROM runs`,
    undefined,
    'shop',
  );
  assert.deepEqual(rows, [{ who: 'shop_owner', owner: 'shop_owner', notes: 'shop_owner' }]);
});

test('a setup that fails leaves nothing, and runs when it is mended', options, async (t) => {
  const { bench, session, server } = await withShop(t);
  const results = await bench.apply(setupKind, session, [setup('CREATE TABLE half (id int); SELECT 1 / 0')]);
  const applied = results.get(setup('').id)?.applied;
  assert.match(applied?.outcome === 'failed' ? applied.error.message : '', /division by zero/);
  assert.equal((await server.query(`SELECT FROM pg_tables WHERE tablename = 'half'`, undefined, 'shop')).rowCount, 0);
  assert.deepEqual(actions(await bench.mustApply(setupKind, session, [setup('CREATE TABLE half (id int)')])), [
    'create',
  ]);
});

test('a setup that ends its transaction is told to leave that out', options, async (t) => {
  const { bench, session } = await withShop(t);
  for (const sql of ['COMMIT; CREATE TABLE outside (id int)', 'CREATE TABLE inside (id int); COMMIT; BEGIN']) {
    const results = await bench.apply(setupKind, session, [setup(sql)]);
    const applied = results.get(setup('').id)?.applied;
    assert.match(applied?.outcome === 'failed' ? applied.error.message : '', /ends its transaction itself/, sql);
    assert.deepEqual(actions(await bench.plan(setupKind, session, [setup(sql)])), ['create'], sql);
  }
});

test('setup and probe that left the fleet stay, and are taken up again', options, async (t) => {
  const { bench, session, server } = await withShop(t);
  const wanted = setup('CREATE TABLE runs (who text)');
  await bench.mustApply(setupKind, session, [wanted]);
  await bench.mustApply(probeKind, session, [probe()]);
  assert.deepEqual(actions(await bench.mustApply(setupKind, session, [])), ['retain']);
  assert.deepEqual(actions(await bench.mustApply(probeKind, session, [])), ['retain']);
  const comment = await server.query(
    `SELECT obj_description('keywright'::regnamespace, 'pg_namespace') AS comment`,
    undefined,
    'shop',
  );
  assert.deepEqual(comment.rows, [{ comment: null }]);
  assert.deepEqual(actions(await bench.plan(setupKind, session, [wanted])), ['none']);
  assert.deepEqual(actions(await bench.mustApply(probeKind, session, [probe()])), ['adopt']);
  assert.deepEqual(actions(await bench.plan(probeKind, session, [probe()])), ['none']);
});

test('probe tables are there for those who shall use them, and mended by hand-made damage', options, async (t) => {
  const { bench, session, server } = await withShop(t);
  const wanted = [probe()];
  assert.deepEqual(actions(await bench.plan(probeKind, session, wanted)), ['create']);
  await bench.mustApply(probeKind, session, wanted);
  assert.deepEqual(actions(await bench.plan(probeKind, session, wanted)), ['none']);
  const may = async (role: string, table: string): Promise<string> => {
    const { rows } = await server.query(
      `SELECT string_agg(p, ' ' ORDER BY p) AS may FROM unnest(ARRAY['DELETE','INSERT','SELECT','TRUNCATE','UPDATE']) p
        WHERE has_table_privilege($1, 'keywright.' || $2, p) AND has_schema_privilege($1, 'keywright', 'USAGE')`,
      [role, table],
      'shop',
    );
    return String(rows[0]?.['may']);
  };
  const all = async (): Promise<string[]> => [
    await may('shop_read_write', 'probe'),
    await may('shop_read_only', 'probe'),
    await may('shop_replica', 'canary_orders_a'),
    await may('shop_read_only', 'canary_orders_a'),
    await may('shop_replica', 'probe'),
  ];
  const expected = ['DELETE INSERT SELECT UPDATE', 'SELECT', 'SELECT', 'null', 'null'];
  assert.deepEqual(await all(), expected);
  for (const statement of [
    'DROP TABLE keywright.probe',
    'REVOKE ALL ON keywright.probe FROM shop_read_write',
    'GRANT INSERT ON keywright.probe TO shop_read_only',
    'REVOKE USAGE ON SCHEMA keywright FROM shop_read_only',
    'ALTER TABLE keywright.canary_orders_a OWNER TO shop_owner_2; GRANT ALL ON keywright.canary_orders_a TO shop_replica',
    'ALTER SCHEMA keywright OWNER TO shop_owner_2',
  ]) {
    await server.query(statement, undefined, 'shop');
    session.forget();
    assert.deepEqual(actions(await bench.mustApply(probeKind, session, wanted)), ['update'], statement);
    assert.deepEqual(await all(), expected, statement);
    assert.deepEqual(actions(await bench.plan(probeKind, session, wanted)), ['none'], statement);
  }
});

test('a schema keywright that is not ours is refused', options, async (t) => {
  const { bench, session, server } = await withShop(t);
  await server.query('CREATE SCHEMA keywright', undefined, 'shop');
  session.forget();
  assert.equal((await bench.plan(probeKind, session, [probe()]))[0]?.refusal?.code, 'adopt-existing');
  await server.query(`COMMENT ON SCHEMA keywright IS 'keywright fleet=theirs id=x'`, undefined, 'shop');
  session.forget();
  assert.match((await bench.plan(probeKind, session, [probe()]))[0]?.reason ?? '', /theirs.*test/);
});
