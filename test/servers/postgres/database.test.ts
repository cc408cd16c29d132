import assert from 'node:assert/strict';
import test from 'node:test';
import type { Resource } from '../../../src/model/resource.ts';
import { databaseKind } from '../../../src/targets/postgres/database.ts';
import { extensionKind } from '../../../src/targets/postgres/extension.ts';
import type { DatabaseSpec, SchemaSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { schemaKind } from '../../../src/targets/postgres/schema.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, postgresBench } from '../../support/postgres-bench.ts';

const options = { skip: postgresMissing };

function database(name: string, extra: Parameters<typeof resource>[2] = {}): Resource<DatabaseSpec> {
  return resource(pgId('database', name), { name, owner: 'shop_owner' }, extra);
}

function schema(name: string, extra: Parameters<typeof resource>[2] = {}): Resource<SchemaSpec> {
  return resource(pgId('schema', 'shop', name), { database: 'shop', name, owner: 'shop_owner' }, extra);
}

const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);

test('a database is made for its owner and closed to PUBLIC', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query("CREATE ROLE shop_owner; CREATE ROLE anybody LOGIN PASSWORD 'x'");
  const wanted = database('shop');
  assert.deepEqual(actions(await bench.mustApply(databaseKind, session, [wanted])), ['create']);
  const { rows } = await server.query(
    `SELECT datdba::regrole::text AS owner, has_database_privilege('anybody', 'shop', 'CONNECT') AS connect,
            has_database_privilege('anybody', 'shop', 'TEMPORARY') AS temporary,
            shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = 'shop'`,
  );
  assert.deepEqual(rows, [
    { owner: 'shop_owner', connect: false, temporary: false, comment: `keywright fleet=test id=${wanted.id}` },
  ]);
  assert.deepEqual(actions(await bench.plan(databaseKind, session, [wanted])), ['none']);
});

test('a database is made from the pristine template, in UTF-8', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query('CREATE ROLE shop_owner');
  await server.query('CREATE TABLE left_behind (id int)', undefined, 'template1');
  await bench.mustApply(databaseKind, session, [database('shop')]);
  const { rows } = await server.query(
    `SELECT pg_encoding_to_char(encoding) AS encoding, (SELECT count(*)::int FROM pg_tables WHERE tablename = 'left_behind') AS tables
       FROM pg_database WHERE datname = 'shop'`,
    undefined,
    'shop',
  );
  assert.deepEqual(rows, [{ encoding: 'UTF8', tables: 0 }]);
});

test('owner and rights of PUBLIC that were changed by hand are changed back', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query('CREATE ROLE shop_owner');
  const wanted = database('shop');
  await bench.mustApply(databaseKind, session, [wanted]);
  for (const [statement, field] of [
    ['ALTER DATABASE shop OWNER TO postgres', 'owner'],
    ['GRANT CONNECT ON DATABASE shop TO PUBLIC', 'rights of PUBLIC'],
    ['GRANT CREATE ON SCHEMA public TO PUBLIC', 'PUBLIC may create in schema public'],
  ] as const) {
    await server.query(statement, undefined, 'shop');
    session.forget();
    const [change] = await bench.plan(databaseKind, session, [wanted]);
    assert.deepEqual(
      change?.fields.map((each) => each.field),
      [field],
    );
    await bench.mustApply(databaseKind, session, [wanted]);
    assert.deepEqual(actions(await bench.plan(databaseKind, session, [wanted])), ['none'], statement);
  }
});

test('a database that left is kept without its mark, and taken up again when it comes back', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query('CREATE ROLE shop_owner');
  await bench.mustApply(databaseKind, session, [database('shop')]);
  await server.query(`COMMENT ON DATABASE shop IS 'the shop
keywright fleet=test id=${database('shop').id}'`);
  session.forget();
  assert.deepEqual(actions(await bench.mustApply(databaseKind, session, [])), ['retain']);
  const { rows } = await server.query(
    `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = 'shop'`,
  );
  assert.deepEqual(rows, [{ comment: 'the shop' }]);
  assert.deepEqual(actions(await bench.mustApply(databaseKind, session, [database('shop')])), ['adopt']);
});

test('a database with the reclaim policy delete goes, also with sessions in it', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query('CREATE ROLE shop_owner');
  await bench.mustApply(databaseKind, session, [database('shop', { reclaimPolicy: 'delete' })]);
  await session.database('shop');
  const { Client } = (await import('pg')).default;
  const open = new Client({ host: server.socketDirectory, port: server.port, user: 'postgres', database: 'shop' });
  open.on('error', () => {});
  await open.connect();
  assert.deepEqual(actions(await bench.mustApply(databaseKind, session, [])), ['remove']);
  assert.equal((await server.query(`SELECT FROM pg_database WHERE datname = 'shop'`)).rowCount, 0);
});

test('a foreign or unmarked database is refused, one cut off before its mark is finished', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query('CREATE ROLE shop_owner');
  await server.query('CREATE DATABASE shop');
  const [unmarked, initial] = await bench.plan(databaseKind, session, [
    database('shop'),
    resource(pgId('database', 'postgres'), { name: 'postgres', owner: 'postgres' }),
  ]);
  assert.equal(unmarked?.refusal?.code, 'adopt-existing');
  assert.notEqual(initial?.action, 'refused');
  bench.records.set(database('shop').id, {
    id: database('shop').id,
    kind: 'database',
    state: 'intended',
  });
  assert.deepEqual(actions(await bench.mustApply(databaseKind, session, [database('shop')])), ['update']);
  await server.query(`COMMENT ON DATABASE shop IS 'keywright fleet=theirs id=x'`);
  session.forget();
  const [foreign] = await bench.plan(databaseKind, session, [database('shop')]);
  assert.match(foreign?.reason ?? '', /theirs.*test/);
});

test('schemas are made, changed back, kept, and refused when they are not ours', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query('CREATE ROLE shop_owner');
  await bench.mustApply(databaseKind, session, [database('shop')]);
  const wanted = [schema('sales'), schema('public')];
  assert.deepEqual(actions(await bench.mustApply(schemaKind, session, wanted)), ['create', 'update']);
  assert.deepEqual(actions(await bench.plan(schemaKind, session, wanted)), ['none', 'none']);
  await server.query('ALTER SCHEMA sales OWNER TO postgres', undefined, 'shop');
  session.forget();
  assert.deepEqual(actions(await bench.mustApply(schemaKind, session, wanted)), ['update']);
  assert.deepEqual(actions(await bench.mustApply(schemaKind, session, [schema('public')])), ['retain']);
  const { rows } = await server.query(
    `SELECT nspowner::regrole::text AS owner, obj_description(oid, 'pg_namespace') AS comment
       FROM pg_namespace WHERE nspname = 'sales'`,
    undefined,
    'shop',
  );
  assert.deepEqual(rows, [{ owner: 'shop_owner', comment: null }]);
  await server.query(
    `CREATE SCHEMA theirs; COMMENT ON SCHEMA theirs IS 'keywright fleet=other id=y'; CREATE SCHEMA plain`,
    undefined,
    'shop',
  );
  session.forget();
  const refusals = await bench.plan(schemaKind, session, [schema('theirs'), schema('plain')]);
  assert.deepEqual(
    refusals.slice(0, 2).map(({ refusal }) => refusal?.code),
    ['foreign-mark', 'adopt-existing'],
  );
  const gone = schema('gone', { reclaimPolicy: 'delete' });
  await bench.mustApply(schemaKind, session, [schema('public'), gone]);
  assert.deepEqual(actions(await bench.mustApply(schemaKind, session, [schema('public')])), ['remove']);
});

test('extensions are made, marked beside their own comment, and kept', options, async (t) => {
  const { bench, session, server } = await postgresBench(t);
  await server.query('CREATE ROLE shop_owner');
  await bench.mustApply(databaseKind, session, [database('shop')]);
  const extension = (name: string): Resource<{ database: string; name: string }> =>
    resource(pgId('extension', 'shop', name), { database: 'shop', name });
  const wanted = [extension('pgcrypto'), extension('plpgsql')];
  assert.deepEqual(actions(await bench.mustApply(extensionKind, session, wanted)), ['create']);
  assert.deepEqual(actions(await bench.plan(extensionKind, session, wanted)), ['none', 'none']);
  const comment = async (): Promise<unknown> =>
    (
      await server.query(
        `SELECT obj_description(oid, 'pg_extension') AS c FROM pg_extension WHERE extname = 'pgcrypto'`,
        undefined,
        'shop',
      )
    ).rows[0]?.['c'];
  assert.equal(await comment(), `cryptographic functions\nkeywright fleet=test id=${wanted[0]?.id}`);
  assert.deepEqual(actions(await bench.mustApply(extensionKind, session, [])), ['retain']);
  assert.equal(await comment(), 'cryptographic functions');
  const results = await bench.apply(extensionKind, session, [extension('no_such_thing')]);
  const applied = [...results.values()][0]?.applied;
  assert.match(
    applied?.outcome === 'failed' ? applied.error.message : '',
    /postgres\/orders-a: .*no_such_thing.*not available/,
  );
});
