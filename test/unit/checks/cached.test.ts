import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { checkFiles } from '../../../src/checks/cached.ts';
import { document, fleetText } from '../../support/fleet-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'keywright-cached-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const now = new Date('2026-11-25T00:00:00Z');
const backup = document('Backup', 'b', 'store: box\nschedule: "0 2 * * *"\nto: { directory: b }\nencryptTo: [age1x]');
const until = (day: string) =>
  document('Postgres', 'pg', `version: 18\nprocess: {}\nallow: [{ rule: weak-tls-mode, reason: r, until: "${day}" }]`);

function place(text: string): { fleet: string; cacheFolder: string; write: (text: string) => void } {
  const fleet = mkdtempSync(join(folder, 'fleet-'));
  const write = (content: string) => writeFileSync(join(fleet, 'fleet.yaml'), content);
  write(text);
  return { fleet, cacheFolder: join(fleet, '.cache'), write };
}

test('the findings of an unchanged fleet are those of the last time, positions included', async () => {
  const { fleet, cacheFolder } = place(fleetText([backup]));
  const first = await checkFiles('.', fleet, { cacheFolder, now });
  assert.deepEqual(
    first.diagnostics.map(({ rule, position }) => [rule, position?.line]),
    [['KW020 not-supported-yet', 34]],
  );
  const [kept = ''] = readdirSync(cacheFolder);
  // A mark in what is kept shows that the second answer comes from there.
  const file = join(cacheFolder, kept);
  writeFileSync(file, readFileSync(file, 'utf8').replace('not supported yet: ', 'kept: '));
  const second = await checkFiles('.', fleet, { cacheFolder, now });
  assert.match(second.diagnostics[0]?.message ?? '', /^kept: /);
  assert.deepEqual(second.sources, first.sources);
});

test('what is kept is readable by its owner alone', async () => {
  const { fleet, cacheFolder } = place(fleetText());
  await checkFiles('.', fleet, { cacheFolder, now });
  assert.equal(statSync(cacheFolder).mode & 0o777, 0o700);
  assert.deepEqual(
    readdirSync(cacheFolder).map((name) => statSync(join(cacheFolder, name)).mode & 0o777),
    [0o600],
  );
});

test('a changed text is checked anew', async () => {
  const { fleet, cacheFolder, write } = place(fleetText());
  assert.deepEqual((await checkFiles('.', fleet, { cacheFolder, now })).diagnostics, []);
  write(fleetText().replace('databases:', 'database:'));
  assert.equal((await checkFiles('.', fleet, { cacheFolder, now })).diagnostics.length, 1);
});

test('on another day an exception may have ended', async () => {
  const { fleet, cacheFolder } = place(fleetText([], { postgres: until('2026-11-25') }));
  const on = async (day: string) =>
    (await checkFiles('.', fleet, { cacheFolder, now: new Date(day) })).diagnostics.length;
  assert.deepEqual([await on('2026-11-25'), await on('2026-11-26'), await on('2026-11-25')], [0, 1, 0]);
});

test('nothing is kept of a fleet with a mistake', async () => {
  const secret = document('SecretTree', 't', 'entries: [{ path: a, keys: { password: { value: hunter2 } } }]');
  const { fleet, cacheFolder } = place(fleetText([secret]));
  assert.equal((await checkFiles('.', fleet, { cacheFolder, now })).diagnostics.length, 1);
  assert.throws(() => readdirSync(cacheFolder));
});

test('what was damaged or cannot be written is no reason to fail', async () => {
  const { fleet, cacheFolder } = place(fleetText());
  await checkFiles('.', fleet, { cacheFolder, now });
  for (const damage of ['', '{', '{}', '[]', 'null']) {
    writeFileSync(join(cacheFolder, readdirSync(cacheFolder)[0] ?? ''), damage);
    assert.deepEqual((await checkFiles('.', fleet, { cacheFolder, now })).diagnostics, []);
  }
  assert.deepEqual((await checkFiles('.', fleet, { cacheFolder: '/dev/null/x', now })).diagnostics, []);
});

test('of many fleets the newest are kept', async () => {
  const cacheFolder = join(folder, 'many');
  for (let index = 0; index < 70; index += 1) {
    const { fleet } = place(
      document('Fleet', 'test', '') + `---\n${document('Store', 'box', 'file: { path: b, identityFile: k }')}`,
    );
    await checkFiles('.', fleet, { cacheFolder, now });
  }
  assert.equal(readdirSync(cacheFolder).length, 64);
});
