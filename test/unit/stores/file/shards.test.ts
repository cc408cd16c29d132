import assert from 'node:assert/strict';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { shardFileName, shardLimit, shardOf } from '../../../../src/stores/file/placement.ts';
import { entry, present, values } from '../../../servers/stores/contract.ts';
import { openStore, storePlace } from '../../../support/file-store.ts';
import type { StorePlace } from '../../../support/file-store.ts';

const tenThousand = Array.from({ length: 10_000 }, (_, at) => `apps/team-${at % 100}/service-${at}/password`);

describe('the shards of a store with 10,000 secrets', () => {
  test('are all small, and a write rewrites exactly one of them', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    const results = await session.writeMany(tenThousand.map((path) => entry(path, { password: `p-${path}` })));
    assert.ok([...results.values()].every((result) => !(result instanceof Error)));
    const before = await files(place);
    assert.ok(before.size >= 32, `${before.size} shards`);
    for (const [name, { size }] of before) {
      assert.ok(size <= shardLimit, `${name} has ${size} bytes`);
    }
    const path = tenThousand[4_321] ?? '';
    const other = await openStore(place);
    await other.write(entry(path, { password: 'new' }));
    const after = await files(place);
    assert.deepEqual(changes(before, after), [shardFileName(shardOf(path, before.size))]);

    // One read needs one shard: with all others gone, it still answers.
    for (const name of after.keys()) {
      if (name !== shardFileName(shardOf(path, before.size))) {
        await writeFile(join(place.folder, 'shards', name), 'not a shard');
      }
    }
    assert.deepEqual(values(await present(await openStore(place), path)), { password: 'new' });
  });

  test('are each written once by a write of many entries', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    await session.writeMany(tenThousand.map((path) => entry(path, { password: 'p' })));
    const before = await head(place);
    const touched = tenThousand.slice(0, 40);
    await session.writeMany(touched.map((path) => entry(path, { password: 'q' })));
    const after = await head(place);
    const expected = before.counters.map((counter, index) =>
      touched.some((path) => shardOf(path, before.shards) === index) ? counter + 1 : counter,
    );
    assert.deepEqual(after.counters, expected);
  });
});

test('a store begins with one shard and doubles when one is above 64 KiB, losing nothing', async (t) => {
  const place = await storePlace(t);
  const session = await openStore(place);
  const observer = await openStore(place);
  const counts = new Set<number>();
  const written: string[] = [];
  for (let at = 0; at < 60; at++) {
    const path = `apps/${at}`;
    await session.write(entry(path, { k: `${at}`.repeat(3_000) }, { metadata: { at: `${at}` } }));
    written.push(path);
    counts.add((await head(place)).shards);
    assert.deepEqual(values(await present(observer, path)), { k: `${at}`.repeat(3_000) });
  }
  assert.deepEqual([...counts].slice(0, 3), [1, 2, 4]);
  assert.equal((await head(place)).growing, false);
  assert.deepEqual(
    (await observer.list('')).map((info) => info.path),
    written.toSorted(),
  );
  assert.equal((await readdir(join(place.folder, 'shards'))).length, (await head(place)).shards);
  for (const [name, { size }] of await files(place)) {
    assert.ok(size <= shardLimit, `${name} has ${size} bytes`);
  }
});

test('versions and metadata survive growth', async (t) => {
  const place = await storePlace(t);
  const session = await openStore(place);
  const first = await session.write(entry('apps/orders', { k: 'one' }, { metadata: { a: 'b' } }));
  const second = await session.write(entry('apps/orders', { k: 'two' }));
  await session.write(entry('apps/deleted', { k: 'one' }));
  await session.delete('apps/deleted');
  await session.writeMany(Array.from({ length: 200 }, (_, at) => entry(`bulk/${at}`, { k: 'x'.repeat(2_000) })));
  assert.ok((await head(place)).shards >= 8);
  assert.deepEqual(values(await present(session, 'apps/orders', first.version)), { k: 'one' });
  const seen = await present(session, 'apps/orders');
  assert.equal(seen.version, second.version);
  assert.deepEqual(seen.metadata, { a: 'b' });
  await session.undelete('apps/deleted');
  assert.deepEqual(values(await present(session, 'apps/deleted')), { k: 'one' });
});

test('what changes nothing writes nothing', async (t) => {
  const place = await storePlace(t);
  const session = await openStore(place);
  const { version } = await session.write(entry('a', { k: 'v' }));
  const before = await files(place);
  await session.destroy('never');
  await session.delete('never');
  await session.undelete('a');
  await session.destroyVersion('a', 'never');
  await assert.rejects(session.write(entry('a', { k: 'w' }, { expect: 'absent' })));
  await session.read('a', version);
  await session.list('');
  assert.deepEqual(await files(place), before);
});

test('one path twice in one write is refused, and neither is written', async (t) => {
  const session = await openStore(await storePlace(t));
  const results = await session.writeMany([entry('a', { k: '1' }), entry('a', { k: '2' }), entry('b', { k: '3' })]);
  assert.ok(results.get('a') instanceof Error);
  assert.equal((await session.read('a')).state, 'absent');
  assert.deepEqual(values(await present(session, 'b')), { k: '3' });
});

test('an interrupted session starts no more writes', async (t) => {
  const controller = new AbortController();
  const session = await openStore(await storePlace(t), { signal: controller.signal });
  await session.write(entry('a', { k: 'v' }));
  controller.abort();
  await assert.rejects(session.write(entry('a', { k: 'w' })), { name: 'AbortError' });
});

async function files({
  folder,
}: StorePlace): Promise<ReadonlyMap<string, { size: number; ino: bigint; mtime: bigint }>> {
  const found = new Map<string, { size: number; ino: bigint; mtime: bigint }>();
  for (const name of (await readdir(join(folder, 'shards'))).toSorted()) {
    const { size, ino, mtimeNs } = await stat(join(folder, 'shards', name), { bigint: true });
    found.set(name, { size: Number(size), ino, mtime: mtimeNs });
  }
  return found;
}

function changes(
  before: ReadonlyMap<string, { ino: bigint; mtime: bigint }>,
  after: ReadonlyMap<string, { ino: bigint; mtime: bigint }>,
): readonly string[] {
  assert.deepEqual([...before.keys()], [...after.keys()]);
  return [...after]
    .filter(([name, { ino, mtime }]) => before.get(name)?.ino !== ino || before.get(name)?.mtime !== mtime)
    .map(([name]) => name);
}

async function head({ folder }: StorePlace): Promise<{ shards: number; counters: number[]; growing: boolean }> {
  return JSON.parse(await readFile(join(folder, 'store.json'), 'utf8')) as Awaited<ReturnType<typeof head>>;
}
