import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectiveDependencies } from '../../../src/engine/graph.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import type { EngineProbeSpec, LeaseProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import type { CertificateSpec } from '../../../src/targets/authority/authority.spec.ts';
import type { HbaSpec, LeaseSpec, MembershipSpec, RoleSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import type { DatabaseConnectionSpec } from '../../../src/targets/vault/database-connection.spec.ts';
import type { DatabaseRoleSpec } from '../../../src/targets/vault/database-role.spec.ts';
import type { MountSpec } from '../../../src/targets/vault/mount.spec.ts';
import { access, base, compileDocuments, specOf } from '../../support/compiled.ts';

const fleet = 'kind: Fleet\nmetadata: { name: f }\nspec: { home: box, defaults: { store: main, authority: local } }';
const vault =
  'kind: Store\nmetadata: { name: main }\nspec: { vault: { addresses: ["https://v:8200"], login: { tokenFile: t }, mounts: { database: db } } }';
const [, site = '', box = '', authority = '', postgres = ''] = base;

function compiled(...more: string[]) {
  return compileDocuments(fleet, site, box, vault, authority, postgres, ...more);
}

const dynamic = (name: string, more: string): string => access(name, `database: shop, ${more}`);
const report = dynamic('report-it', 'privileges: readOnly, credential: { dynamic: { ttl: 1h, maxTtl: 24h } }');
const deploy = dynamic(
  'deploy',
  'privileges: owner, role: shop_deploy, connectionLimit: 3, credential: { dynamic: {} }',
);

test('a dynamic access of a Vault has a role in its engine, and a lease from there', () => {
  const now = compiled(report, deploy);
  assert.deepEqual(specOf<LeaseSpec>(now, 'postgres/db/lease/report-it').engine, { mount: 'db', role: 'report-it' });
  const role = specOf<DatabaseRoleSpec>(now, 'store/main/database-role/db/deploy');
  assert.deepEqual(role, {
    mount: 'db',
    role: 'deploy',
    connection: 'db.shop',
    group: 'shop_deploy',
    engineRole: 'keywright_main_shop',
    setRole: 'shop_owner',
    connectionLimit: 3,
    comment: 'keywright fleet=f id=postgres/db/lease/deploy',
    ttlSeconds: 3600,
    maxTtlSeconds: 86_400,
  });
});

test('one connection for each database, for its accesses alone, their logins named after their groups', () => {
  const now = compiled(report, deploy);
  const connection = specOf<DatabaseConnectionSpec>(now, 'store/main/database-connection/db/db.shop');
  assert.deepEqual(connection.allowedRoles, ['deploy', 'report-it']);
  assert.equal(connection.username, 'keywright_main_shop');
  assert.equal(
    connection.usernameTemplate,
    '{{ if eq .RoleName "deploy" }}shop_deploy{{ else }}{{ .RoleName | replace "-" "_" }}{{ end }}_{{ random 8 | lowercase }}',
  );
  assert.deepEqual(connection.trustFile, { from: 'site/here/trust-file/local', output: 'file' });
});

test('the engine may make logins of its groups and come in over TLS, and no more', () => {
  const now = compiled(report, deploy);
  assert.deepEqual(specOf<RoleSpec>(now, 'postgres/db/role/keywright_main_shop'), {
    name: 'keywright_main_shop',
    login: true,
    createRole: true,
    passwordElsewhere: true,
  });
  const memberships = now.resources.filter(
    ({ kind, spec }) => kind === 'membership' && (spec as MembershipSpec).member === 'keywright_main_shop',
  );
  assert.deepEqual(
    memberships.map(({ spec }) => [(spec as MembershipSpec).role, (spec as MembershipSpec).admin]),
    [
      ['report_it', true],
      ['shop_deploy', true],
    ],
  );
  const { rules } = specOf<HbaSpec>(now, 'postgres/db/hba/rules');
  assert.deepEqual(
    rules.find(({ user }) => user === 'keywright_main_shop'),
    {
      type: 'hostssl',
      database: 'shop',
      user: 'keywright_main_shop',
      address: '127.0.0.1/32',
      method: 'scram-sha-256',
    },
  );
  const { hosts } = specOf<CertificateSpec>(now, 'authority/local/certificate/server/db');
  assert.deepEqual(hosts, ['db.here.localhost', '127.0.0.1']);
});

test('each comes after what it rests on: server, connection, its password, role, lease, what is published', () => {
  const now = compiled(report);
  const dependencies = effectiveDependencies(now.resources, now.targets);
  const needs = (id: string): readonly string[] => dependencies.get(id as ResourceId) ?? [];
  const includes = (id: string, ...others: readonly string[]): void => {
    others.forEach((other) => assert.ok(needs(id).includes(other), `${id} → ${other}`));
  };
  const connection = 'store/main/database-connection/db/db.shop';
  const login = 'postgres/db/engine-login/main/shop';
  includes(connection, 'store/main/mount/db', 'site/here/trust-file/local', 'site/here/process/db');
  includes(
    login,
    connection,
    'postgres/db/role/keywright_main_shop',
    'postgres/db/membership/report_it/keywright_main_shop',
    'postgres/db/hba/rules',
    'postgres/db/tls/server',
    'store/main/secret/keywright%2Ff%2Fengines%2Fdb%2Fshop',
  );
  includes('store/main/database-role/db/report-it', connection, login);
  includes('postgres/db/lease/report-it', 'store/main/database-role/db/report-it', login);
  includes('store/main/secret/databases%2Fdb%2Freport-it', 'postgres/db/lease/report-it');
});

test('the mount lets the longest lease live; nothing is said where that is no longer than usual', () => {
  assert.equal(specOf<MountSpec>(compiled(report), 'store/main/mount/db').maxLeaseSeconds, undefined);
  const long = dynamic('long', 'privileges: readOnly, credential: { dynamic: { ttl: 1h, maxTtl: 60d } }');
  assert.equal(specOf<MountSpec>(compiled(report, long), 'store/main/mount/db').maxLeaseSeconds, 60 * 86_400);
});

test('claims say where a lease comes from, and that the engine alone knows its password', () => {
  const { claims } = compiled(report);
  const probe = <Spec>(id: string): Spec | undefined =>
    claims.find((claim) => claim.id === id)?.spec as Spec | undefined;
  assert.deepEqual(probe<LeaseProbeSpec>('DatabaseAccess/report-it#lease-ends')?.engine, {
    store: 'main',
    mount: 'db',
    role: 'report-it',
    renewable: true,
  });
  const rotated = probe<EngineProbeSpec>('Postgres/db#engine-login-rotated/main/shop');
  assert.deepEqual(rotated?.groups, ['report_it']);
});

test('in a store in files Keywright makes the logins itself, and the server knows no engine', () => {
  const now = compileDocuments(...base, report);
  assert.equal(specOf<LeaseSpec>(now, 'postgres/db/lease/report-it').engine, undefined);
  assert.ok(!now.resources.some(({ kind }) => ['engine-login', 'trust-file', 'database-role'].includes(kind)));
  assert.deepEqual(specOf<CertificateSpec>(now, 'authority/local/certificate/server/db').hosts, ['db.here.localhost']);
});
