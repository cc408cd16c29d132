import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckAndSetConflict } from '../../../../src/stores/backend.ts';
import { entryOf, keptVersions, withDeleted, withoutVersion, written } from '../../../../src/stores/file/entries.ts';
import type { StoredEntry } from '../../../../src/stores/file/entries.ts';
import { entry } from '../../../servers/stores/contract.ts';

const stamp = { writtenAt: '2026-11-25T00:00:00.000Z', suffix: '0a0b0c0d' };

test('ten versions are kept, the newest ones', () => {
  const last = times(15, 'v');
  assert.equal(last.versions.length, keptVersions);
  assert.equal(last.versions[0]?.version, '6-0a0b0c0d');
  assert.equal(last.versions.at(-1)?.version, '15-0a0b0c0d');
});

test('of large entries only the current and the previous version are kept', () => {
  const last = times(5, 'x'.repeat(100_000));
  assert.deepEqual(
    last.versions.map((each) => each.version),
    ['4-0a0b0c0d', '5-0a0b0c0d'],
  );
});

test('a version is named by its number and something that never comes again', () => {
  assert.equal(written(undefined, entry('a', { k: 'v' }), stamp).versions[0]?.version, '1-0a0b0c0d');
});

test('a write that expects the version of a soft-deleted entry is refused', () => {
  const deleted = withDeleted(times(1, 'v'), true);
  assert.throws(() => written(deleted, entry('a', { k: 'v' }, { expect: '1-0a0b0c0d' }), stamp), CheckAndSetConflict);
});

test('a deleted version stays deleted when a new one is written over it', () => {
  const deleted = withDeleted(times(1, 'v'), true);
  const again = written(deleted, entry('a', { k: 'w' }), stamp);
  assert.equal(entryOf('a', again, '1-0a0b0c0d'), undefined);
  assert.equal(entryOf('a', again)?.version, '2-0a0b0c0d');
});

test('nothing older becomes current when the current version is destroyed', () => {
  const destroyed = withoutVersion(times(2, 'v'), '2-0a0b0c0d');
  assert.equal(entryOf('a', destroyed), undefined);
  assert.equal(entryOf('a', destroyed, '1-0a0b0c0d')?.version, '1-0a0b0c0d');
});

test('what changes nothing answers the same entry, so that nothing is written', () => {
  const once = times(1, 'v');
  assert.equal(withDeleted(once, false), once);
  assert.equal(withoutVersion(once, 'never'), once);
});

function times(count: number, value: string): StoredEntry {
  let last = written(undefined, entry('a', { k: value }), stamp);
  for (let at = 1; at < count; at++) {
    last = written(last, entry('a', { k: value }), stamp);
  }
  return last;
}
