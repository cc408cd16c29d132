import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { languagePage } from '../../../scripts/generate-docs.ts';
import { kindNames } from '../../../src/fleet/kinds/index.ts';

const page = readFileSync(new URL('../../../docs/fleet-language.md', import.meta.url), 'utf8');

test('the language page is fresh', () => {
  assert.equal(page, languagePage(), 'run: node scripts/generate-docs.ts');
});

test('the language page shows an example of each kind', () => {
  for (const kind of kindNames) {
    assert.match(page, new RegExp(`\`\`\`yaml\nkind: ${kind}\n`));
  }
});
