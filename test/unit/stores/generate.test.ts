import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { generateValue, passwordAlphabet } from '../../../src/stores/generate.ts';

test('hex, base64 and base64url spell the asked number of random bytes', () => {
  const bytes = () => Buffer.from('fbff00', 'hex');
  assert.equal(generateValue({ hex: 3 }, bytes).expose(), 'fbff00');
  assert.equal(generateValue({ base64: 3 }, bytes).expose(), '+/8A');
  assert.equal(generateValue({ base64url: 3 }, bytes).expose(), '-_8A');
  assert.equal(generateValue({ hex: 32 }, randomBytes).expose().length, 64);
  assert.equal(Buffer.from(generateValue({ base64: 32 }, randomBytes).expose(), 'base64').length, 32);
  assert.match(generateValue({ base64: 32 }, randomBytes).expose(), /=$/);
  assert.doesNotMatch(generateValue({ base64url: 32 }, randomBytes).expose(), /=/);
});

test('a password has the asked number of characters, and needs no escape in a URL', () => {
  for (const length of [1, 31, 32, 4_000]) {
    const password = generateValue({ password: length }, randomBytes).expose();
    assert.equal(password.length, length);
    assert.equal(encodeURIComponent(password), password);
  }
});

test('the alphabet of passwords has no character twice and none that is taken for another', () => {
  assert.equal(new Set(passwordAlphabet).size, passwordAlphabet.length);
  assert.doesNotMatch(passwordAlphabet, /[0Oo1lI]/);
});

test('each character of a password is as likely as any other', () => {
  // Every possible byte equally often: an unbiased choice then has every character equally often.
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
  const accepted = 256 - (256 % passwordAlphabet.length);
  const password = generateValue({ password: accepted }, (length) => repeated(everyByte, length)).expose();
  const counts = new Map<string, number>();
  for (const character of password) {
    counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  assert.equal(counts.size, passwordAlphabet.length);
  assert.deepEqual(new Set(counts.values()), new Set([accepted / passwordAlphabet.length]));
});

test('two values differ, and none shows when printed', () => {
  const first = generateValue({ password: 32 }, randomBytes);
  const second = generateValue({ password: 32 }, randomBytes);
  assert.ok(!first.equals(second));
  assert.equal(String(first), '[secret]');
});

test('the same randomness gives the same value', () => {
  const bytes = (length: number) => createHash('shake256', { outputLength: length }).update('seed').digest();
  assert.equal(generateValue({ password: 20 }, bytes).expose(), generateValue({ password: 20 }, bytes).expose());
});

test('a size that is no whole number from 1 to 65536 is refused', () => {
  for (const size of [0, -1, 1.5, Number.NaN, 65_537]) {
    assert.throws(() => generateValue({ hex: size }, randomBytes), RangeError);
    assert.throws(() => generateValue({ password: size }, randomBytes), RangeError);
  }
});

function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}
