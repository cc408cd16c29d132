import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../../../src/model/failure.ts';
import { openFileStore } from '../../../../src/stores/file/open.ts';
import { entry, values } from '../../../servers/stores/contract.ts';
import { openStore, realEnvironment, storePlace } from '../../../support/file-store.ts';

/** A change of a file's bytes: some of them altered, then perhaps the end cut off or bytes appended. */
const damage = fc.record({
  flips: fc.array(
    fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), by: fc.integer({ min: 1, max: 255 }) }),
    {
      maxLength: 4,
    },
  ),
  keep: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: 1 }),
  append: fc.uint8Array({ maxLength: 8 }),
});

for (const file of ['shards/00.age', 'store.json']) {
  test(`whatever bytes of ${file} change, a read answers the truth or a Failure that names the store`, async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    await session.write(entry('apps/orders', { password: 'the truth' }));
    const path = join(place.folder, file);
    const whole = await readFile(path);
    await fc.assert(
      fc.asyncProperty(damage, async ({ flips, keep, append }) => {
        const bytes = Buffer.concat([whole.subarray(0, Math.ceil(whole.length * keep)), append]);
        for (const { at, by } of flips) {
          bytes[Math.floor(bytes.length * at)]! ^= by;
        }
        await writeFile(path, bytes);
        try {
          const answer = await openFileStore({ ...place, name: 'box', mayCreate: true, environment: realEnvironment });
          assert.equal(answer.state, 'present');
          const read = await answer.seen.read('apps/orders');
          assert.equal(read.state, 'present', 'a damaged entry must not look absent');
          assert.deepEqual(values(read.seen), { password: 'the truth' });
        } catch (error) {
          assert.ok(error instanceof Failure, error instanceof Error ? error : String(error));
          assert.equal(error.details.object, 'store/box');
          assert.ok(!`${error.message} ${JSON.stringify(error.details)}`.includes('the truth'));
        }
      }),
      { numRuns: 300 },
    );
    await writeFile(path, whole);
    assert.equal((await session.read('apps/orders')).state, 'present');
  });
}

test('any sequence of operations leaves what a plain map of the same operations holds', async (t) => {
  const path = fc.constantFrom('a', 'a/b', 'a/c', 'd');
  const operation = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), path, value: fc.string({ unit: 'grapheme' }) }),
    fc.record({ kind: fc.constantFrom('delete', 'undelete', 'destroy', 'read', 'reopen'), path }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
      const place = await storePlace(t);
      let session = await openStore(place);
      const model = new Map<string, { value: string; deleted: boolean }>();
      for (const each of operations) {
        const known = model.get(each.path);
        if ('value' in each) {
          await session.write(entry(each.path, { [each.value]: each.value }));
          model.set(each.path, { value: each.value, deleted: false });
        } else if (each.kind === 'delete') {
          await session.delete(each.path);
          if (known) {
            model.set(each.path, { ...known, deleted: true });
          }
        } else if (each.kind === 'undelete' && known) {
          await session.undelete(each.path);
          model.set(each.path, { ...known, deleted: false });
        } else if (each.kind === 'destroy') {
          await session.destroy(each.path);
          model.delete(each.path);
        } else if (each.kind === 'reopen') {
          session = await openStore(place);
        }
        const now = model.get(each.path);
        const answer = await session.read(each.path);
        assert.equal(answer.state, now === undefined || now.deleted ? 'absent' : 'present');
        if (answer.state === 'present') {
          assert.deepEqual(values(answer.seen), { [now?.value ?? '']: now?.value });
        }
      }
      const listed = (await session.list('')).map((info) => [info.path, info.deleted] as const);
      const known = [...model].map(([at, { deleted }]) => [at, deleted] as const);
      assert.deepEqual(
        listed,
        known.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      );
    }),
    { numRuns: 30 },
  );
});
