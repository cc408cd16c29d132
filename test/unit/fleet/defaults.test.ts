import assert from 'node:assert/strict';
import test from 'node:test';
import { basis, document, findings, fleetText, load } from '../../support/fleet-text.ts';
import type { Fleet } from '../../../src/fleet/model.ts';

function loaded(text: string): Fleet {
  const { fleet, diagnostics } = load(text);
  assert.deepEqual(diagnostics, []);
  assert.ok(fleet);
  return fleet;
}

test('store, site and authority are filled in when there is exactly one', () => {
  const fleet = loaded(fleetText([document('SecretTree', 't', 'entries: [{ path: a, certificate: { hosts: [a] } }]')]));
  assert.equal(fleet.postgres.get('pg')?.spec.site, 'here');
  assert.equal(fleet.postgres.get('pg')?.spec.tls.authority, 'ca');
  assert.equal(fleet.authorities.get('ca')?.spec.pki?.store, 'box');
  assert.equal(fleet.secretTrees.get('t')?.spec.store, 'box');
  assert.equal(fleet.secretTrees.get('t')?.spec.entries[0]?.certificate?.authority, 'ca');
});

test('the home is the only Store unless the Fleet names one', () => {
  assert.equal(loaded(fleetText([], { fleet: document('Fleet', 'test', '') })).home, 'box');
});

const second = document('Store', 'other', 'file: { path: other, identityFile: other.txt }');

test('with two stores, leaving it out is an error that names both', async () => {
  const found = await findings(fleetText([second]));
  assert.deepEqual(
    found.map((line) => line.replace(/ \d+:\d+ /, ' ')),
    ['KW019 `store` is left out, and there are 2: box, other'],
  );
});

test('with two stores the defaults of the Fleet say which', () => {
  const fleet = document('Fleet', 'test', 'home: box\ndefaults: { store: other }');
  assert.equal(loaded(fleetText([second], { fleet })).authorities.get('ca')?.spec.pki?.store, 'other');
});

test('a home left out beside two stores is an error', async () => {
  const fleet = document('Fleet', 'test', 'defaults: { store: other }');
  assert.match((await findings(fleetText([second], { fleet }))).join(), /^KW019 .* `home` is left out/);
});

test('without any site, leaving it out says that there is none', async () => {
  assert.match((await findings(fleetText([], { site: undefined }))).join('\n'), /KW019 .* there is no Site/);
});

test('a store is not asked for where another field makes it meaningless', () => {
  const access = document(
    'DatabaseAccess',
    'acc',
    'postgres: pg\ndatabase: app\nprivileges: none\ncredential: { static: {} }\nstore: box',
  );
  const consumer = document(
    'Consumer',
    'c',
    'directory: { name: c }\nsecrets: [{ name: s, from: { a: { access: acc }, b: { authority: ca } } }]',
  );
  const authority = document('Authority', 'ca', 'pki: { store: box }');
  const from = loaded(fleetText([second, access, consumer], { authority })).consumers.get('c')?.spec.secrets[0]?.from;
  assert.deepEqual(from, { a: { access: 'acc' }, b: { authority: 'ca' } });
});

test('defaults of the language are filled in, those inside others as well', () => {
  const fleet = loaded(fleetText());
  assert.deepEqual(fleet.authorities.get('ca')?.spec, {
    pki: {
      store: 'box',
      root: { ttl: '10y', key: 'ecdsaP384' },
      intermediate: { ttl: '1y', key: 'ecdsaP256' },
      subject: {},
      overlap: '7d',
    },
    leaf: { ttl: '30d', key: 'ecdsaP256' },
  });
  assert.deepEqual(fleet.postgres.get('pg')?.spec.tls, {
    mode: 'verify-full',
    authority: 'ca',
    hosts: [],
    minVersion: 'TLSv1.3',
  });
});

test('an external server needs no authority, others do', async () => {
  const secrets = document('SecretTree', 't', 'entries: [{ path: db, keys: { password: { import: {} } } }]');
  const external = document('Postgres', 'pg', 'external: { host: db.example, admin: { path: db, key: password } }');
  assert.deepEqual(await findings(fleetText([secrets], { postgres: external, authority: undefined })), []);
  const found = await findings(fleetText([], { authority: undefined }));
  assert.match(found.join('\n'), /authority/);
});

test('the nearest known name is told for fields, words, kinds, names and database names', async () => {
  const near = async (from: string, to: string) =>
    (await findings(fleetText().replace(from, to))).map((line) => /did you mean `([^`]+)`/.exec(line)?.[1]);
  assert.deepEqual(await near('databases:', 'database:'), ['databases']);
  assert.deepEqual(await near('home: box', 'home: bxo'), ['box']);
  assert.deepEqual(await near('kind: Postgres', 'kind: Postgress'), ['Postgres']);
  assert.deepEqual(await near('process: {}', 'proces: {}'), ['process']);
  assert.deepEqual(await near('pki: {}', 'pki: { root: { key: ecdsap384 } }'), ['ecdsaP384']);
});

test('the order of files and documents makes no difference', () => {
  const tree = document('SecretTree', 't', 'entries: [{ path: b, keys: {} }, { path: a, keys: {} }]');
  const parts = [...Object.values(basis), document('Set', 's', 'items: [{ name: a }]'), tree];
  const plain = (files: Readonly<Record<string, string>>) =>
    JSON.stringify(load(files).fleet, (key, value: unknown) =>
      key === 'source' ? undefined : value instanceof Map ? [...(value as Map<string, unknown>)] : value,
    );
  const expected = plain({ 'a.yaml': parts.join('---\n') });
  for (let shift = 0; shift < parts.length; shift += 1) {
    const turned = [...parts.slice(shift), ...parts.slice(0, shift)];
    const files = Object.fromEntries(turned.map((text, index) => [`${index}.yaml`, text]));
    assert.equal(plain(files), expected);
    assert.equal(plain({ 'a.yaml': turned.toReversed().join('---\n') }), expected);
  }
});
