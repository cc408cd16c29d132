import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { Resource } from '../../../src/model/resource.ts';
import type { RoleSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { roleKind } from '../../../src/targets/postgres/role.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing, type PostgresServer } from '../../support/postgres.ts';
import { pgId, postgresBench, type PostgresBench, put, sessionOn } from '../../support/postgres-bench.ts';

const options = { skip: postgresMissing };

function role(
  name: string,
  spec: Partial<RoleSpec> = {},
  extra: Parameters<typeof resource>[2] = {},
): Resource<RoleSpec> {
  return resource(pgId('role', name), { name, login: false, ...spec }, extra);
}

async function login(
  fixture: PostgresBench,
  name: string,
  value: string,
  extra: Partial<RoleSpec> = {},
): Promise<Resource<RoleSpec>> {
  const path = `logins/${name}`;
  const version = await put(fixture.store, path, { password: value });
  return role(name, { login: true, password: { store: 'box', path, key: 'password', version }, ...extra });
}

async function canLogIn(server: PostgresServer, user: string, password: string): Promise<string | true> {
  const { Client } = (await import('pg')).default;
  const client = new Client({ host: server.host, port: server.port, user, password, database: 'postgres' });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function actions(changes: readonly { readonly action: string }[]): string[] {
  return changes.map(({ action }) => action);
}

test('a role is made with its attributes, mark and password, and left alone the second time', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  const wanted = [
    role('orders_owner'),
    await login(fixture, 'orders_app_a', 'sesame open', { connectionLimit: 20, setRole: 'orders_owner' }),
    role('stream', { login: true, replication: true }),
  ];
  assert.deepEqual(actions(await bench.mustApply(roleKind, session, wanted)), ['create', 'create', 'create']);
  assert.equal(await canLogIn(server, 'orders_app_a', 'sesame open'), true);
  assert.equal(await canLogIn(server, 'orders_app_a', 'sesame'), '28P01');
  const { rows } = await server.query(
    `SELECT rolname, rolcanlogin, rolreplication, rolconnlimit, shobj_description(oid, 'pg_authid') AS comment,
            rolpassword LIKE 'SCRAM-SHA-256$4096:%' AS scram,
            (SELECT setconfig FROM pg_db_role_setting WHERE setrole = a.oid) AS settings
       FROM pg_authid a WHERE rolname !~ '^pg_' AND rolname <> 'postgres' ORDER BY rolname`,
  );
  assert.deepEqual(
    rows.map((row) => Object.values(row)),
    [
      ['orders_app_a', true, false, 20, `keywright fleet=test id=${wanted[1]?.id}`, true, ['role=orders_owner']],
      ['orders_owner', false, false, -1, `keywright fleet=test id=${wanted[0]?.id}`, null, null],
      ['stream', true, true, -1, `keywright fleet=test id=${wanted[2]?.id}`, null, null],
    ],
  );
  assert.deepEqual(actions(await bench.plan(roleKind, session, wanted)), ['none', 'none', 'none']);
});

test('whatever is changed by hand is found and changed back', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  const wanted = [await login(fixture, 'orders_app_a', 'sesame open'), role('orders_owner')];
  await bench.mustApply(roleKind, session, wanted);
  for (const [statement, field] of [
    [`ALTER ROLE orders_app_a PASSWORD 'other'`, 'password'],
    ['ALTER ROLE orders_app_a PASSWORD NULL', 'password'],
    ['ALTER ROLE orders_app_a NOLOGIN', 'login'],
    ['ALTER ROLE orders_app_a SUPERUSER', 'superuser'],
    ['ALTER ROLE orders_app_a CREATEROLE', 'create role'],
    ['ALTER ROLE orders_app_a CREATEDB', 'create database'],
    ['ALTER ROLE orders_app_a BYPASSRLS', 'bypass row security'],
    ['ALTER ROLE orders_app_a REPLICATION', 'replication'],
    ['ALTER ROLE orders_app_a NOINHERIT', 'inherit'],
    ['ALTER ROLE orders_app_a CONNECTION LIMIT 1', 'connection limit'],
    [`ALTER ROLE orders_app_a VALID UNTIL '2020-01-01'`, 'valid until'],
    ['ALTER ROLE orders_app_a SET role = orders_owner', 'set role'],
    ['ALTER ROLE orders_app_a IN DATABASE postgres SET role = orders_owner', 'set role in postgres'],
    [`ALTER ROLE orders_owner PASSWORD 'backdoor'`, 'password'],
  ] as const) {
    await server.query(statement);
    session.forget();
    const changes = (await bench.plan(roleKind, session, wanted)).filter(({ action }) => action !== 'none');
    assert.deepEqual(
      changes.map(({ action, fields }) => [action, fields.map((each) => each.field)]),
      [['update', [field]]],
      statement,
    );
    await bench.mustApply(roleKind, session, wanted);
    assert.equal(await canLogIn(server, 'orders_app_a', 'sesame open'), true, statement);
    assert.deepEqual(actions(await bench.plan(roleKind, session, wanted)), ['none', 'none'], statement);
  }
  session.forget();
});

test('a new version of a password is written, and the plan names both versions', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  const first = await login(fixture, 'orders_app_a', 'first');
  await bench.mustApply(roleKind, session, [first]);
  const second = await login(fixture, 'orders_app_a', 'second');
  const [change] = await bench.plan(roleKind, session, [second]);
  const versions = [first, second].map(({ spec }) => JSON.stringify(spec.password?.version).replaceAll('"', ''));
  assert.deepEqual(change?.fields, [
    { field: 'password', before: `version ${versions[0]}`, after: `version ${versions[1]}` },
  ]);
  await bench.mustApply(roleKind, session, [second]);
  assert.equal(await canLogIn(server, 'orders_app_a', 'second'), true);
  assert.equal(await canLogIn(server, 'orders_app_a', 'first'), '28P01');
});

test('a lost record is no reason to write a password again', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  const wanted = await login(fixture, 'orders_app_a', 'sesame open');
  await bench.mustApply(roleKind, session, [wanted]);
  const verifier = async (): Promise<unknown> =>
    (await server.query(`SELECT rolpassword FROM pg_authid WHERE rolname = 'orders_app_a'`)).rows[0]?.['rolpassword'];
  const before = await verifier();
  bench.records.clear();
  assert.deepEqual(actions(await bench.mustApply(roleKind, session, [wanted])), ['update']);
  assert.equal(await verifier(), before);
  assert.deepEqual(actions(await bench.plan(roleKind, session, [wanted])), ['none']);
  bench.records.clear();
  await server.query(`ALTER ROLE orders_app_a PASSWORD 'other'`);
  session.forget();
  await bench.mustApply(roleKind, session, [wanted]);
  assert.equal(await canLogIn(server, 'orders_app_a', 'sesame open'), true);
});

test('neither password nor verifier reaches the log, pg_stat_activity or an error', options, async (t) => {
  const fixture = await postgresBench(t, {
    settings: {
      log_statement: 'all',
      log_min_error_statement: 'error',
      log_min_duration_statement: 0,
      log_duration: 'on',
      shared_preload_libraries: 'pg_stat_statements',
    },
  });
  const { bench, session, server } = fixture;
  await server.query('CREATE EXTENSION pg_stat_statements');
  const wanted = await login(fixture, 'orders_app_a', 'canary sesame');
  await bench.mustApply(roleKind, session, [wanted]);
  // A chunk that fails: the role is there meanwhile, made by somebody else.
  const { rows } = await server.query(
    `SELECT string_agg(query, ' ') AS active, (SELECT string_agg(query, ' ') FROM pg_stat_statements) AS kept
       FROM pg_stat_activity`,
  );
  const second = await login(fixture, 'orders_app_b', 'canary sesame');
  await bench.plan(roleKind, session, [wanted, second]);
  const seen = await roleKind.observe(session, [second], [], bench.context);
  assert.equal(seen.get(second.id)?.state, 'absent');
  await server.query('CREATE ROLE orders_app_b');
  const io = { ...bench.context, guard: () => {}, progress: () => {} };
  const change = { id: second.id, action: 'create' as const, fields: [] };
  for await (const applied of roleKind.apply(session, [{ change, resource: second }], io)) {
    assert.ok(applied.outcome === 'failed');
    assert.match(applied.error.message, /role "orders_app_b" already exists/);
    assert.doesNotMatch(`${applied.error.stack}${JSON.stringify(applied.error)}`, /SCRAM-SHA|canary/);
  }
  assert.match(server.log(), /SET LOCAL log_statement/, 'statements are logged at all');
  for (const text of [server.log(), String(rows[0]?.['active']), String(rows[0]?.['kept'])]) {
    assert.doesNotMatch(text, /SCRAM-SHA-256\$|canary/);
  }
});

test('one bad role does not take the others of its transaction with it', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  const bad = role('x'.repeat(64));
  const path = 'logins/missing';
  const missing = role('no_password', { login: true, password: { store: 'box', path, key: 'password', version: '1' } });
  const results = await bench.apply(roleKind, session, [role('first'), bad, missing, role('last')]);
  const failed = [...results.values()].filter(({ applied }) => applied.outcome === 'failed');
  // PostgreSQL cuts a name of 64 bytes, so what fails is the password that is not there.
  assert.deepEqual(
    failed.map(({ change }) => change.id),
    [missing.id],
  );
  assert.match(failed[0]?.applied.outcome === 'failed' ? failed[0].applied.error.message : '', /box.*logins\/missing/);
  const { rows } = await server.query(`SELECT rolname FROM pg_roles WHERE rolname IN ('first', 'last') ORDER BY 1`);
  assert.equal(rows.length, 2);
});

test('the role of another fleet is refused with both names; an unmarked one needs leave', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  await server.query(`CREATE ROLE theirs; COMMENT ON ROLE theirs IS 'note
keywright fleet=billing id=postgres/x/role/theirs';
    CREATE ROLE stranger; COMMENT ON ROLE stranger IS 'made by hand'`);
  const [theirs, stranger, initial] = await bench.plan(roleKind, session, [
    role('theirs'),
    role('stranger'),
    role('postgres'),
  ]);
  assert.equal(theirs?.action, 'refused');
  assert.match(theirs?.reason ?? '', /billing.*test/);
  assert.equal(stranger?.refusal?.code, 'adopt-existing');
  assert.equal(initial?.action, 'none', 'what initdb made is ours');
  const adopted = role('stranger', { login: true }, { allow: [{ rule: 'adopt-existing', reason: 'moved here' }] });
  const [change] = await bench.mustApply(roleKind, session, [adopted]);
  assert.equal(change?.action, 'adopt');
  const { rows } = await server.query(
    `SELECT rolcanlogin, shobj_description(oid, 'pg_authid') AS comment FROM pg_authid WHERE rolname = 'stranger'`,
  );
  assert.deepEqual(rows[0], { rolcanlogin: true, comment: `made by hand\nkeywright fleet=test id=${adopted.id}` });
  assert.deepEqual(actions(await bench.plan(roleKind, session, [adopted])), ['none']);
});

test('a role whose making was cut off before its mark is finished', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  const wanted = role('orders_owner');
  bench.records.set(wanted.id, { id: wanted.id, kind: 'role', state: 'intended' });
  await server.query('CREATE ROLE orders_owner');
  assert.deepEqual(actions(await bench.mustApply(roleKind, session, [wanted])), ['update']);
  assert.deepEqual(actions(await bench.plan(roleKind, session, [wanted])), ['none']);
});

test(
  'a role that left is removed: its sessions end, what it owns goes to the owner of each database',
  options,
  async (t) => {
    const fixture = await postgresBench(t);
    const { bench, session, server } = fixture;
    const wanted = [
      role('orders_owner'),
      role('orders_app', { reassignTo: { postgres: 'orders_owner' } }),
      await login(fixture, 'orders_app_a', 'sesame open'),
    ];
    await bench.mustApply(roleKind, session, wanted);
    await server.query('CREATE DATABASE shop OWNER orders_owner');
    await server.query('CREATE DATABASE belongings OWNER orders_app');
    await server.query('GRANT orders_app TO orders_app_a');
    await server.query(
      'CREATE TABLE things (); ALTER TABLE things OWNER TO orders_app; GRANT orders_owner TO orders_app WITH ADMIN TRUE',
    );
    await server.query(
      'CREATE TABLE goods (); ALTER TABLE goods OWNER TO orders_app; GRANT SELECT ON goods TO orders_app_a',
      undefined,
      'shop',
    );
    await server.query(
      'ALTER DEFAULT PRIVILEGES FOR ROLE orders_app GRANT SELECT ON TABLES TO PUBLIC',
      undefined,
      'shop',
    );
    const { Client } = (await import('pg')).default;
    const open = new Client({
      host: server.host,
      port: server.port,
      user: 'orders_app_a',
      password: 'sesame open',
      database: 'shop',
    });
    let ended: unknown;
    open.on('error', (error) => (ended ??= error));
    await open.connect();
    session.forget();
    const changes = await bench.mustApply(roleKind, session, [wanted[0] as Resource<RoleSpec>]);
    assert.deepEqual(actions(changes), ['remove', 'remove']);
    assert.equal((ended as { code: string }).code, '57P01');
    assert.equal((await server.query(`SELECT FROM pg_roles WHERE rolname LIKE 'orders_app%'`)).rowCount, 0);
    const owner = async (query: string, database?: string): Promise<unknown> =>
      (await server.query(query, undefined, database)).rows[0]?.['owner'];
    assert.equal(
      await owner(`SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 'things'`),
      'orders_owner',
    );
    assert.equal(
      await owner(`SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 'goods'`, 'shop'),
      'orders_owner',
    );
    assert.equal(
      await owner(`SELECT datdba::regrole::text AS owner FROM pg_database WHERE datname = 'belongings'`),
      'orders_owner',
    );
    assert.equal(bench.records.has(wanted[1]?.id as (typeof wanted)[0]['id']), false);
  },
);

test('a role that left but bears no mark of ours is left alone and forgotten', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server } = fixture;
  await bench.mustApply(roleKind, session, [role('orders_owner')]);
  await server.query('COMMENT ON ROLE orders_owner IS NULL');
  session.forget();
  const [change] = await bench.mustApply(roleKind, session, []);
  assert.equal(change?.action, 'retain');
  assert.equal((await server.query(`SELECT FROM pg_roles WHERE rolname = 'orders_owner'`)).rowCount, 1);
});

test('a thousand roles with passwords are made in seconds and seen in two round trips', options, async (t) => {
  const fixture = await postgresBench(t);
  const { bench, session, server, store } = fixture;
  const count = 1000;
  const names = Array.from({ length: count }, (_, index) => `login_${index}`);
  const writes = await store.writeMany(
    names.map((name) => ({
      path: `logins/${name}`,
      data: new Map([['password', new Secret(randomBytes(16).toString('hex'))]]),
    })),
  );
  const wanted = names.map((name) => {
    const path = `logins/${name}`;
    const version = (writes.get(path) as { version: string }).version;
    return role(name, { login: true, password: { store: 'box', path, key: 'password', version } });
  });
  const begun = performance.now();
  await bench.mustApply(roleKind, session, wanted);
  const applied = performance.now() - begun;
  session.forget();
  const planned = performance.now();
  assert.deepEqual([...new Set(actions(await bench.plan(roleKind, session, wanted)))], ['none']);
  t.diagnostic(
    `${count} roles: applied in ${applied.toFixed(0)} ms, planned in ${(performance.now() - planned).toFixed(0)} ms`,
  );
  assert.equal((await server.query(`SELECT FROM pg_authid WHERE rolpassword LIKE 'SCRAM%'`)).rowCount, count);
  const removal = performance.now();
  await bench.mustApply(roleKind, session, []);
  t.diagnostic(`removed in ${(performance.now() - removal).toFixed(0)} ms`);
  assert.equal((await server.query(`SELECT FROM pg_authid WHERE rolname LIKE 'login%'`)).rowCount, 0);
});

test('a second writer waits its turn and is told who writes', options, async (t) => {
  const { server } = await postgresBench(t);
  const session = sessionOn(server, 'test', { lockPatience: 500 });
  t.after(() => session.close());
  await session.execute('postgres', 'CREATE ROLE first');
  const other = sessionOn(server, 'other');
  t.after(() => other.close());
  const waiting = other.execute('postgres', 'CREATE ROLE second');
  const early = await Promise.race([
    waiting.then(() => 'done'),
    new Promise((resolve) => setTimeout(resolve, 300, 'waits')),
  ]);
  assert.equal(early, 'waits');
  await session.close();
  await waiting;
  const failure = await session.execute('postgres', 'CREATE ROLE first').then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof Failure, 'the lock is taken again by the first, in vain');
  assert.equal(failure.code, 'postgres-locked');
  assert.match(failure.message, /keywright other \(pid \d+/);
});
