import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fleetOf, notHeld, type TestFleet } from '../support/fleet.ts';
import { keywright } from '../support/keywright.ts';
import { type OpenBao, openBaoMissing, startOpenBao } from '../support/openbao.ts';

/** What Keywright needs in a Vault that somebody else runs; docs/vault-store.md says the same. */
const policy = `
path "secret/*"                           { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan"] }
path "sys/mounts/secret"                  { capabilities = ["read"] }
path "sys/mounts"                         { capabilities = ["read"] }
path "sys/mounts/database"                { capabilities = ["create", "update"] }
path "sys/mounts/database/tune"           { capabilities = ["create", "update"] }
path "database/*"                         { capabilities = ["create", "read", "update", "delete"] }
path "sys/leases/lookup"                  { capabilities = ["update"] }
path "sys/leases/renew"                   { capabilities = ["update"] }
path "sys/leases/revoke"                  { capabilities = ["update"] }
path "sys/leases/revoke-prefix/database/*" { capabilities = ["update", "sudo"] }
`;

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
spec: { pki: { root: { ttl: 10y }, intermediate: { ttl: 1y } } }
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
  await bao.ask('PUT', 'sys/policies/acl/keywright', { policy });
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
      const ran = await keywright(
        ['exec', 'reporting', '--', 'psql', '-Atc', 'SELECT current_user, count(*) FROM items'],
        {
          cwd: fleet.folder,
        },
      );
      assert.equal(ran.stdout.trim(), `${report}|0`, ran.stderr);
      const delivered = join(fleet.delivered('here', 'reports', 'reporting'), 'username');
      assert.equal(await readFile(delivered, 'utf8'), report);
    });
  },
);
