import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { VaultStore } from '../../../src/stores/vault/backend.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import { leaseKind } from '../../../src/targets/postgres/lease.ts';
import type { LeaseSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { type EngineBench, engineBench, engineRoleName } from '../../support/engine-bench.ts';
import { openBaoMissing, openBaoOfSuite, waitFor } from '../../support/openbao.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId } from '../../support/postgres-bench.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';
import { clientOf, tokenWith } from '../../support/vault-client.ts';
import type { OpenBao } from '../../support/openbao.ts';

const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);

interface LeaseBench extends EngineBench {
  readonly path: string;
  plan(more?: Partial<LeaseSpec>): ReturnType<EngineBench['applyLease']>;
  apply(more?: Partial<LeaseSpec>): ReturnType<EngineBench['applyLease']>;
}

async function leaseBench(t: TestContext, bao: OpenBao): Promise<LeaseBench> {
  const engine = await engineBench(t, bao);
  await engine.connect();
  await engine.applyRoles(engine.role('orders-app'));
  return {
    ...engine,
    path: engine.lease('orders-app').spec.path,
    plan(more) {
      engine.session.forget();
      return engine.bench.plan(leaseKind, engine.session, [engine.lease('orders-app', more)]);
    },
    apply: (more) => engine.applyLease(engine.lease('orders-app', more)),
  };
}

describe('a lease from the database engine of a Vault', { skip: openBaoMissing || postgresMissing }, () => {
  const server = openBaoOfSuite();

  test('is asked for once, kept whole in the store, and left alone', async (t) => {
    const engine = await leaseBench(t, server());
    assert.deepEqual(actions(await engine.apply()), ['create']);
    const { username = '', password = '', lease = '' } = await valuesOf(engine.main, engine.path);
    assert.match(username, /^orders_app_[a-z0-9]{8}$/);
    assert.ok(lease.startsWith(`${engine.mount}/creds/orders-app/`));
    assert.deepEqual(await engine.logins(), [username]);
    await engine.logIn(username, password);
    const record = engine.bench.records.get(pgId('lease', 'orders-app'));
    assert.equal(record?.outputs?.['username'], username);
    const left = Date.parse(String(record?.outputs?.['expires'])) - Date.now();
    assert.ok(left > 3_500_000 && left <= 3_600_000, `${left} ms left`);
    assert.deepEqual(actions(await engine.plan()), ['none']);
    // A lost inventory: the store and the engine know it all.
    engine.bench.records.clear();
    assert.deepEqual(actions(await engine.plan()), ['none']);
    assert.ok(!JSON.stringify([...engine.bench.records.values()]).includes(password));
  });

  test('outlives the token of the run that asked for it', async (t) => {
    const bao = server();
    const engine = await leaseBench(t, bao);
    const mount = engine.mount.replace('database-', 'kv-');
    const rules = `path "${mount}/*" { capabilities = ["create", "read", "update", "patch", "list"] }
                   path "${engine.mount}/creds/*" { capabilities = ["read"] }
                   path "auth/token/create-orphan" { capabilities = ["update"] }
                   path "sys/leases/lookup" { capabilities = ["update"] }`;
    const token = await tokenWith(bao, `run-${engine.mount}`, rules);
    const client = clientOf(t, bao, { login: tokenLogin(token, 'of one run') });
    const ofRun = await VaultStore.open({ client, mount, now: () => new Date() });
    engine.bench.stores.set('main', ofRun);
    await engine.apply();
    const { username = '', password = '', lease } = await valuesOf(engine.main, engine.path);
    await bao.ask('POST', 'auth/token/revoke', { token: token.expose() });
    const answer = await bao.ask('POST', 'sys/leases/renew', { lease_id: lease, increment: 7_200 });
    assert.equal(answer.status, 200, JSON.stringify(answer.body?.['errors']));
    assert.ok(answer.body?.['lease_duration'] > 7_100, `renewed to ${answer.body?.['lease_duration']} s`);
    await engine.logIn(username, password);
  });

  test('is renewed below a third of its time, and replaced when it may not be renewed any longer', async (t) => {
    const engine = await leaseBench(t, server());
    const short = { ttlMilliseconds: 6_000, maxTtlMilliseconds: 10_000 };
    await engine.applyRoles(engine.role('orders-app', { ttlSeconds: 6, maxTtlSeconds: 10 }));
    await engine.apply(short);
    const first = await valuesOf(engine.main, engine.path);
    const isDue = async (): Promise<boolean> => (await engine.plan(short))[0]?.action === 'update';
    assert.equal(await isDue(), false);
    await waitFor('the last third', isDue, 10);
    const [renewal] = await engine.apply(short);
    assert.deepEqual(
      renewal?.fields.map(({ field }) => field),
      ['end'],
    );
    assert.deepEqual(await valuesOf(engine.main, engine.path), first, 'the same login, the same version');
    assert.equal(await isDue(), false);
    await waitFor('the last third', isDue, 10);
    const [replacement] = await engine.apply(short);
    assert.match(replacement?.fields[0]?.note ?? '', /may not be renewed any longer/);
    const second = await valuesOf(engine.main, engine.path);
    assert.notEqual(second.username, first.username);
    await engine.logIn(first.username ?? '', first.password ?? '');
    await engine.logIn(second.username ?? '', second.password ?? '');
    await waitFor(
      'the engine to take the old login back',
      async () => !(await engine.logins()).includes(first.username ?? ''),
    );
  });

  test('an engine that allows less than the fleet has the login replaced, not renewed for ever', async (t) => {
    const engine = await leaseBench(t, server());
    await engine.applyRoles(engine.role('orders-app', { ttlSeconds: 5, maxTtlSeconds: 5 }));
    const short = { ttlMilliseconds: 9_000, maxTtlMilliseconds: 60_000 };
    await engine.apply(short);
    const first = await valuesOf(engine.main, engine.path);
    const expires = Date.parse(String(engine.bench.records.get(pgId('lease', 'orders-app'))?.outputs?.['expires']));
    // The engine cuts a renewal to whole seconds, so less than a third has to be left by more than one.
    await waitFor('the last third', async () => expires - Date.now() < 1_800, 10);
    await engine.apply(short);
    assert.notEqual((await valuesOf(engine.main, engine.path)).username, first.username);
    assert.deepEqual(actions(await engine.plan(short)), ['none']);
  });

  test('what was done to it by hand leads to another one', async (t) => {
    const engine = await leaseBench(t, server());
    const { bao, server: postgres, main, path } = engine;
    await engine.apply();
    const current = async (): Promise<Record<string, string>> => valuesOf(main, path);
    const login = async (): Promise<string> => (await current())['username'] ?? '';
    for (const [change, why] of [
      [
        async () => bao.ask('POST', 'sys/leases/revoke', { lease_id: (await current())['lease'], sync: true }),
        /knows no/,
      ],
      [async () => postgres.query(`DROP OWNED BY ${await login()}; DROP ROLE ${await login()}`), /is not there/],
      [async () => postgres.query(`ALTER ROLE ${await login()} NOLOGIN`), /is not there/],
      [async () => postgres.query(`ALTER ROLE ${await login()} VALID UNTIL 'infinity'`), /end of .* by hand/],
      [async () => postgres.query(`ALTER ROLE ${await login()} PASSWORD 'guess'`), /password of .* by hand/],
      [async () => postgres.query(`REVOKE orders_app FROM ${await login()} GRANTED BY ${engineRoleName}`), /no member/],
      [async () => main.destroy(path), /holds no credential/],
      [async () => putByHand(main, path, { password: 'other' }), /entry was changed/],
    ] as const) {
      await change();
      const [planned] = await engine.apply();
      assert.match(planned?.fields[0]?.note ?? '', why);
      const { username, password } = await current();
      await (await engine.logIn(username ?? '', password ?? '')).end();
      assert.deepEqual(actions(await engine.plan()), ['none']);
    }
    const [shorter] = await engine.plan({ ttlMilliseconds: 60_000 });
    assert.match(shorter?.fields[0]?.note ?? '', /longer than the fleet says now/);
  });

  test('a lease that cannot be kept is given back', async (t) => {
    const engine = await leaseBench(t, server());
    const { bench, main, session, path } = engine;
    const slow: typeof leaseKind = {
      ...leaseKind,
      async *apply(...args) {
        // Somebody writes there between our look and our writing.
        await putByHand(main, path, { username: 'theirs' });
        yield* leaseKind.apply(...args);
      },
    };
    session.forget();
    const [result] = (await bench.apply(slow, session, [engine.lease('orders-app')])).values();
    assert.ok(result?.applied.outcome === 'failed');
    assert.match(result.applied.error.message, /changed by somebody else/);
    assert.deepEqual(await engine.logins(), []);
    assert.deepEqual(await valuesOf(main, path), { username: 'theirs' });
  });

  test('a lease that left the fleet takes its logins, those of other readers too, and its entry with it', async (t) => {
    const engine = await leaseBench(t, server());
    const { bao, bench, main, mount, session, path } = engine;
    await engine.apply();
    await bao.ask('GET', `${mount}/creds/orders-app`);
    assert.equal((await engine.logins()).length, 2);
    session.forget();
    assert.deepEqual(actions(await bench.mustApply(leaseKind, session, [])), ['remove']);
    assert.deepEqual(await engine.logins(), []);
    assert.equal((await main.read(path)).state, 'absent');
    // The engine still has their leases; they end with its role, though their logins are gone.
    await engine.applyRoles();
    assert.equal((await bao.ask('LIST', `sys/leases/lookup/${mount}/creds/orders-app/`)).status, 404);
  });

  test('an access that moves here from another store has one login here, and nothing left there', async (t) => {
    const engine = await leaseBench(t, server());
    const box = await engine.bench.open('box');
    t.after(() => box.close());
    await engine.apply({ store: 'box', engine: undefined });
    const old = await valuesOf(box, engine.path);
    assert.deepEqual(actions(await engine.apply()), ['update']);
    assert.equal((await box.read(engine.path)).state, 'absent');
    const { username = '' } = await valuesOf(engine.main, engine.path);
    assert.deepEqual(new Set(await engine.logins()), new Set([old.username, username]), 'the old one ends by itself');
    assert.deepEqual(actions(await engine.plan()), ['none']);
  });
});
