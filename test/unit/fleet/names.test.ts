import assert from 'node:assert/strict';
import test from 'node:test';
import {
  accessPath,
  databaseOwner,
  loginNames,
  publicationName,
  renewBefore,
  roleName,
  storeLogin,
  strategy,
  subscriptionName,
} from '../../../src/fleet/names.ts';
import { document, fleetText, load } from '../../support/fleet-text.ts';

function access(spec: string) {
  const { fleet, diagnostics } = load(fleetText([document('DatabaseAccess', 'orders-app', `postgres: pg\n${spec}`)]));
  assert.deepEqual(diagnostics, []);
  const found = fleet?.accesses.get('orders-app');
  assert.ok(found);
  return found;
}

test('a role is called by its access with _ for -, unless it names one', () => {
  assert.equal(roleName(access('database: app\nprivileges: none\ncredential: { static: {} }')), 'orders_app');
  assert.equal(roleName(access('database: app\nprivileges: none\nrole: other\ncredential: { static: {} }')), 'other');
});

test('logins follow from the credential', () => {
  const cases = [
    ['database: app\nprivileges: readOnly\ncredential: { static: {} }', 'alternate', ['orders_app_a', 'orders_app_b']],
    ['database: app\nprivileges: readOnly\ncredential: { static: { strategy: inPlace } }', 'inPlace', ['orders_app_a']],
    ['privileges: superuser\nrole: postgres\ncredential: { static: {} }', 'inPlace', ['postgres']],
    ['database: app\nprivileges: readOnly\ncredential: { certificate: {} }', 'certificate', ['orders_app_a']],
    ['database: app\nprivileges: readOnly\ncredential: { dynamic: {} }', 'dynamic', []],
  ] as const;
  for (const [spec, how, logins] of cases) {
    assert.equal(strategy(access(spec)), how);
    assert.deepEqual(loginNames(access(spec)), logins);
  }
});

test('paths, owners and renewals have their defaults', () => {
  assert.equal(
    accessPath(access('database: app\nprivileges: none\ncredential: { static: {} }')),
    'databases/pg/orders-app',
  );
  assert.equal(databaseOwner({ name: 'my-db', extensions: [] }), 'my_db_owner');
  assert.equal(databaseOwner({ name: 'a', owner: 'o', extensions: [] }), 'o');
  assert.equal(renewBefore({ ttl: '30d' }), '10d');
  assert.equal(renewBefore({ ttl: '30d', renewBefore: '5d' }), '5d');
});

test('publications and subscriptions are called by both sides', () => {
  const flow = 'logical: { database: app, flows: [{ from: pg, to: [pg-two], tables: [a] }] }';
  const two = document('Postgres', 'pg-two', 'version: 18\nprocess: {}\ndatabases: [{ name: app }]');
  const replication = load(fleetText([two, document('Replication', 'r', flow)])).fleet?.replications.get('r');
  const [first] = replication?.spec.logical?.flows ?? [];
  assert.ok(replication && first);
  assert.equal(publicationName(replication, first), 'r_pg');
  assert.equal(subscriptionName(replication, first, 'pg-two'), 'r_pg_pg_two');
});

test('a site logs in to a store by its service accounts, a local one by AppRole', () => {
  const cluster = document('Site', 'cluster', 'kubernetes: {}');
  const jwt = document('Site', 'jwt', 'kubernetes: {}\nstoreLogin: { jwt: { mount: tokens } }');
  const site = document('Site', 'here', 'local: { directory: a }');
  const postgres = document('Postgres', 'pg', 'site: here\nversion: 18\nprocess: {}');
  const { fleet } = load(fleetText([cluster, jwt], { site, postgres }));
  const logins = [...(fleet?.sites.values() ?? [])].map((each) => storeLogin(each));
  assert.deepEqual(logins, [
    { method: 'kubernetes', mount: 'kubernetes-cluster' },
    { method: 'appRole', mount: 'approle-here' },
    { method: 'jwt', mount: 'tokens' },
  ]);
});
