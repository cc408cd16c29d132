import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { selectTests } from '../../../scripts/test-runner/select.ts';

const root = mkdtempSync(join(tmpdir(), 'keywright-select-'));
after(() => rmSync(root, { recursive: true }));
for (const file of [
  'unit/a/one.test.ts',
  'unit/two.test.ts',
  'unit/helper.ts',
  'servers/one.test.ts',
  'end-to-end/up.test.ts',
]) {
  mkdirSync(dirname(join(root, 'test', file)), { recursive: true });
  writeFileSync(join(root, 'test', file), '');
}

function selected(...args: readonly string[]) {
  const { unit, separate } = selectTests(args, root);
  return { unit: unit?.files ?? [], separate: separate.map(({ files }) => files.join()) };
}

describe('the selection of test files', () => {
  test('puts the unit tests together, and every other file by itself', () => {
    assert.deepEqual(selected(), {
      unit: ['test/unit/a/one.test.ts', 'test/unit/two.test.ts'],
      separate: ['test/servers/one.test.ts', 'test/end-to-end/up.test.ts'],
    });
  });

  test('keeps the files whose path contains one of the filters', () => {
    assert.deepEqual(selected('one', 'end-to-end'), {
      unit: ['test/unit/a/one.test.ts'],
      separate: ['test/servers/one.test.ts', 'test/end-to-end/up.test.ts'],
    });
    assert.deepEqual(selected('./test/unit/two.test.ts'), { unit: ['test/unit/two.test.ts'], separate: [] });
  });

  test('has only unit tests with --unit', () => {
    assert.deepEqual(selected('--unit').separate, []);
  });

  test('refuses a filter that matches nothing, and an option that it does not know', () => {
    assert.throws(() => selected('three'), /No test file matches three/);
    assert.throws(() => selected('--watch'), /Unknown option/);
  });
});
