import assert from 'node:assert/strict';
import test from 'node:test';
import { check, document, fleetText, underlined } from '../../support/fleet-text.ts';

const backup = document('Backup', 'b', 'store: box\nschedule: "0 2 * * *"\nto: { directory: b }\nencryptTo: [age1x]');

test('what is not supported yet is a note for check and an error for a command that acts', async () => {
  const text = fleetText([backup]);
  for (const [purpose, severity] of [
    ['check', 'note'],
    ['act', 'error'],
  ] as const) {
    const found = await check(text, { for: purpose });
    assert.deepEqual(
      found.map((each) => [each.severity, each.rule, underlined(text, each)]),
      [[severity, 'KW020 not-supported-yet', 'Backup']],
    );
  }
});

test('a field is underlined at its value, and a default asks for nothing', async () => {
  const text = fleetText([], {
    postgres: document('Postgres', 'pg', 'version: 18\nprocess: {}\ninstances: 2\ndatabases: [{ name: app }]'),
  });
  const found = await check(text);
  assert.deepEqual(
    found.map((each) => [each.message, underlined(text, each)]),
    [['not supported yet: `instances` of a Postgres', '2']],
  );
  assert.deepEqual(await check(fleetText()), []);
});

test('a dynamic login of a superuser cannot be made yet, of a reader it can', async () => {
  const access = (spec: string) =>
    document('DatabaseAccess', 'x', `postgres: pg\ncredential: { dynamic: {} }\n${spec}`);
  assert.equal((await check(fleetText([access('privileges: superuser')]))).length, 1);
  assert.equal((await check(fleetText([access('privileges: readOnly\ndatabase: app')]))).length, 0);
});

test('a login by certificate needs an Authority that the fleet names, or has as its only one', async () => {
  const asking = [
    document('Store', 'main', 'vault: { addresses: ["https://v.example"], login: { tokenFile: t } }'),
    document('SecretTree', 'asked', 'store: main\nentries: [{ path: a, keys: { k: { import: {} } } }]'),
    document('Consumer', 'c', 'directory: { name: c }\nreads: [{ store: main, path: a }]'),
  ];
  const site = document('Site', 'here', 'local: { directory: .keywright/here }\nstoreLogin: { cert: {} }');
  const authority = document('Authority', 'ca', 'pki: { store: box }');
  const other = document('Authority', 'cb', 'pki: { store: box }');
  const postgres = document('Postgres', 'pg', 'version: 18\nprocess: {}\ntls: { authority: ca }');
  const replaced = { site, authority, postgres };
  assert.deepEqual(await check(fleetText(asking, replaced)), []);
  const [found, ...others] = await check(fleetText([...asking, other], replaced));
  assert.deepEqual(others, []);
  assert.match(found?.message ?? '', /^not supported yet: a login to a store by client certificate/);
});
