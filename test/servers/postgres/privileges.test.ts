import assert from 'node:assert/strict';
import test from 'node:test';
import type { Resource } from '../../../src/model/resource.ts';
import { databaseKind } from '../../../src/targets/postgres/database.ts';
import { defaultPrivilegeKind } from '../../../src/targets/postgres/default-privilege.ts';
import type { DefaultPrivilegeSpec, PrivilegeSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { privilegeKind } from '../../../src/targets/postgres/privilege.ts';
import { roleKind } from '../../../src/targets/postgres/role.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, postgresBench, type PostgresBench } from '../../support/postgres-bench.ts';

const options = { skip: postgresMissing };
const classes = { shop_read_write: 'readWrite', shop_read_only: 'readOnly' } as const;
type Role = keyof typeof classes;

function privilege(schema: string, role: Role): Resource<PrivilegeSpec> {
  return resource(pgId('privilege', 'shop', schema, role), {
    database: 'shop',
    schema,
    role,
    privileges: classes[role],
  });
}

function defaults(schema: string, role: Role): Resource<DefaultPrivilegeSpec> {
  const spec = { database: 'shop', schema, role, privileges: classes[role], creator: 'shop_owner' };
  return resource(pgId('default-privilege', 'shop', schema, role), spec);
}

const both = [privilege('public', 'shop_read_write'), privilege('public', 'shop_read_only')];
const bothDefaults = [defaults('public', 'shop_read_write'), defaults('public', 'shop_read_only')];
const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);

/** Database `shop` with its roles, a table of the owner, one of somebody else, a view and a sequence. */
async function withShop(t: Parameters<typeof postgresBench>[0]): Promise<PostgresBench> {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  await bench.mustApply(
    roleKind,
    session,
    ['shop_owner', ...Object.keys(classes)].map((name) => resource(pgId('role', name), { name, login: false })),
  );
  await bench.mustApply(databaseKind, session, [
    resource(pgId('database', 'shop'), { name: 'shop', owner: 'shop_owner' }),
  ]);
  await server.query(
    `CREATE ROLE stranger; CREATE ROLE helper;
     CREATE TABLE orders (id bigint PRIMARY KEY, note text); ALTER TABLE orders OWNER TO shop_owner;
     CREATE TABLE "Odd ""name" (id int);
     CREATE TABLE parted (id int) PARTITION BY RANGE (id); ALTER TABLE parted OWNER TO shop_owner;
     CREATE VIEW seen AS SELECT 1 AS one; ALTER VIEW seen OWNER TO shop_owner;
     CREATE SEQUENCE numbers; ALTER SEQUENCE numbers OWNER TO shop_owner`,
    undefined,
    'shop',
  );
  session.forget();
  return fixture;
}

/** Every right that somebody but the owner holds, as the server sees it. */
async function rights({ server }: PostgresBench): Promise<string[]> {
  const { rows } = await server.query(
    `SELECT format('%s %s %s%s', x.place, a.grantee::regrole, a.privilege_type, CASE WHEN a.is_grantable THEN '*' ELSE '' END) AS line
       FROM (SELECT relname::text AS place, relacl AS acl, relowner AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace
             UNION ALL SELECT 'schema', nspacl, nspowner FROM pg_namespace WHERE nspname = 'public'
             UNION ALL SELECT 'database', datacl, datdba FROM pg_database WHERE datname = 'shop'
             UNION ALL SELECT c.relname || '.' || t.attname, t.attacl, c.relowner
                         FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid WHERE t.attacl IS NOT NULL) x,
            aclexplode(x.acl) a
      WHERE a.grantee <> 0 AND a.grantee::regrole::text LIKE 'shop_read%' ORDER BY 1`,
    undefined,
    'shop',
  );
  return rows.map(({ line }) => String(line));
}

test(
  'class roles get the rights of their class on everything in the schema, and nothing the second time',
  options,
  async (t) => {
    const fixture = await withShop(t);
    const { bench, session } = fixture;
    assert.deepEqual(actions(await bench.mustApply(privilegeKind, session, both)), ['create', 'create']);
    assert.deepEqual(actions(await bench.plan(privilegeKind, session, both)), ['none', 'none']);
    const held = await rights(fixture);
    for (const place of ['orders', 'Odd "name', 'parted', 'seen']) {
      const on = held.filter((line) => line.startsWith(`${place} `)).map((line) => line.slice(place.length + 1));
      assert.deepEqual(
        on.filter((line) => line.startsWith('shop_read_only')),
        ['shop_read_only SELECT'],
        place,
      );
      assert.deepEqual(
        on.filter((line) => line.startsWith('shop_read_write')).map((line) => line.split(' ')[1]),
        ['DELETE', 'INSERT', 'SELECT', 'TRUNCATE', 'UPDATE'],
        place,
      );
    }
    const rest = held.filter((line) => /^(numbers|schema|database) /.test(line));
    assert.deepEqual(rest, [
      'database shop_read_only CONNECT',
      'database shop_read_write CONNECT',
      'database shop_read_write TEMPORARY',
      'numbers shop_read_only SELECT',
      'numbers shop_read_write SELECT',
      'numbers shop_read_write UPDATE',
      'numbers shop_read_write USAGE',
      'schema shop_read_only USAGE',
      'schema shop_read_write USAGE',
    ]);
  },
);

test('rights taken or given by hand are found, told by name, and put back', options, async (t) => {
  const fixture = await withShop(t);
  const { bench, session, server } = fixture;
  await bench.mustApply(privilegeKind, session, both);
  const before = await rights(fixture);
  for (const [statement, field] of [
    ['REVOKE SELECT ON orders FROM shop_read_only', 'table public.orders'],
    ['GRANT INSERT ON orders TO shop_read_only', 'table public.orders'],
    ['GRANT UPDATE (note) ON orders TO shop_read_only', 'table public.orders (note)'],
    ['GRANT SELECT ON orders TO shop_read_only WITH GRANT OPTION', 'table public.orders'],
    ['GRANT CREATE ON SCHEMA public TO shop_read_write', 'schema public'],
    ['REVOKE USAGE ON SCHEMA public FROM shop_read_only', 'schema public'],
    ['GRANT TEMPORARY ON DATABASE shop TO shop_read_only', 'database shop'],
    ['REVOKE CONNECT ON DATABASE shop FROM shop_read_write', 'database shop'],
    ['GRANT USAGE ON SEQUENCE numbers TO shop_read_only', 'sequence public.numbers'],
    ['REVOKE ALL ON "Odd ""name" FROM shop_read_write', 'table public.Odd "name'],
    [
      `GRANT DELETE ON orders TO helper WITH GRANT OPTION; SET ROLE helper;
       GRANT DELETE ON orders TO shop_read_only; RESET ROLE`,
      'table public.orders',
    ],
  ] as const) {
    await server.query(statement, undefined, 'shop');
    session.forget();
    const changes = (await bench.plan(privilegeKind, session, both)).filter(({ action }) => action !== 'none');
    assert.deepEqual(
      changes.map(({ fields }) => fields.map((each) => each.field)),
      [[field]],
      statement,
    );
    await bench.mustApply(privilegeKind, session, both);
    assert.deepEqual(await rights(fixture), before, statement);
    assert.deepEqual(actions(await bench.plan(privilegeKind, session, both)), ['none', 'none'], statement);
  }
});

test('of many tables with the same difference only some are told by name', options, async (t) => {
  const { bench, session, server } = await withShop(t);
  await bench.mustApply(privilegeKind, session, both);
  const tables = Array.from({ length: 300 }, (_, index) => `CREATE TABLE many_${index} (id int)`);
  await server.query(tables.join('; '), undefined, 'shop');
  session.forget();
  const [change] = await bench.plan(privilegeKind, session, both);
  assert.equal(change?.fields.length, 9);
  assert.match(change?.fields.at(-1)?.note ?? '', /292 more/);
  await bench.mustApply(privilegeKind, session, both);
  assert.deepEqual(actions(await bench.plan(privilegeKind, session, both)), ['none', 'none']);
});

test('rights of roles that are not asked about are left alone', options, async (t) => {
  const { bench, session, server } = await withShop(t);
  await server.query('GRANT SELECT ON orders TO stranger; GRANT SELECT ON seen TO PUBLIC', undefined, 'shop');
  await bench.mustApply(privilegeKind, session, both);
  const { rows } = await server.query(
    `SELECT has_table_privilege('stranger', 'orders', 'SELECT') AS one, has_table_privilege('stranger', 'seen', 'SELECT') AS two`,
    undefined,
    'shop',
  );
  assert.deepEqual(rows, [{ one: true, two: true }]);
});

test(
  'rights that left the fleet are revoked; the database stays open to a role that has another schema',
  options,
  async (t) => {
    const fixture = await withShop(t);
    const { bench, session, server } = fixture;
    await server.query('CREATE SCHEMA sales AUTHORIZATION shop_owner', undefined, 'shop');
    session.forget();
    await bench.mustApply(privilegeKind, session, [...both, privilege('sales', 'shop_read_only')]);
    const changes = await bench.mustApply(privilegeKind, session, [privilege('sales', 'shop_read_only')]);
    assert.deepEqual(actions(changes), ['remove', 'remove']);
    assert.deepEqual(await rights(fixture), ['database shop_read_only CONNECT']);
    await bench.mustApply(privilegeKind, session, []);
    assert.deepEqual(await rights(fixture), []);
  },
);

test('a database or schema that is still to be made has nothing yet, and that is no failure', options, async (t) => {
  const { bench, session } = await postgresBench(t);
  const wanted = [privilege('public', 'shop_read_only')];
  assert.deepEqual(actions(await bench.plan(privilegeKind, session, wanted)), ['create']);
  assert.deepEqual(
    actions(await bench.plan(defaultPrivilegeKind, session, [bothDefaults[0] as (typeof bothDefaults)[0]])),
    ['create'],
  );
});

test('tables that the owner makes later are covered, and a changed default is put back', options, async (t) => {
  const fixture = await withShop(t);
  const { bench, session, server } = fixture;
  await bench.mustApply(privilegeKind, session, both);
  assert.deepEqual(actions(await bench.mustApply(defaultPrivilegeKind, session, bothDefaults)), ['create', 'create']);
  assert.deepEqual(actions(await bench.plan(defaultPrivilegeKind, session, bothDefaults)), ['none', 'none']);
  await server.query(
    'SET ROLE shop_owner; CREATE TABLE later (id bigserial PRIMARY KEY); RESET ROLE',
    undefined,
    'shop',
  );
  session.forget();
  assert.deepEqual(actions(await bench.plan(privilegeKind, session, both)), ['none', 'none']);
  const prefix = 'ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public';
  for (const [statement, field] of [
    [`${prefix} REVOKE SELECT ON TABLES FROM shop_read_only`, 'tables made later'],
    [`${prefix} GRANT INSERT ON TABLES TO shop_read_only`, 'tables made later'],
    [`${prefix} GRANT SELECT ON TABLES TO shop_read_only WITH GRANT OPTION`, 'tables made later'],
    [`${prefix} REVOKE ALL ON SEQUENCES FROM shop_read_write`, 'sequences made later'],
  ] as const) {
    await server.query(statement, undefined, 'shop');
    session.forget();
    const changes = (await bench.plan(defaultPrivilegeKind, session, bothDefaults)).filter(
      ({ action }) => action !== 'none',
    );
    assert.deepEqual(
      changes.map(({ fields }) => fields.map((each) => each.field)),
      [[field]],
      statement,
    );
    await bench.mustApply(defaultPrivilegeKind, session, bothDefaults);
    assert.deepEqual(
      actions(await bench.plan(defaultPrivilegeKind, session, bothDefaults)),
      ['none', 'none'],
      statement,
    );
  }
  await bench.mustApply(defaultPrivilegeKind, session, []);
  const { rowCount } = await server.query('SELECT FROM pg_default_acl', undefined, 'shop');
  assert.equal(rowCount, 0);
});
