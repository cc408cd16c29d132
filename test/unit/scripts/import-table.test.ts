import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { importTable, mayImport } from '../../../scripts/import-table.ts';

describe('the import table', () => {
  test('has every room of src/', () => {
    const rooms = readdirSync(join(import.meta.dirname, '../../../src'), { withFileTypes: true });
    const unlisted = rooms.filter((room) => room.isDirectory() && importTable[room.name] === undefined);
    assert.deepEqual(unlisted, []);
  });

  test('names only rooms that it has', () => {
    const named = Object.values(importTable).flatMap((entries) =>
      entries.map((entry) => /^!?([^/]+)/.exec(entry)?.[1]),
    );
    const unknown = named.filter((room) => room !== '*' && importTable[room ?? ''] === undefined);
    assert.deepEqual(unknown, []);
  });

  const cases: readonly (readonly [room: string, imported: string, allowed: boolean])[] = [
    ['model', 'model/ids.ts', true],
    ['model', 'fleet/load.ts', false],
    ['fleet', 'model/ids.ts', true],
    ['stores', 'authority/keys.ts', true],
    ['stores', 'targets/store/secret.ts', false],
    ['compile', 'targets/postgres/role.spec.ts', true],
    ['compile', 'targets/postgres/role.ts', false],
    ['compile', 'targets/role.spec.ts', false],
    ['compile', 'proofs/login.spec.ts', true],
    ['compile', 'proofs/login.ts', false],
    ['targets', 'engine/interfaces.ts', true],
    ['targets', 'engine/plan.ts', false],
    ['engine', 'targets/postgres/role.ts', false],
    ['controller', 'operations/rotate.ts', true],
    ['controller', 'dashboard/server.ts', false],
    ['dashboard', 'cli/main.ts', false],
    ['cli', 'operations/rotate.ts', true],
    ['unheard-of', 'model/ids.ts', false],
    ['unheard-of', 'unheard-of/a.ts', false],
  ];
  for (const [room, imported, allowed] of cases) {
    test(`${allowed ? 'lets' : 'does not let'} ${room} import ${imported}`, () => {
      assert.equal(mayImport(room, imported), allowed);
    });
  }
});
