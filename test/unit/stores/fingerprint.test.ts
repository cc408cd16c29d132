import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Secret } from '../../../src/model/secret.ts';
import { keyedFingerprint } from '../../../src/stores/fingerprint.ts';

const key = new Secret('k');

test('a fingerprint is the HMAC-SHA-256 of each part behind its length', () => {
  const input = Buffer.from('0000000000000002616200000000000000000000000000000001ff', 'hex');
  const expected = createHmac('sha256', 'k').update(input).digest('hex');
  assert.equal(keyedFingerprint(key, ['ab', '', Uint8Array.of(0xff)]), expected);
});

test('two lists of parts have one fingerprint only if they are the same list', () => {
  const parts = fc.array(fc.string({ unit: 'grapheme', maxLength: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const same = keyedFingerprint(key, a) === keyedFingerprint(key, b);
      assert.equal(same, JSON.stringify(a) === JSON.stringify(b));
    }),
  );
  assert.notEqual(keyedFingerprint(key, ['ab', 'c']), keyedFingerprint(key, ['a', 'bc']));
  assert.notEqual(keyedFingerprint(key, ['a']), keyedFingerprint(key, ['a', '']));
});

test('another key gives another fingerprint', () => {
  assert.notEqual(keyedFingerprint(key, ['a']), keyedFingerprint(new Secret('l'), ['a']));
});

test('a string and its UTF-8 bytes are the same part', () => {
  assert.equal(keyedFingerprint(key, ['ž']), keyedFingerprint(key, [Buffer.from('ž')]));
});
