import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  grownShards,
  shardFileIndex,
  shardFileName,
  shardLimit,
  shardOf,
  wantsGrowth,
} from '../../../../src/stores/file/placement.ts';

test('the shard of a path never changes between versions of Keywright', () => {
  assert.deepEqual(
    ['a', 'apps/orders', 'keywright/two-sites/logins/orders-app/orders_app_a'].map((path) => shardOf(path, 256)),
    [18, 63, 157],
  );
});

test('when the number of shards doubles, an entry stays or moves up by the old number', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(10), (path, exponent) => {
      const shards = 2 ** exponent;
      const before = shardOf(path, shards);
      assert.ok([before, before + shards].includes(shardOf(path, 2 * shards)));
    }),
  );
});

test('a shard file name has two digits, more from 256 on, and stands for one shard', () => {
  assert.equal(shardFileName(0), '00.age');
  assert.equal(shardFileName(255), 'ff.age');
  assert.equal(shardFileName(256), '100.age');
  for (const index of [0, 1, 15, 16, 255, 256, 4095]) {
    assert.equal(shardFileIndex(shardFileName(index)), index);
  }
  for (const name of ['0.age', '0000.age', '00.age.tmp', 'FF.age', 'store.json', '.age']) {
    assert.equal(shardFileIndex(name), undefined, name);
  }
});

test('growth ends with every shard below the limit when entries are small', () => {
  const sizes = new Map(Array.from({ length: 10_000 }, (_, at) => [`apps/service-${at}`, 300] as const));
  const shards = grownShards(1, sizes);
  const loads = Map.groupBy(sizes.keys(), (path) => shardOf(path, shards));
  assert.ok([...loads.values()].every((paths) => paths.length * 300 <= shardLimit));
  assert.ok(shards <= 128, `${shards} shards`);
});

test('one large entry does not make the store grow without end', () => {
  assert.equal(grownShards(1, new Map([['inventory', 10 * 1024]])), 1);
  assert.ok(
    grownShards(
      1,
      new Map([
        ['inventory', 512 * 1024],
        ['other', 10],
      ]),
    ) <= 64,
  );
  assert.ok(!wantsGrowth(32, 512 * 1024, 512 * 1024));
});
