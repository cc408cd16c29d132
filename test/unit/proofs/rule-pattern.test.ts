import assert from 'node:assert/strict';
import test from 'node:test';
import { matches } from '../../../src/proofs/rule-secrets.ts';

test('a pattern names one path, one level or a subtree', () => {
  for (const [pattern, path, expected] of [
    ['apps/orders', 'apps/orders', true],
    ['apps/orders', 'apps/orders/key', false],
    ['apps/*', 'apps/orders', true],
    ['apps/*', 'apps/orders/key', false],
    ['apps/*-a/key', 'apps/orders-a/key', true],
    ['apps/**', 'apps/orders/key', true],
    ['apps/**', 'apps', true],
    ['apps/**', 'applications/orders', false],
    ['**/key', 'apps/orders/key', true],
    ['**', 'anything/at/all', true],
    ['a.b/**', 'aXb/c', false],
  ] as const) {
    assert.equal(matches(pattern, path), expected, `${pattern} ${path}`);
  }
});
