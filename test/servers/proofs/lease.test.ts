import assert from 'node:assert/strict';
import test from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { LeaseProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import { leaseKind } from '../../../src/targets/postgres/lease.ts';
import type { LeaseSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { PgSession } from '../../../src/targets/postgres/session.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { endpointOf, prove } from '../../support/proof-bench.ts';
import { secureServer } from '../../support/secure-server.ts';
import { storeBench } from '../../support/store-bench.ts';

test('proofs of a lease', { skip: postgresMissing }, async (t) => {
  const { bench, box } = await storeBench(t);
  const { server, host, bundle } = await secureServer(t, 'orders', [
    'hostssl orders +orders_app 127.0.0.1/32 scram-sha-256',
  ]);
  await server.query('CREATE ROLE orders_app; GRANT CONNECT ON DATABASE orders TO orders_app');
  await box.write({ path: 'bundle', data: new Map([['ca.crt', new Secret(bundle)]]) });
  const { port, dataDirectory, socketDirectory, logFile } = server;
  const folder = { name: 'orders', folder: dataDirectory, dataDirectory, logFile, certificatesFolder: dataDirectory };
  const session = new PgSession({
    name: 'orders',
    fleet: 'test',
    port,
    host,
    hostaddr: '127.0.0.1',
    server: { ...folder, socketDirectory },
  });
  t.after(() => session.close());
  const id = resourceId(targetId('postgres', 'orders'), 'lease', 'orders-app');
  const lease = resource<LeaseSpec>(id, {
    access: 'orders-app',
    group: 'orders_app',
    database: 'orders',
    owner: 'orders_owner',
    ttlMilliseconds: 3_600_000,
    maxTtlMilliseconds: 7_200_000,
    store: 'box',
    path: 'leases/orders-app',
  });
  const entry = { store: 'box', path: 'leases/orders-app' };
  const spec: LeaseProbeSpec = {
    access: 'orders-app',
    endpoint: endpointOf(server, 'orders', host),
    credential: { method: 'password', entry },
    bundle: { store: 'box', path: 'bundle' },
    database: 'orders',
    privileges: 'readOnly',
    schemas: ['public'],
    group: 'orders_app',
    owner: 'orders_owner',
    resource: id,
    lease: entry,
  };
  const alive = (): Promise<Evidence> => prove(bench.context, 'lease-alive', spec);
  const ends = (): Promise<Evidence> => prove(bench.context, 'lease-ends', spec);
  const is = (evidence: Evidence, verdict: Evidence['verdict'], seen: RegExp): void => {
    assert.equal(evidence.verdict, verdict, evidence.seen);
    assert.match(evidence.seen, seen);
  };
  const reissue = async (): Promise<string> => {
    session.forget();
    await bench.mustApply(leaseKind, session, [lease]);
    await session.close();
    return String(bench.records.get(id)?.outputs?.['username']);
  };

  await t.test('without a credential it is broken', async () => {
    is(await alive(), 'broken', /box\/leases\/orders-app holds no credential/);
  });

  let username = await reissue();

  await t.test('a lease is alive, and its credentials end, while another run is the writer', async () => {
    await session.transaction('postgres', (send) => send('SELECT 1'));
    is(await alive(), 'held', new RegExp(`${username} of box/leases/orders-app lives until`));
    is(await ends(), 'held', /refused after its end, session ended, role gone, its table is orders_owner's/);
    const { rows } = await server.query(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'orders_app_%'`);
    assert.deepEqual(rows, [{ rolname: username }]);
    const { rows: tables } = await server.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'keywright'::regnamespace`,
      undefined,
      'orders',
    );
    assert.deepEqual(tables, []);
    await session.close();
  });

  await t.test('each change by hand is told', async () => {
    for (const [change, seen] of [
      ['ALTER ROLE % NOLOGIN', /which is not there/],
      ['REVOKE orders_app FROM %', /is no member of orders_app/],
      [`ALTER ROLE % VALID UNTIL 'infinity'`, /never ends/],
      [`ALTER ROLE % VALID UNTIL '2999-01-01'`, /ends at 2999.*the store says/],
      [`ALTER ROLE % VALID UNTIL '2000-01-01'`, /ended at 2000-01-01.*is still there/],
    ] as const) {
      await server.query(change.replace('%', username));
      const evidence = await alive();
      is(evidence, 'broken', seen);
      assert.match(evidence.mend ?? '', /^keywright /);
      username = await reissue();
      // What was replaced lives on until its own end, as consumers may hold it.
      await server.query(
        `DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles
           WHERE rolname LIKE 'orders_app_%' AND rolname <> '${username}' LOOP EXECUTE 'DROP ROLE ' || r; END LOOP; END $$`,
      );
      is(await alive(), 'held', /lives until/);
    }
  });

  await t.test('a group that may not log in breaks lease-ends', async () => {
    await server.query('REVOKE CONNECT ON DATABASE orders FROM orders_app');
    is(await ends(), 'broken', /a new login of orders_app was refused.*permission denied/);
    await server.query('GRANT CONNECT ON DATABASE orders TO orders_app');
    const { rows } = await server.query(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'orders_app_%'`);
    assert.deepEqual(rows, [{ rolname: username }]);
  });

  await t.test('a server that does not answer leaves both unknown', async () => {
    await server.stop();
    is(await alive(), 'unknown', /could not ask/);
    is(await ends(), 'unknown', /could not ask/);
    await server.start();
  });
});
