import assert from 'node:assert/strict';
import test from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import type { EngineProbeSpec, LeaseProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import { engineBench, engineRoleName, firstPath, host } from '../../support/engine-bench.ts';
import { openBaoMissing, startOpenBao } from '../../support/openbao.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId } from '../../support/postgres-bench.ts';
import { endpointOf, prove } from '../../support/proof-bench.ts';
import { valuesOf } from '../../support/store-bench.ts';

test('proofs of logins from a database engine', { skip: openBaoMissing || postgresMissing }, async (t) => {
  const bao = await startOpenBao(t);
  const engine = await engineBench(t, bao);
  const { bench, main, mount, server } = engine;
  const role = engine.role('orders-app');
  const lease = engine.lease('orders-app');
  const id = pgId('lease', 'orders-app');
  const mend = async (): Promise<void> => {
    await engine.connect();
    await engine.applyRoles(role);
    await engine.applyLease(lease);
    await engine.session.close();
  };
  await mend();
  const entry = { store: 'main', path: lease.spec.path };
  const common = {
    endpoint: endpointOf(server, 'orders-a', host),
    database: 'orders',
    bundle: { store: 'main', path: 'bundle' },
  };
  const spec: LeaseProbeSpec = {
    ...common,
    access: 'orders-app',
    credential: { method: 'password', entry },
    privileges: 'readOnly',
    schemas: ['public'],
    group: 'orders_app',
    owner: 'orders_owner',
    resource: id,
    engine: { store: 'main', mount, role: 'orders-app', renewable: true },
  };
  const engineSpec: EngineProbeSpec = {
    ...common,
    role: engineRoleName,
    groups: ['orders', 'orders_app'],
    engine: { store: 'main', mount, connection: 'orders-a.orders' },
    first: { store: 'main', path: firstPath },
  };
  const alive = (): Promise<Evidence> => prove(bench.context, 'lease-alive', { ...spec, lease: entry });
  const ends = (): Promise<Evidence> => prove(bench.context, 'lease-ends', spec);
  const rotated = (): Promise<Evidence> => prove(bench.context, 'engine-login-rotated', engineSpec);
  const is = (evidence: Evidence, verdict: Evidence['verdict'], seen: RegExp): void => {
    assert.equal(evidence.verdict, verdict, evidence.seen);
    assert.match(evidence.seen, seen);
  };
  const login = async (): Promise<string> => (await valuesOf(main, entry.path))['username'] ?? '';

  await t.test('hold, and leave nothing behind', async () => {
    is(await alive(), 'held', /orders_app_\w+ of main\/keywright\/test\/leases\/orders-app lives until/);
    is(await ends(), 'held', /logged in, renewed, revoked; refused after that, session ended, role gone/);
    is(await rotated(), 'held', /refused with its first password, and makes logins of orders, orders_app alone/);
    assert.deepEqual(await engine.logins(), [await login()]);
    const listed = await bao.ask('LIST', `sys/leases/lookup/${mount}/creds/orders-app/`);
    assert.equal(listed.body?.['data'].keys.length, 1);
    const tables = await server.query(
      `SELECT FROM pg_class WHERE relnamespace = 'keywright'::regnamespace`,
      undefined,
      'orders',
    );
    assert.equal(tables.rowCount, 0);
  });

  await t.test('a lease that was revoked by hand is not alive', async () => {
    await bao.ask('POST', 'sys/leases/revoke', { lease_id: (await valuesOf(main, entry.path))['lease'], sync: true });
    is(await alive(), 'broken', /the engine of main knows no lease of orders_app_/);
    await mend();
  });

  await t.test('a login whose end was moved, or that has outlived it, breaks it', async () => {
    await server.query(`ALTER ROLE ${await login()} VALID UNTIL 'infinity'`);
    is(await alive(), 'broken', /never ends/);
    await mend();
    await server.query(`CREATE ROLE left_over LOGIN VALID UNTIL '2020-01-01'`);
    await server.query(`COMMENT ON ROLE left_over IS 'keywright fleet=test id=${id}'`);
    is(await alive(), 'broken', /left_over ended at 2020-01-01.* and is still there/);
    await mend();
    is(await alive(), 'held', /lives until/);
  });

  await t.test('a role whose revocation was emptied leaves something behind', async () => {
    await bao.ask('POST', `${mount}/roles/orders-app`, { revocation_statements: [] });
    const before = await engine.logins();
    is(await ends(), 'broken', /could not be revoked: .*(2BP01|cannot be dropped)/);
    assert.deepEqual(await engine.logins(), before, 'the proof cleans up by other means');
    await mend();
    is(await ends(), 'held', /role gone/);
  });

  await t.test('a role whose sessions go on after the revocation breaks it', async () => {
    const drop = 'REASSIGN OWNED BY "{{name}}" TO orders_app; DROP OWNED BY "{{name}}"; DROP ROLE "{{name}}"';
    await bao.ask('POST', `${mount}/roles/orders-app`, { revocation_statements: [drop] });
    is(await ends(), 'broken', /its session goes on/);
    await mend();
  });

  await t.test('creation statements that make no login, or none at all, break it', async () => {
    const nologin = `CREATE ROLE "{{name}}" NOLOGIN PASSWORD '{{password}}' IN ROLE orders_app`;
    await bao.ask('POST', `${mount}/roles/orders-app`, { creation_statements: [nologin] });
    is(await ends(), 'broken', /username and password of one lease .* were refused/);
    await bao.ask('POST', `${mount}/roles/orders-app`, { creation_statements: ['SELECT 1/0'] });
    is(await ends(), 'broken', /the engine made no login at main\/.*: .*division by zero/);
    await mend();
  });

  await t.test('a renewal that extends nothing breaks it', async () => {
    await bao.ask('POST', `${mount}/roles/orders-app`, { max_ttl: 3600 });
    is(await ends(), 'broken', /a renewal left its end/);
    await mend();
  });

  await t.test('a password of the engine that somebody knows breaks its secrecy', async () => {
    const { password = '' } = await valuesOf(main, firstPath);
    await server.query(`ALTER ROLE ${engineRoleName} PASSWORD '${password}'`);
    is(await rotated(), 'broken', /logs in with the password in main\/keywright\/test\/engines/);
    await server.query(`ALTER ROLE ${engineRoleName} PASSWORD 'another'`);
    is(await rotated(), 'broken', /its password is not the one that the engine has made/);
    await mend();
    await server.query(`ALTER ROLE ${engineRoleName} CREATEDB; GRANT orders_owner TO ${engineRoleName}`);
    is(await rotated(), 'broken', /it may do more than make logins; it is a member of orders_owner too/);
    await server.query(`ALTER ROLE ${engineRoleName} NOCREATEDB; REVOKE orders_owner FROM ${engineRoleName}`);
    is(await rotated(), 'held', /refused with its first password/);
  });

  await t.test('a store that cannot be asked is no broken claim', async () => {
    await bao.peers[0]?.stop();
    for (const claim of [alive, ends, rotated]) {
      is(await claim(), 'unknown', /could not ask/);
    }
    await bao.peers[0]?.start();
    await bao.peers[0]?.unseal();
  });
});
