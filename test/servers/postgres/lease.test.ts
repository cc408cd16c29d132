import assert from 'node:assert/strict';
import test from 'node:test';
import { Client } from 'pg';
import type { Resource } from '../../../src/model/resource.ts';
import { databaseKind } from '../../../src/targets/postgres/database.ts';
import { leaseKind, sweepLeases } from '../../../src/targets/postgres/lease.ts';
import type { LeaseSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { roleKind } from '../../../src/targets/postgres/role.ts';
import type { SecretEntry } from '../../../src/stores/backend.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, postgresBench, put, sessionOn, type PostgresBench } from '../../support/postgres-bench.ts';

const options = { skip: postgresMissing };
const path = 'fleet/shop/report';
const minute = 60_000;

function lease(extra: Partial<LeaseSpec> = {}): Resource<LeaseSpec> {
  return resource(pgId('lease', 'report'), {
    access: 'report',
    group: 'report',
    database: 'shop',
    owner: 'shop_owner',
    ttlMilliseconds: 30 * minute,
    maxTtlMilliseconds: 60 * minute,
    store: 'box',
    path,
    ...extra,
  });
}

const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);

interface LeaseBench extends PostgresBench {
  /** Moves the bench's clock; the server's goes on as it does. */
  readonly later: (milliseconds: number) => void;
  readonly entry: () => Promise<SecretEntry>;
  readonly names: () => Promise<string[]>;
  readonly logIn: (entry: SecretEntry) => Promise<Client>;
}

async function withGroup(t: Parameters<typeof postgresBench>[0]): Promise<LeaseBench> {
  const fixture = await postgresBench(t);
  const { bench, session, server, store } = fixture;
  await bench.mustApply(
    roleKind,
    session,
    ['shop_owner', 'report'].map((name) => resource(pgId('role', name), { name, login: false })),
  );
  await bench.mustApply(databaseKind, session, [
    resource(pgId('database', 'shop'), { name: 'shop', owner: 'shop_owner' }),
  ]);
  await server.query('GRANT CONNECT ON DATABASE shop TO report; GRANT CREATE ON DATABASE shop TO report');
  const start = Date.now();
  let moved = 0;
  bench.now = () => new Date(start + moved);
  const entry = async (): Promise<SecretEntry> => {
    const answer = await store.read(path);
    assert.equal(answer.state, 'present');
    return answer.seen;
  };
  const clients: Client[] = [];
  t.after(async () => {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  });
  return {
    ...fixture,
    later: (milliseconds) => {
      moved += milliseconds;
      session.forget();
    },
    entry,
    names: async () => {
      const { rows } = await server.query(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'report\\_%' ORDER BY 1`);
      return rows.map(({ rolname }) => String(rolname));
    },
    logIn: async ({ data }) => {
      const client = new Client({
        host: server.host,
        port: server.port,
        database: 'shop',
        user: data.get('username')?.expose(),
        password: data.get('password')?.expose(),
      });
      client.on('error', () => {});
      clients.push(client);
      await client.connect();
      return client;
    },
  };
}

test('a lease is a login of its own that ends by itself, in the store before anybody needs it', options, async (t) => {
  const { bench, session, server, entry, names, logIn, store } = await withGroup(t);
  assert.deepEqual(actions(await bench.mustApply(leaseKind, session, [lease()])), ['create']);
  const found = await entry();
  const username = found.data.get('username')?.expose() ?? '';
  assert.match(username, /^report_[a-z0-9]{8}$/);
  assert.deepEqual(await names(), [username]);
  const expires = new Date(bench.now().getTime() + 30 * minute).toISOString();
  assert.equal(found.metadata['expires'], expires);
  const record = bench.records.get(lease().id);
  assert.deepEqual(record?.outputs, { version: found.version, username, expires });
  const { rows } = await server.query(
    `SELECT rolvaliduntil AS until, rolinherit AS inherit, pg_has_role($1, 'report', 'USAGE') AS member,
            shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
    [username],
  );
  assert.deepEqual(rows, [
    { until: new Date(expires), inherit: true, member: true, comment: `keywright fleet=test id=${lease().id}` },
  ]);
  const client = await logIn(found);
  assert.equal((await client.query<{ who: string }>('SELECT current_user AS who')).rows[0]?.who, username);
  assert.deepEqual(actions(await bench.plan(leaseKind, session, [lease()])), ['none']);
  assert.ok(!server.log().includes(found.data.get('password')?.expose() ?? '?'));
  assert.ok(!server.log().includes('SCRAM-SHA-256$'));
  assert.equal((await store.list('')).length, 1);
});

test(
  'a lease is left alone for two thirds of its time, then renewed, and replaced when its longest time is over',
  options,
  async (t) => {
    const { bench, session, server, later, entry, names, logIn } = await withGroup(t);
    await bench.mustApply(leaseKind, session, [lease()]);
    const first = await entry();
    later(19 * minute);
    assert.deepEqual(actions(await bench.plan(leaseKind, session, [lease()])), ['none']);
    later(2 * minute);
    const [renewal] = await bench.mustApply(leaseKind, session, [lease()]);
    assert.deepEqual(
      renewal?.fields.map(({ field }) => field),
      ['end'],
    );
    const renewed = await entry();
    assert.equal(renewed.version, first.version);
    const end = new Date(bench.now().getTime() + 30 * minute);
    assert.equal(renewed.metadata['expires'], end.toISOString());
    const { rows } = await server.query('SELECT rolvaliduntil AS until FROM pg_roles WHERE rolname = ANY($1)', [
      await names(),
    ]);
    assert.deepEqual(rows, [{ until: end }]);
    assert.deepEqual(actions(await bench.plan(leaseKind, session, [lease()])), ['none']);

    later(21 * minute);
    await bench.mustApply(leaseKind, session, [lease()]);
    const last = (await entry()).metadata['expires'];
    assert.equal(last, new Date(Date.parse(first.metadata['issued'] ?? '') + 60 * minute).toISOString());

    later(9 * minute);
    const [replacement] = await bench.mustApply(leaseKind, session, [lease()]);
    assert.match(replacement?.fields[0]?.note ?? '', /may not be renewed any longer/);
    const second = await entry();
    assert.notEqual(second.version, first.version);
    assert.equal((await names()).length, 2, 'the old login stays until its end');
    await (await logIn(first)).end();
    await (await logIn(second)).end();

    later(10 * minute);
    assert.deepEqual(
      (await bench.mustApply(leaseKind, session, [lease()]))[0]?.fields.map(({ field }) => field),
      ['ended login'],
    );
    assert.deepEqual(await names(), [second.data.get('username')?.expose()]);
  },
);

test('what was done to a lease by hand leads to another one', options, async (t) => {
  const { bench, session, server, store, entry, logIn } = await withGroup(t);
  await bench.mustApply(leaseKind, session, [lease()]);
  const current = async (): Promise<string> => (await entry()).data.get('username')?.expose() ?? '';
  for (const [change, why] of [
    [async () => server.query(`DROP ROLE ${await current()}`), /is not there/],
    [async () => server.query(`ALTER ROLE ${await current()} NOLOGIN`), /is not there/],
    [async () => server.query(`ALTER ROLE ${await current()} VALID UNTIL 'infinity'`), /end of .* by hand/],
    [async () => server.query(`ALTER ROLE ${await current()} PASSWORD 'guess'`), /password of .* by hand/],
    [async () => server.query(`REVOKE report FROM ${await current()}`), /no member/],
    [async () => store.destroy(path), /holds no credential/],
    [async () => put(store, path, { username: await current(), password: 'other' }), /entry was changed/],
  ] as const) {
    await change();
    session.forget();
    const [planned] = await bench.mustApply(leaseKind, session, [lease()]);
    assert.match(planned?.fields[0]?.note ?? '', why);
    await (await logIn(await entry())).end();
    assert.deepEqual(actions(await bench.plan(leaseKind, session, [lease()])), ['none']);
  }
});

test('a ttl that became shorter holds at once, for another login', options, async (t) => {
  const { bench, session, entry } = await withGroup(t);
  await bench.mustApply(leaseKind, session, [lease()]);
  const { version } = await entry();
  const shorter = lease({ ttlMilliseconds: 10 * minute });
  const [planned] = await bench.mustApply(leaseKind, session, [shorter]);
  assert.match(planned?.fields[0]?.note ?? '', /longer than the fleet says now/);
  assert.notEqual((await entry()).version, version);
  assert.deepEqual(actions(await bench.plan(leaseKind, session, [shorter])), ['none']);
});

test('a connection limit of its own is kept, and changed without another login', options, async (t) => {
  const { bench, session, entry } = await withGroup(t);
  await bench.mustApply(leaseKind, session, [lease({ connectionLimit: 2 })]);
  const { version } = await entry();
  const [change] = await bench.mustApply(leaseKind, session, [lease({ connectionLimit: 5 })]);
  assert.deepEqual(
    change?.fields.map(({ field, after }) => [field, after]),
    [['connection limit', '5']],
  );
  assert.equal((await entry()).version, version);
});

test(
  'sweeping removes ended logins with their sessions and gives what they own to the owner of the database',
  options,
  async (t) => {
    const { bench, session, server, entry, names, logIn } = await withGroup(t);
    await bench.mustApply(leaseKind, session, [lease()]);
    const client = await logIn(await entry());
    await client.query('CREATE SCHEMA mine; CREATE TABLE mine.things (id int)');
    const ended = new Promise((resolve) => client.once('end', resolve));
    const before = new Date(bench.now().getTime() + 29 * minute);
    assert.deepEqual(await sweepLeases(session, { now: before, guard: () => {} }), []);
    const other = sessionOn(server, 'other');
    t.after(() => other.close());
    const after = new Date(bench.now().getTime() + 31 * minute);
    assert.deepEqual(await sweepLeases(other, { now: after, guard: () => {} }), [], 'leases of another fleet stay');
    const [name] = await names();
    assert.deepEqual(await sweepLeases(session, { now: after, guard: () => {} }), [name]);
    await ended;
    assert.deepEqual(await names(), []);
    const { rows } = await server.query(
      `SELECT tableowner FROM pg_tables WHERE tablename = 'things'`,
      undefined,
      'shop',
    );
    assert.deepEqual(rows, [{ tableowner: 'shop_owner' }]);
  },
);

test('a lease that left the fleet takes its logins and its entry with it', options, async (t) => {
  const { bench, session, store, names } = await withGroup(t);
  await bench.mustApply(leaseKind, session, [lease()]);
  assert.deepEqual(actions(await bench.mustApply(leaseKind, session, [])), ['remove']);
  assert.deepEqual(await names(), []);
  assert.equal((await store.read(path)).state, 'absent');
});

test('an entry that is not ours is not written over', options, async (t) => {
  const { bench, session, store, names } = await withGroup(t);
  await put(store, path, { username: 'somebody', password: 'theirs' });
  const [change] = await bench.plan(leaseKind, session, [lease()]);
  assert.equal(change?.refusal?.code, 'path-taken');
  await assert.rejects(bench.apply(leaseKind, session, [lease()]), /holds something else/);
  assert.deepEqual(await names(), []);
});
