import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompiledFleet } from '../../../src/model/compiled.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import { dependenciesOf } from '../../../src/model/resource.ts';
import type { AccessProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import type {
  GrantSpec,
  HbaSpec,
  LeaseSpec,
  MembershipSpec,
  ProbeSpec,
  PublicationSpec,
  RoleSpec,
} from '../../../src/targets/postgres/postgres.spec.ts';
import type { SecretSpec } from '../../../src/targets/store/secret.spec.ts';
import { access, base, compileDocuments, resourceOf, specOf } from '../../support/compiled.ts';

function idsOf({ resources }: CompiledFleet, start: string): string[] {
  return resources.map(({ id }) => id as string).filter((id) => id.startsWith(start));
}

function claimsOf({ claims }: CompiledFleet, document: string): string[] {
  return claims
    .filter((claim) => claim.document === document && claim.kind !== 'certificate-valid')
    .map(({ kind }) => kind);
}

const role = (compiled: CompiledFleet, name: string): RoleSpec => specOf(compiled, `postgres/db/role/${name}`);

test('a database has an owner and two classes without login, and rights go only to the classes', () => {
  const compiled = compileDocuments(...base);
  const roles = idsOf(compiled, 'postgres/db/role/');
  assert.deepEqual(
    roles,
    ['owner', 'read_only', 'read_write'].map((end) => `postgres/db/role/shop_${end}`),
  );
  assert.ok(roles.every((id) => specOf<RoleSpec>(compiled, id).login === false));
  assert.deepEqual(idsOf(compiled, 'postgres/db/privilege/'), [
    'postgres/db/privilege/shop/public/shop_read_only',
    'postgres/db/privilege/shop/public/shop_read_write',
  ]);
  assert.deepEqual(specOf(compiled, 'postgres/db/default-privilege/shop/public/shop_read_only'), {
    database: 'shop',
    schema: 'public',
    role: 'shop_read_only',
    privileges: 'readOnly',
    creator: 'shop_owner',
  });
});

test('an access with a password is a group with two logins, of which one is active', () => {
  const compiled = compileDocuments(
    ...base,
    access('app', 'database: shop, privileges: readWrite, credential: { static: {} }'),
  );
  const [group, active, idle] = ['app', 'app_a', 'app_b'].map((name) => role(compiled, name));
  assert.deepEqual([group?.login, active?.login, idle?.login], [false, true, false]);
  assert.deepEqual([group?.password, idle?.password], [undefined, undefined]);
  assert.equal(active?.password?.path, 'keywright/f/logins/app/app_a');
  assert.deepEqual(active?.reassignTo, { shop: 'shop_owner' });
  assert.deepEqual(idsOf(compiled, 'postgres/db/membership/'), [
    'postgres/db/membership/app/app_a',
    'postgres/db/membership/app/app_b',
    'postgres/db/membership/shop_read_write/app',
  ]);
  assert.deepEqual(claimsOf(compiled, 'DatabaseAccess/app'), [
    'login',
    'reads',
    'writes',
    'refused-ddl',
    'refused-other-database',
    'refused-plain',
    'refused-wrong-password',
    'password-agrees',
  ]);
});

test('rules name the group, so that a new login never edits them, and let nobody in without TLS', () => {
  const { rules } = specOf<HbaSpec>(
    compileDocuments(
      ...base,
      access('app', 'database: shop, privileges: readWrite, credential: { static: {} }'),
      access('card', 'database: shop, privileges: readOnly, credential: { certificate: {} }'),
      access('brief', 'database: shop, privileges: readOnly, credential: { dynamic: {} }'),
    ),
    'postgres/db/hba/rules',
  );
  assert.deepEqual(
    rules.map(({ type, database, user, method }) => [type, database, user, method]),
    [
      ['hostssl', 'shop', '+app', 'scram-sha-256'],
      ['hostssl', 'shop', '+brief', 'scram-sha-256'],
      ['hostssl', 'shop', '+card', 'cert'],
    ],
  );
});

test('an owner acts as the owner of the database from its login on', () => {
  const compiled = compileDocuments(
    ...base,
    access('boss', 'database: shop, privileges: owner, credential: { static: {} }'),
  );
  assert.equal(role(compiled, 'boss_a').setRole, 'shop_owner');
  assert.equal(role(compiled, 'boss_b').setRole, 'shop_owner');
  const membership = specOf<MembershipSpec>(compiled, 'postgres/db/membership/shop_owner/boss');
  assert.deepEqual([membership.inherit, membership.set], [true, true]);
  const login = compiled.claims.find(({ id }) => id === 'DatabaseAccess/boss#login');
  assert.equal((login?.spec as { expectRole?: string } | undefined)?.expectRole, 'shop_owner');
});

test('a certificate access has one login, whose certificate names it, and no password anywhere', () => {
  const compiled = compileDocuments(
    ...base,
    access('card', 'database: shop, privileges: readOnly, credential: { certificate: { ttl: 12h } }'),
  );
  assert.deepEqual(idsOf(compiled, 'postgres/db/role/card'), ['postgres/db/role/card', 'postgres/db/role/card_a']);
  const certificate = specOf<{ commonName: string; usage: string; ttlMilliseconds: number; hosts: string[] }>(
    compiled,
    'authority/local/certificate/access/card',
  );
  assert.deepEqual(
    [certificate.commonName, certificate.usage, certificate.ttlMilliseconds, certificate.hosts],
    ['card_a', 'client', 12 * 3_600_000, []],
  );
  assert.equal(role(compiled, 'card_a').password, undefined);
  const { keys } = specOf<SecretSpec>(compiled, 'store/box/secret/databases%2Fdb%2Fcard');
  assert.equal(keys['password'], undefined);
  assert.ok('copy' in (keys['tls.key'] ?? {}));
  assert.ok(claimsOf(compiled, 'DatabaseAccess/card').includes('refused-without-certificate'));
});

test('a server and an access of one name have two certificates', () => {
  const compiled = compileDocuments(
    ...base,
    access('db', 'database: shop, privileges: readOnly, credential: { certificate: {} }'),
  );
  const paths = ['server/db', 'access/db'].map(
    (id) => specOf<{ path: string }>(compiled, `authority/local/certificate/${id}`).path,
  );
  assert.equal(new Set(paths).size, 2);
});

test('a client certificate of an authority that the server does not trust is refused at once', () => {
  const edge =
    'kind: Authority\nmetadata: { name: edge }\nspec: { pki: { root: { ttl: 10y }, intermediate: { ttl: 1y } } }';
  const fleet = 'kind: Fleet\nmetadata: { name: f }\nspec: { defaults: { authority: local } }';
  const card = access('card', 'database: shop, privileges: readOnly, credential: { certificate: { authority: edge } }');
  assert.throws(() => compileDocuments(fleet, ...base.slice(1), edge, card), { code: 'not-supported-yet' });
});

test('a dynamic access has a lease in place of logins, and consumers read what it issued', () => {
  const compiled = compileDocuments(
    ...base,
    access('brief', 'database: shop, privileges: readOnly, credential: { dynamic: { ttl: 1h, maxTtl: 2h } }'),
  );
  assert.deepEqual(idsOf(compiled, 'postgres/db/role/brief'), ['postgres/db/role/brief']);
  const lease = specOf<LeaseSpec>(compiled, 'postgres/db/lease/brief');
  assert.deepEqual([lease.group, lease.ttlMilliseconds, lease.maxTtlMilliseconds], ['brief', 3_600_000, 7_200_000]);
  const published = resourceOf(compiled, 'store/box/secret/databases%2Fdb%2Fbrief');
  assert.ok(dependenciesOf(published).includes('postgres/db/lease/brief' as never));
  const claims = claimsOf(compiled, 'DatabaseAccess/brief');
  assert.ok(claims.includes('lease-alive') && claims.includes('lease-ends') && !claims.includes('password-agrees'));
});

test('a superuser that changes in place is one role without a group, of which only logins are proven', () => {
  const compiled = compileDocuments(...base, access('root', 'privileges: superuser, credential: { static: {} }'));
  assert.deepEqual(idsOf(compiled, 'postgres/db/role/root'), ['postgres/db/role/root']);
  assert.deepEqual([role(compiled, 'root').superuser, role(compiled, 'root').login], [true, true]);
  assert.deepEqual(idsOf(compiled, 'postgres/db/membership/root'), []);
  assert.deepEqual(claimsOf(compiled, 'DatabaseAccess/root'), [
    'login',
    'refused-plain',
    'refused-wrong-password',
    'password-agrees',
  ]);
});

test('a superuser with two logins makes the logins superusers, not the group', () => {
  const compiled = compileDocuments(
    ...base,
    access('root', 'privileges: superuser, credential: { static: { strategy: alternate } }'),
  );
  assert.deepEqual(
    ['root', 'root_a', 'root_b'].map((name) => role(compiled, name).superuser),
    [undefined, true, true],
  );
});

test('an access without rights may still connect, and has what its grants say before it is published', () => {
  const compiled = compileDocuments(
    ...base,
    access(
      'bare',
      'database: shop, privileges: none, grants: ["GRANT SELECT ON t TO {role}"], credential: { static: {} }',
    ),
  );
  assert.deepEqual(idsOf(compiled, 'postgres/db/membership/'), [
    'postgres/db/membership/bare/bare_a',
    'postgres/db/membership/bare/bare_b',
  ]);
  assert.equal(
    specOf<GrantSpec>(compiled, 'postgres/db/grant/bare/connect').statement,
    'GRANT CONNECT ON DATABASE "shop" TO {role}',
  );
  assert.equal(specOf<GrantSpec>(compiled, 'postgres/db/grant/bare/0').role, 'bare');
  const before = dependenciesOf(resourceOf(compiled, 'store/box/secret/databases%2Fdb%2Fbare'));
  assert.ok(before.includes('postgres/db/grant/bare/0' as never));
});

test('a grant of roles makes the access a member, as if it were of their class', () => {
  const compiled = compileDocuments(
    ...base,
    access(
      'bare',
      `database: shop, privileges: none, credential: { static: {} }, grants: [
        'GRANT pg_monitor, "Odd ""one", Other TO {role};', "GRANT SELECT ON t TO {role}", "GRANT a TO {role} WITH ADMIN OPTION"]`,
    ),
  );
  assert.deepEqual(
    ['pg_monitor', 'Odd "one', 'other'].map(
      (name) =>
        specOf<MembershipSpec>(compiled, resourceId(targetId('postgres', 'db'), 'membership', name, 'bare')).role,
    ),
    ['pg_monitor', 'Odd "one', 'other'],
  );
  assert.deepEqual(
    idsOf(compiled, 'postgres/db/grant/'),
    ['1', '2', 'connect'].map((name) => `postgres/db/grant/bare/${name}`),
  );
  const claim = compiled.claims.find(({ id }) => id === 'DatabaseAccess/bare#granted');
  assert.deepEqual(
    (claim?.spec as AccessProbeSpec | undefined)?.given,
    ['1', '2'].map((name) => ({ from: `postgres/db/grant/bare/${name}`, output: 'rights' })),
  );
});

test('each schema that an access names is made, owned by the owner, with rights and default rights before the setup', () => {
  const compiled = compileDocuments(
    ...base.slice(0, 4),
    'kind: Postgres\nmetadata: { name: db }\nspec: { version: 18, process: {}, databases: [{ name: shop, extensions: [pgcrypto], setup: "SELECT 1" }] }',
    access('app', 'database: shop, schemas: [sales, billing], privileges: readWrite, credential: { static: {} }'),
    access('other', 'database: shop, schemas: [billing], privileges: readOnly, credential: { static: {} }'),
  );
  assert.deepEqual(idsOf(compiled, 'postgres/db/schema/'), [
    'postgres/db/schema/shop/billing',
    'postgres/db/schema/shop/sales',
  ]);
  const classes = idsOf(compiled, 'postgres/db/privilege/').filter((id) => id.includes('/shop_read_'));
  assert.equal(classes.length, 6);
  const setup = dependenciesOf(resourceOf(compiled, 'postgres/db/setup/shop')) as string[];
  assert.ok(setup.includes('postgres/db/extension/shop/pgcrypto'));
  assert.ok(setup.includes('postgres/db/schema/shop/sales'));
  assert.ok(setup.includes('postgres/db/default-privilege/shop/sales/shop_read_write'));
  const rights = dependenciesOf(resourceOf(compiled, 'postgres/db/privilege/shop/sales/shop_read_only')) as string[];
  assert.ok(rights.includes('postgres/db/setup/shop'));
});

const mirror =
  'kind: Postgres\nmetadata: { name: mirror }\nspec: { version: 18, process: {}, databases: [{ name: shop }] }';
const replication = (flows: string): string =>
  `kind: Replication\nmetadata: { name: copy }\nspec: { logical: { database: shop, flows: [${flows}] } }`;

test('the schema of a replicated table has rights on both sides, so that who replicates may read it', () => {
  const compiled = compileDocuments(...base, mirror, replication('{ from: db, to: [mirror], tables: [archive.old] }'));
  for (const server of ['db', 'mirror']) {
    resourceOf(compiled, `postgres/${server}/schema/shop/archive`);
    resourceOf(compiled, `postgres/${server}/privilege/shop/archive/shop_read_only`);
  }
  resourceOf(compiled, 'postgres/db/membership/shop_read_only/copy_mirror_replication');
  const publication = resourceOf(compiled, 'postgres/db/publication/shop/copy_db');
  assert.ok(publication.dependsOn.includes('postgres/db/privilege/shop/archive/shop_read_only' as never));
  assert.deepEqual((publication.spec as PublicationSpec).tables, ['archive.old', 'keywright.canary_copy_db']);
});

test('two flows between two servers have a canary each, one role and one rule', () => {
  const compiled = compileDocuments(
    ...base,
    mirror,
    replication(
      '{ from: db, to: [mirror], tables: [a], publication: first }, { from: db, to: [mirror], tables: [b], publication: second }',
    ),
  );
  const tables = (server: string): string[] =>
    specOf<ProbeSpec>(compiled, `postgres/${server}/probe/shop`).canaries.map(({ table }) => table);
  assert.deepEqual(tables('db'), ['canary_first', 'canary_second']);
  assert.deepEqual(tables('mirror'), tables('db'));
  assert.deepEqual(
    compiled.claims.filter(({ kind }) => kind === 'replicates').map(({ id }) => id),
    ['first', 'second'].map((name) => `Replication/copy#replicates/db/mirror/${name}`),
  );
  const { rules } = specOf<HbaSpec>(compiled, 'postgres/db/hba/rules');
  assert.deepEqual(
    rules.map(({ user, method }) => [user, method]),
    [['copy_mirror_replication', 'cert']],
  );
  assert.equal(specOf<RoleSpec>(compiled, 'postgres/db/role/copy_mirror_replication').replication, true);
});

test('a canary of a publication with a very long name still fits an identifier', () => {
  const publication = 'p'.repeat(60);
  const compiled = compileDocuments(
    ...base,
    mirror,
    replication(`{ from: db, to: [mirror], tables: [a], publication: ${publication} }`),
  );
  const [canary] = specOf<ProbeSpec>(compiled, 'postgres/db/probe/shop').canaries;
  assert.match(canary?.table ?? '', /^canary_[0-9a-f]{16}$/);
});

test('what is given by hand to a role of an access goes, but not what grants of the fleet gave it', () => {
  const bounds = (rest: string): string[] =>
    idsOf(compileDocuments(...base, access('app', rest)), 'postgres/db/privilege/shop/public/app');
  const id = (role: string): string => `postgres/db/privilege/shop/public/${role}`;
  assert.deepEqual(
    bounds('database: shop, privileges: readOnly, credential: { static: {} }'),
    ['app', 'app_a', 'app_b'].map(id),
  );
  assert.deepEqual(bounds('database: shop, privileges: readOnly, credential: { dynamic: {} }'), [id('app')]);
  assert.deepEqual(
    bounds('database: shop, privileges: readOnly, grants: ["GRANT SELECT ON t TO {role}"], credential: { static: {} }'),
    ['app_a', 'app_b'].map(id),
  );
  assert.deepEqual(
    bounds('database: shop, privileges: readOnly, grants: ["GRANT pg_monitor TO {role}"], credential: { dynamic: {} }'),
    [id('app')],
  );
  assert.deepEqual(bounds('database: shop, privileges: owner, credential: { static: {} }'), []);
});
