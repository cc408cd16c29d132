import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failure } from '../../../src/model/failure.ts';
import { checkPath, isAtOrBelow, longestPath, pathProblem } from '../../../src/stores/entry-path.ts';

test('ordinary paths are taken', () => {
  for (const path of ['a', 'apps/orders/api-key', 'a b/c.d/..e', 'ž/🔑', 'x'.repeat(longestPath)]) {
    assert.equal(pathProblem(path), undefined, path);
  }
});

test('paths that a store could read in two ways are refused', () => {
  for (const path of ['', '/', '/a', 'a/', 'a//b', '.', 'a/..', '../a', 'a\nb', 'a\u0000', 'ž'.repeat(longestPath)]) {
    assert.notEqual(pathProblem(path), undefined, JSON.stringify(path));
  }
});

test('the refusal names store and path', () => {
  assert.throws(
    () => checkPath('box', 'a//b'),
    (error: Failure) => {
      assert.equal(error.code, 'store-invalid-path');
      assert.equal(error.details.object, 'store/box');
      return error.message.includes('"a//b"');
    },
  );
});

test('a prefix is above whole segments only', () => {
  assert.ok(isAtOrBelow('apps/orders', 'apps'));
  assert.ok(isAtOrBelow('apps/orders', 'apps/'));
  assert.ok(isAtOrBelow('apps', 'apps'));
  assert.ok(isAtOrBelow('apps', ''));
  assert.ok(!isAtOrBelow('apps-other', 'apps'));
  assert.ok(!isAtOrBelow('apps', 'apps/orders'));
});
