import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { count, nearest, spread, table, took, whenFrom, wrap } from '../../../src/cli/text.ts';

describe('text for a terminal', () => {
  it('is broken at spaces, keeps its own lines, and never cuts a word', () => {
    assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
    assert.deepEqual(wrap('first\nsecond', 40), ['first', 'second']);
    assert.deepEqual(wrap('averylongname short', 5), ['averylongname', 'short']);
  });

  it('says how long something took in the unit that a person would use', () => {
    assert.deepEqual([0.4, 12.4, 999, 3_400, 65_000].map(took), ['0 ms', '12 ms', '999 ms', '3.4 s', '1 min 5 s']);
  });

  it('says how far away an instant is', () => {
    const now = new Date('2026-01-10T00:00:00Z');
    const at = (text: string): string => whenFrom(now, new Date(text));
    assert.equal(at('2026-02-09T00:00:00Z'), 'in 30 d');
    assert.equal(at('2026-01-10T00:40:00Z'), 'in 40 min');
    assert.equal(at('2026-01-09T21:00:00Z'), '3 h ago');
    assert.equal(at('2026-01-10T00:00:00Z'), 'in 0 s');
  });

  it('lines columns up and leaves no spaces at the ends', () => {
    assert.equal(
      table(
        [
          ['a', 'b', ''],
          ['long name', 'c', 'd'],
        ],
        '  ',
      ),
      '  a          b\n  long name  c  d\n',
    );
    const long = 'x'.repeat(60);
    assert.equal(
      table([
        ['short', 'in 30 d', '(due in 20 d)'],
        [long, 'in 1 h', '(due in 40 min)'],
      ]),
      `short  in 30 d  (due in 20 d)\n${long}\n       in 1 h   (due in 40 min)\n`,
    );
    assert.equal(table([[long, 'y'.repeat(30)]]), `${long}\n      ${'y'.repeat(30)}\n`);
    assert.equal(spread('left', 'right', 14), 'left     right');
    assert.equal(spread('one two three', 'right', 14), 'one two three\n         right');
    assert.equal(spread('one two three four', 'end', 14), 'one two three\nfour       end');
  });

  it('counts in the right number', () => {
    assert.deepEqual([count(1, 'change'), count(0, 'change')], ['1 change', '0 changes']);
  });

  it('offers the nearest known word, and none when nothing is near', () => {
    assert.equal(nearest('aply', ['plan', 'apply']), 'apply');
    assert.equal(nearest('frobnicate', ['plan', 'apply']), undefined);
  });
});
