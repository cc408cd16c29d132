import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../../src/model/failure.ts';
import { Secret } from '../../../src/model/secret.ts';
import { buildContent } from '../../../src/targets/store/content.ts';
import type { ContentSources } from '../../../src/targets/store/content.ts';
import type { KeySource } from '../../../src/targets/store/secret.spec.ts';

function build(
  keys: Readonly<Record<string, KeySource>>,
  current: Readonly<Record<string, string>> = {},
  sources: Partial<ContentSources> = {},
): Record<string, string> {
  const content = buildContent(
    { store: 'box', path: 'apps/x', keys },
    {
      current: new Map(Object.entries(current).map(([key, value]) => [key, new Secret(value)])),
      derivedBefore: new Set(),
      generate: () => new Secret('made'),
      imported: (key) => new Secret(`imported ${key}`),
      copied: (key) => new Secret(`copied ${key}`),
      ...sources,
    },
  );
  return Object.fromEntries([...content].map(([key, value]) => [key, value.expose()]));
}

const anySource = fc.constantFrom<KeySource>(
  { generate: { hex: 8 } },
  { import: { env: 'X' } },
  { value: 'v' },
  { template: 't' },
  { copy: { path: 'other', key: 'k', version: '1' } },
);
const keyName = fc.constantFrom('a', 'b', 'c', 'd', 'e');

test('whatever is declared, a generated or imported value that is there is kept, and nothing undeclared is lost', () => {
  fc.assert(
    fc.property(fc.dictionary(keyName, anySource), fc.dictionary(keyName, fc.string()), (keys, current) => {
      const built = build(keys, current, {
        generate: () => new Secret('new'),
        imported: () => new Secret('new'),
      });
      for (const [key, value] of Object.entries(current)) {
        const source = keys[key];
        if (source === undefined || 'generate' in source || 'import' in source) {
          assert.equal(built[key], value);
        }
      }
      assert.deepEqual(new Set(Object.keys(built)), new Set([...Object.keys(keys), ...Object.keys(current)]));
      // Building on what was built changes nothing.
      assert.deepEqual(build(keys, built, { generate: () => assert.fail(), imported: () => assert.fail() }), built);
    }),
  );
});

test('templates stand on each other in any order, and on keys that nobody declared', () => {
  const keys: Record<string, KeySource> = {
    url: { template: 'x://{login}@h/{other}' },
    login: { template: '{user}:{password}' },
    user: { value: 'app' },
    password: { generate: { hex: 8 } },
  };
  assert.equal(build(keys, { other: 'o/o' }).url, 'x://app%3Amade@h/o%2Fo');
});

test('what stands for itself, or for nothing, is an error that names the key', () => {
  assert.throws(() => build({ a: { template: '{b}' }, b: { template: '{a}' } }), /a → b → a/);
  assert.throws(() => build({ a: { template: '{nope}' } }), /key a of apps\/x .* no key nope/);
  assert.throws(() => build({ a: { template: '{b:der}' }, b: { value: 'x' } }), Failure);
  assert.throws(() => build({ a: { template: '{b' } }), Failure);
});

test('a key that was derived once is never taken for a generated one', () => {
  const derivedBefore = new Set(['a', 'gone']);
  assert.deepEqual(build({ a: { generate: { hex: 8 } } }, { a: 'public', gone: 'x', mine: 'y' }, { derivedBefore }), {
    a: 'made',
    mine: 'y',
  });
});
