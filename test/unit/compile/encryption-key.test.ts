import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EncryptionKeySpec } from '../../../src/targets/vault/encryption-key.spec.ts';
import { base, compileDocuments, resourceOf, specOf } from '../../support/compiled.ts';
import { isFailure } from '../../support/failure.ts';

const [, site = '', box = ''] = base;
const documents = [
  'kind: Fleet\nmetadata: { name: f }\nspec: { home: box }',
  site,
  box,
  'kind: Store\nmetadata: { name: main }\nspec: { vault: { addresses: ["https://v:8200"], login: { tokenFile: t } } }',
];

function tree(name: string, rest: string): string {
  return `kind: SecretTree\nmetadata: { name: ${name} }\nspec: { store: main, ${rest} }`;
}

test('an encryption key is named by its path, without the slashes, and waits for the engine', () => {
  const compiled = compileDocuments(
    ...documents,
    tree('a', 'path: apps/dev, entries: [{ path: orders, encryptionKey: { type: ed25519 } }]'),
  );
  const id = 'store/main/encryption-key/transit/apps.dev.orders';
  const spec = { mount: 'transit', name: 'apps.dev.orders', path: 'apps/dev/orders', type: 'ed25519' };
  assert.deepEqual(specOf<EncryptionKeySpec>(compiled, id), spec);
  assert.deepEqual(resourceOf(compiled, id).dependsOn, ['store/main/mount/transit']);
  assert.ok(compiled.claims.some((claim) => claim.id === `${id}#encryption-key-works`));
});

test('two paths that meet in one name are refused', () => {
  assert.throws(
    () =>
      compileDocuments(
        ...documents,
        tree('a', 'entries: [{ path: a/b, encryptionKey: {} }]'),
        tree('b', 'entries: [{ path: a.b, encryptionKey: {} }]'),
      ),
    isFailure('two-resources-one-id'),
  );
});
