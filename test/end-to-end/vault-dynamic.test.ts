import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { FleetStatus } from '../../src/cli/status/gather.ts';
import { fleetOf, notHeld, type TestFleet } from '../support/fleet.ts';
import { type OpenBao, openBaoMissing, startOpenBao, waitFor } from '../support/openbao.ts';
import { documentedPolicy } from '../support/vault-policy.ts';

const documents = (bao: OpenBao): string => `
apiVersion: keywright.dev/v1alpha1
kind: Fleet
metadata: { name: shop }
spec: { home: box, defaults: { store: main, authority: local } }
---
apiVersion: keywright.dev/v1alpha1
kind: Site
metadata: { name: here }
spec: { local: { directory: .keywright/here } }
---
apiVersion: keywright.dev/v1alpha1
kind: Store
metadata: { name: box }
spec: { file: { path: box, identityFile: .keywright/key.txt } }
---
apiVersion: keywright.dev/v1alpha1
kind: Store
metadata: { name: main }
spec:
  vault: { addresses: ["${bao.address}"], ca: { file: bao-ca.pem }, login: { tokenFile: bao.token } }
---
apiVersion: keywright.dev/v1alpha1
kind: Authority
metadata: { name: local }
spec: { pki: { store: box, root: { ttl: 10y }, intermediate: { ttl: 1y } } }
---
apiVersion: keywright.dev/v1alpha1
kind: Postgres
metadata: { name: orders }
spec:
  site: here
  version: 18
  process: {}
  databases:
  - { name: orders, setup: "CREATE TABLE items (id int)" }
  - { name: stock, setup: "CREATE TABLE things (id int)" }
`;

const access = (name: string, database: string, more: string): string => `---
apiVersion: keywright.dev/v1alpha1
kind: DatabaseAccess
metadata: { name: ${name} }
spec: { postgres: orders, database: ${database}, ${more} }
`;

const reporting = access(
  'reporting',
  'orders',
  'privileges: readOnly, credential: { dynamic: { ttl: 1h, maxTtl: 24h } }',
);
const deploy = access(
  'deploy',
  'orders',
  'privileges: owner, role: orders_deploy, connectionLimit: 3, credential: { dynamic: { ttl: 30m, maxTtl: 30m } }',
);
const stock = access('stock-app', 'stock', 'privileges: readWrite, credential: { dynamic: { ttl: 1h, maxTtl: 60d } }');

const consumer = `---
apiVersion: keywright.dev/v1alpha1
kind: Consumer
metadata: { name: reports }
spec:
  site: here
  directory: { name: reports }
  secrets:
  - { name: reporting, from: { db: { access: reporting } } }
`;

async function shop(t: TestContext, bao: OpenBao): Promise<TestFleet> {
  await bao.ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await bao.ask('PUT', 'sys/policies/acl/keywright', { policy: await documentedPolicy() });
  const made = await bao.ask('POST', 'auth/token/create-orphan', { policies: ['keywright'], period: '1h' });
  const fleet = await fleetOf(t, documents(bao) + reporting + deploy + stock + consumer);
  await writeFile(join(fleet.folder, 'bao.token'), `${made.body?.['auth'].client_token}\n`, { mode: 0o600 });
  await writeFile(join(fleet.folder, 'bao-ca.pem'), bao.ca);
  return fleet;
}

/** Logins that the engine made, on the server. */
async function logins(fleet: TestFleet): Promise<string[]> {
  const rows = await fleet.sql(
    'orders',
    'postgres',
    `SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE '%/lease/%' ORDER BY 1`,
  );
  return rows.map(({ rolname }) => String(rolname));
}

test(
  'dynamic accesses of a Vault get their logins from its database engine, and give them back',
  { skip: openBaoMissing },
  async (t) => {
    const bao = await startOpenBao(t);
    const fleet = await shop(t, bao);
    const path = join(fleet.folder, 'fleet.yaml');
    await fleet.must('up', '--once');
    await fleet.must('apply');
    const evidence = await fleet.verify();
    assert.deepEqual(notHeld(evidence), []);
    const kinds = evidence.claims.map(({ id }) => id.split('#')[1]?.split('/')[0]);
    for (const kind of ['lease-alive', 'lease-ends', 'engine-login-rotated']) {
      assert.ok(kinds.includes(kind), kind);
    }
    const [orders, report, stocks] = await logins(fleet);
    assert.match(orders ?? '', /^orders_deploy_[a-z0-9]{8}$/);
    assert.match(report ?? '', /^reporting_[a-z0-9]{8}$/);
    assert.match(stocks ?? '', /^stock_app_[a-z0-9]{8}$/);

    await t.test('a second apply changes nothing', async () => {
      assert.equal((await fleet.run('plan')).code, 0);
      await fleet.must('apply');
      assert.deepEqual(await logins(fleet), [orders, report, stocks]);
    });

    await t.test('what is delivered logs in', async () => {
      const query = 'SELECT current_user, count(*) FROM items';
      const ran = await fleet.run('exec', 'reporting', '--', 'psql', '-Atc', query);
      assert.equal(ran.stdout.trim(), `${report}|0`, ran.stderr);
      const delivered = join(fleet.delivered('here', 'reports', 'reporting'), 'username');
      assert.equal(await readFile(delivered, 'utf8'), report);
    });

    await t.test('what was changed by hand in the engine is told by a plan and mended', async () => {
      await bao.ask('POST', 'database/roles/reporting', {
        creation_statements: `CREATE ROLE "{{name}}" SUPERUSER LOGIN PASSWORD '{{password}}'`,
        default_ttl: '24h',
      });
      await bao.ask('POST', 'database/config/orders.orders', { allowed_roles: '*', verify_connection: false });
      await fleet.sql('orders', 'postgres', `ALTER ROLE keywright_main_stock PASSWORD 'guess'`);
      const plan = await fleet.run('plan');
      assert.equal(plan.code, 2);
      for (const told of [
        /allowed roles +\* → deploy, reporting/,
        /default ttl +1d → 1h/,
        /creation statement CREATE ROLE "{{name}}" SUPERUSER LOGIN PASSWORD/,
        /password +changed by hand/,
      ]) {
        assert.match(plan.stdout, told);
      }
      await fleet.must('apply');
      assert.equal((await fleet.run('plan')).code, 0);
      assert.deepEqual(notHeld(await fleet.verify()), []);
      assert.deepEqual(await logins(fleet), [orders, report, stocks]);
    });

    await t.test('a lease that is due is renewed by a sweep, and status tells when', async () => {
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.replace('{ ttl: 1h, maxTtl: 24h }', '{ ttl: 12s, maxTtl: 24h }'));
      await fleet.must('apply');
      const lease = async (): Promise<{ readonly due: number; readonly username: string }> => {
        const status = JSON.parse(await fleet.must('status', '--output', 'json')) as FleetStatus;
        const found = status.expiries.find(({ id }) => id === 'postgres/orders/lease/reporting');
        const delivered = join(fleet.delivered('here', 'reports', 'reporting'), 'username');
        return { due: Date.parse(found?.due ?? ''), username: await readFile(delivered, 'utf8') };
      };
      const before = await lease();
      assert.notEqual(before.username, report, 'what lived for an hour is replaced');
      await waitFor('the last third of the lease', async () => Date.now() > before.due);
      await fleet.must('sweep');
      const after = await lease();
      assert.ok(after.due > before.due);
      assert.equal(after.username, before.username);
      await writeFile(path, text);
      await fleet.must('apply');
    });

    await t.test('an access that leaves takes its logins, its role and its place in the connection along', async () => {
      const { body } = await bao.ask('GET', 'database/creds/deploy');
      await writeFile(path, (await readFile(path, 'utf8')).replace(deploy, '').replace(stock, ''));
      await fleet.must('apply', '--allow-removals', '40');
      assert.ok(!(await logins(fleet)).some((name) => !name.startsWith('reporting_')), 'those of other readers too');
      assert.equal((await bao.ask('GET', 'database/roles/deploy')).status, 404);
      assert.equal((await bao.ask('GET', 'database/config/orders.stock')).status, 404);
      const orders = await bao.ask('GET', 'database/config/orders.orders');
      assert.deepEqual(orders.body?.['data'].allowed_roles, ['reporting']);
      const gone = await bao.peers[0]?.ask('POST', 'sys/leases/lookup', { lease_id: body?.['lease_id'] });
      assert.equal(gone?.status, 400);
      const roles = await fleet.sql(
        'orders',
        'postgres',
        `SELECT rolname FROM pg_roles WHERE rolname LIKE 'keywright%'`,
      );
      assert.deepEqual(roles, [{ rolname: 'keywright_main_orders' }]);
      assert.equal((await fleet.run('plan')).code, 0);
      assert.deepEqual(notHeld(await fleet.verify()), []);
    });

    await t.test('the last one takes connection and role along; the mount stays', async () => {
      const text = (await readFile(path, 'utf8')).replace(reporting, '').replace(consumer, '');
      await writeFile(path, text);
      await fleet.must('apply', '--allow-removals', '40');
      assert.deepEqual(await logins(fleet), []);
      assert.equal((await bao.ask('LIST', 'database/config')).status, 404);
      assert.equal((await bao.ask('LIST', 'database/roles')).status, 404);
      const mounts = await bao.ask('GET', 'sys/mounts');
      assert.equal(mounts.body?.['data']['database/'].description, '');
      assert.equal((await fleet.run('plan')).code, 0);
    });
  },
);
