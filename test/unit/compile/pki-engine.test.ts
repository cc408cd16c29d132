import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectiveDependencies } from '../../../src/engine/graph.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import type { AuthorityTargetSpec } from '../../../src/targets/authority/authority.spec.ts';
import type { MountSpec } from '../../../src/targets/vault/mount.spec.ts';
import type { PkiRoleSpec } from '../../../src/targets/vault/pki-role.spec.ts';
import { access, base, compileDocuments, specOf } from '../../support/compiled.ts';

const vault =
  'kind: Store\nmetadata: { name: main }\nspec: { vault: { addresses: ["https://v:8200"], login: { tokenFile: t } } }';
const fleet = 'kind: Fleet\nmetadata: { name: f }\nspec: { home: box, defaults: { store: main, authority: local } }';
const [, site = '', box = '', , postgres = ''] = base;

function compiled(...more: string[]) {
  return compileDocuments(
    fleet,
    site,
    box,
    vault,
    'kind: Authority\nmetadata: { name: local }\nspec: { pki: { root: { ttl: 10y }, intermediate: { ttl: 1y } } }',
    postgres,
    ...more,
  );
}

test('an authority in a Vault waits for its engine, and its certificates for the role that signs them', () => {
  const fleetNow = compiled(access('card', 'database: shop, privileges: readOnly, credential: { certificate: {} }'));
  const target = fleetNow.targets.find(({ id }) => id === 'authority/local');
  assert.deepEqual((target?.spec as AuthorityTargetSpec | undefined)?.pki, { mount: 'pki' });
  const dependencies = effectiveDependencies(fleetNow.resources, fleetNow.targets);
  const needs = (id: string): readonly string[] => dependencies.get(id as ResourceId) ?? [];
  assert.ok(needs('authority/local/ca/root').includes('store/main/mount/pki'));
  assert.ok(needs('authority/local/ca/root').includes('store/main/pki-config/pki'));
  assert.ok(needs('authority/local/certificate/server/db').includes('store/main/pki-role/pki/local-server'));
  assert.ok(needs('authority/local/certificate/access/card').includes('store/main/pki-role/pki/local-client'));
});

test('its roles name the hosts and common names of the fleet and nothing else', () => {
  const fleetNow = compiled(access('card', 'database: shop, privileges: readOnly, credential: { certificate: {} }'));
  const server = specOf<PkiRoleSpec>(fleetNow, 'store/main/pki-role/pki/local-server');
  assert.deepEqual(server.names, ['db.here.localhost']);
  const client = specOf<PkiRoleSpec>(fleetNow, 'store/main/pki-role/pki/local-client');
  assert.deepEqual(client.names, ['card_a', 'keywright_revoked']);
  assert.deepEqual(client.addresses, []);
  assert.equal(client.issuer, 'local-intermediate');
});

test('several authorities share the engine of a store; its mount lets the longest of them live', () => {
  const fleetNow = compiled(
    'kind: SecretTree\nmetadata: { name: t }\nspec: { entries: [{ path: tls, certificate: { hosts: ["*.Dev.example", "10.0.0.1"], authority: long } }] }',
    'kind: Authority\nmetadata: { name: long }\nspec: { pki: { root: { ttl: 20y } } }',
    'kind: Authority\nmetadata: { name: aside }\nspec: { pki: { store: box, root: { ttl: 30y } } }',
  );
  assert.equal(specOf<MountSpec>(fleetNow, 'store/main/mount/pki').maxLeaseSeconds, 20 * 365 * 86_400);
  assert.ok(fleetNow.resources.some(({ id }) => id === 'store/main/pki-role/pki/long-client'));
  const server = specOf<PkiRoleSpec>(fleetNow, 'store/main/pki-role/pki/long-server');
  assert.deepEqual([server.names, server.addresses], [['*.Dev.example', '*.dev.example'], ['10.0.0.1']]);
  assert.ok(!fleetNow.resources.some(({ id }) => id.startsWith('store/main/pki-role/pki/aside')));
  const aside = fleetNow.targets.find(({ id }) => id === 'authority/aside');
  assert.equal((aside?.spec as AuthorityTargetSpec | undefined)?.pki, undefined);
});
