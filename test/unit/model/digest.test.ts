import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, digestOf, isSame } from '../../../src/model/digest.ts';
import { Secret } from '../../../src/model/secret.ts';

test('the order of keys and fields that are undefined do not show, the order of a list does', () => {
  assert.equal(canonicalJson({ b: [2, 1], a: { d: undefined, c: null } }), '{"a":{"c":null},"b":[2,1]}');
  assert.equal(digestOf({ a: 1, b: 2 }), digestOf({ b: 2, a: 1, c: undefined }));
  assert.notEqual(digestOf([1, 2]), digestOf([2, 1]));
});

test('what JSON has no form for has one of its own', () => {
  const value = {
    bigint: 5n,
    bytes: new Uint8Array([1, 255]),
    date: new Date('2026-01-02T03:04:05Z'),
    map: new Map<unknown, unknown>([
      ['b', 1],
      ['a', { y: 1, x: 2 }],
    ]),
    set: new Set(['b', 'a']),
    undefined: [undefined],
  };
  assert.equal(
    canonicalJson(value),
    '{"bigint":{"$bigint":"5"},"bytes":{"$bytes":"01ff"},"date":{"$date":"2026-01-02T03:04:05.000Z"},' +
      '"map":{"$map":[["\\"a\\"",{"x":2,"y":1}],["\\"b\\"",1]]},"set":{"$set":["\\"a\\"","\\"b\\""]},"undefined":[null]}',
  );
  assert.equal(canonicalJson(undefined), 'null');
});

test('a secret shows nothing of itself', () => {
  assert.equal(digestOf({ value: new Secret('one') }), digestOf({ value: new Secret('two') }));
  assert.ok(!canonicalJson({ value: new Secret('one') }).includes('one'));
});

test('for plain values the text is JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('two values are the same exactly when their texts are', () => {
  // Without dates: some of those that it makes are no moment and have no text.
  const value = fc.anything({ withMap: true, withSet: true, withBigInt: true, maxDepth: 3 });
  fc.assert(
    fc.property(value, value, (one, other) => {
      assert.equal(isSame(one, other), canonicalJson(one) === canonicalJson(other));
      assert.equal(isSame(one, structuredClone(one)), true);
    }),
  );
  assert.equal(isSame({ a: 1, b: undefined }, { a: 1 }), true);
  assert.equal(isSame({ a: undefined, b: 1 }, { a: 1, b: undefined }), false);
  assert.equal(isSame({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), false);
});
