import assert from 'node:assert/strict';
import test from 'node:test';
import { check, document, fleetText, findings } from '../../support/fleet-text.ts';

const weak = 'version: 18\nprocess: {}\ntls: { mode: prefer }\n';

function postgres(allow: string): string {
  return fleetText([], { postgres: document('Postgres', 'pg', weak + allow) });
}

test('an exception takes out the findings of its rule in its document, by name and by id', async () => {
  assert.equal((await findings(postgres(''))).length, 1);
  assert.deepEqual(await findings(postgres('allow: [{ rule: weak-tls-mode, reason: old clients }]')), []);
  assert.deepEqual(await findings(postgres('allow: [{ rule: KW045, reason: old clients }]')), []);
});

test('an exception in another document takes out nothing', async () => {
  const site = document('Site', 'here', 'local: { directory: a }\nallow: [{ rule: weak-tls-mode, reason: r }]');
  const text = fleetText([], { site, postgres: document('Postgres', 'pg', weak) });
  assert.match((await findings(text)).join(), /^KW045/);
});

test('an exception without a reason is a missing field', async () => {
  assert.match((await findings(postgres('allow: [{ rule: weak-tls-mode }]'))).join(), /KW009 .* no `reason`/);
});

test('a rule without exceptions cannot be excepted', async () => {
  const found = await findings(postgres('allow: [{ rule: unknown-path, reason: r }]'));
  assert.match(found.join(), /KW070 .* cannot be broken by an exception/);
});

test('adopt-existing may be allowed, though it is found while planning', async () => {
  const text = fleetText([], {
    postgres: document('Postgres', 'pg', 'version: 18\nprocess: {}\nallow: [{ rule: adopt-existing, reason: r }]'),
  });
  assert.deepEqual(await findings(text), []);
});

test('after its last day an exception is an error by itself, and the day is handed in', async () => {
  const text = postgres('allow: [{ rule: weak-tls-mode, reason: r, until: "2026-12-31" }]');
  const on = async (day: string) => (await check(text, { now: new Date(`${day}T12:00:00Z`) })).map(({ rule }) => rule);
  assert.deepEqual(await on('2026-12-31'), []);
  assert.deepEqual(await on('2027-01-01'), ['KW071 expired-exception']);
});
