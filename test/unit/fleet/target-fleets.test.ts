import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkFleet } from '../../../src/checks/check.ts';
import { loadFleet } from '../../../src/fleet/load.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** The fleets of the source systems lie beside the repository where it is developed. */
const shared = join(root, '../shared/fleets');
const skip = existsSync(shared) ? false : `${shared} is not there`;

test('each target fleet is read without a finding beside what is not supported yet', { skip }, async (context) => {
  for (const name of readdirSync(shared).filter((file) => file.endsWith('.yaml'))) {
    await context.test(name, async () => {
      const loaded = await loadFleet(join(shared, name), root);
      const found = checkFleet(loaded).filter(({ rule }) => !rule.startsWith('KW020'));
      assert.deepEqual(
        found.map(({ rule, message }) => `${rule}: ${message}`),
        [],
      );
      assert.ok((loaded.fleet?.documents.length ?? 0) > 9);
    });
  }
});

test('the fleet of two sites can be applied as a whole', { skip }, async () => {
  const loaded = await loadFleet(join(shared, '0-two-sites.yaml'), root);
  assert.deepEqual(checkFleet(loaded, { for: 'act' }), []);
});

test('what cannot be applied yet is an error for a command that acts, with its place', { skip }, async () => {
  const loaded = await loadFleet(join(shared, '5-platform.yaml'), root);
  const found = checkFleet(loaded, { for: 'act' });
  assert.ok(found.length > 10);
  assert.ok(found.every(({ severity, source }) => severity === 'error' && source !== undefined));
});

for (const folder of ['examples/quickstart', 'examples/two-sites', 'docs/fleet-language.example.yaml']) {
  test(`${folder} has no finding`, async () => {
    const loaded = await loadFleet(join(root, folder), root);
    const found = checkFleet(loaded).filter(({ severity }) => severity !== 'note');
    assert.deepEqual(
      found.map(({ rule, message }) => `${rule}: ${message}`),
      [],
    );
  });
}
