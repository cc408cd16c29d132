/*
 * A kill at every single step that changes the disk. This process stops a session before its n-th such step for good
 * (half of the bytes written, where it is a write of bytes), copies what is on the disk, as a killed process would leave
 * it, and looks at the copy with a new session; for n = 1, 2, 3 … until the session comes to its end.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { FileStore } from '../../../src/stores/file/file-store.ts';

const original = { ...fs };
const opened = new Set<fs.FileHandle>();
const steps = { left: Number.POSITIVE_INFINITY, reached: (): void => undefined };
await stopAtSteps();

// After the patch, so that the store sees it.
const { openStore, placeIn, realEnvironment, storePlace } = await import('../../support/file-store.ts');
const { shardOf } = await import('../../../src/stores/file/placement.ts');
const { openFileStore } = await import('../../../src/stores/file/open.ts');
const { entry, present, values } = await import('./contract.ts');
type Place = Awaited<ReturnType<typeof storePlace>>;

test('a store that was being made is made by the next run, wherever the first was killed', async (t) => {
  const base = await storePlace(t);
  const points = await atEveryStep(
    t,
    base,
    async (place) => void (await openStore(place)),
    async (place) => {
      const looked = await openFileStore({ ...place, name: 'box', mayCreate: false, environment: realEnvironment });
      assert.ok(['notYet', 'present'].includes(looked.state), looked.state);
      const session = await openStore(place);
      await session.write(entry('a', { k: 'v' }));
      const again = await openStore(place, { mayCreate: false });
      assert.deepEqual(values(await present(again, 'a')), { k: 'v' });
      assert.equal(await again.identity(), await session.identity());
      assert.deepEqual(
        (await original.readdir(join(place.root, '.keywright'))).filter((name) => name.includes('key')),
        ['key.txt'],
      );
      assert.deepEqual((await original.readdir(place.folder)).toSorted(), ['lock', 'shards', 'store.json']);
    },
  );
  assert.ok(points > 15, `${points} steps`);
});

test('a write is there whole or not at all, wherever it was killed', async (t) => {
  const base = await storePlace(t);
  const session = await openStore(base);
  await session.write(entry('a', { k: 'old' }));
  await session.write(entry('b', { k: 'kept' }));
  const write = async (place: Place) => void (await (await openStore(place)).write(entry('a', { k: 'new' })));
  const points = await atEveryStep(t, base, write, async (place, ended) => {
    const again = await openStore(place, { mayCreate: false });
    const { k } = values(await present(again, 'a'));
    assert.ok(k === 'new' || (k === 'old' && !ended), k);
    assert.deepEqual(values(await present(again, 'b')), { k: 'kept' });
    await again.write(entry('a', { k: 'newer' }));
    assert.deepEqual(values(await present(again, 'a')), { k: 'newer' });
    assert.deepEqual(
      (await again.list('')).map((info) => info.path),
      ['a', 'b'],
    );
    assert.deepEqual(await original.readdir(join(place.folder, 'shards')), ['00.age']);
  });
  assert.ok(points > 8, `${points} steps`);
});

test('a growing store loses nothing and keeps no copy of what is destroyed, wherever it was killed', async (t) => {
  const base = await storePlace(t);
  const session = await openStore(base);
  const paths = Array.from({ length: 29 }, (_, at) => `apps/${at}`);
  for (const path of paths) {
    await session.write(entry(path, { k: path.padEnd(2_000, '.') }));
  }
  assert.equal((await original.readdir(join(base.folder, 'shards'))).length, 1);
  // One that moves when the store grows. Destroyed after an interrupted growth, it leaves a store that is not grown again.
  const large = Array.from({ length: 20 }, (_, at) => `large/${at}`).find((path) => shardOf(path, 2) === 1) ?? '';
  const write = async (place: Place) => {
    await (await openStore(place)).write(entry(large, { k: 'x'.repeat(6_000) }));
  };
  const points = await atEveryStep(t, base, write, async (place, ended) => {
    const again = await openStore(place, { mayCreate: false });
    for (const path of paths) {
      assert.deepEqual(values(await present(again, path)), { k: path.padEnd(2_000, '.') });
    }
    assert.ok(!ended || (await again.read(large)).state === 'present');
    const listed = (await again.list('apps')).map((info) => info.path);
    assert.deepEqual(listed, paths.toSorted());
    for (const path of [large, ...paths.slice(0, 2)]) {
      await again.destroy(path);
      assert.equal(await copies(again, place, path), 0, `${path} outlived its destruction`);
    }
    await again.write(entry(large, { k: 'y'.repeat(20_000) }));
    const head = JSON.parse(await original.readFile(join(place.folder, 'store.json'), 'utf8')) as {
      growing: boolean;
      shards: number;
    };
    assert.equal(head.growing, false);
    assert.ok(head.shards > 1);
    assert.equal((await original.readdir(join(place.folder, 'shards'))).length, head.shards);
  });
  assert.ok(points > 30, `${points} steps`);
});

test('a write of many entries leaves each whole, wherever it was killed', async (t) => {
  const base = await storePlace(t);
  const session = await openStore(base);
  const paths = Array.from({ length: 40 }, (_, at) => `apps/${at}`);
  await session.writeMany(paths.map((path) => entry(path, { k: 'old'.padEnd(4_000, '.') })));
  assert.ok((await original.readdir(join(base.folder, 'shards'))).length >= 4);
  const write = async (place: Place) => {
    await (await openStore(place)).writeMany(paths.map((path) => entry(path, { k: 'new' })));
  };
  await atEveryStep(t, base, write, async (place, ended) => {
    const again = await openStore(place, { mayCreate: false });
    const answers = await again.readMany(paths);
    for (const path of paths) {
      const answer = answers.get(path);
      assert.equal(answer?.state, 'present');
      const { k = '' } = values(answer.seen);
      assert.ok(k === 'new' || (!ended && k === 'old'.padEnd(4_000, '.')));
    }
  });
});

/** Answers how many steps there were. `look` is told whether the work came to its end. */
async function atEveryStep(
  t: TestContext,
  base: Place,
  work: (place: Place) => Promise<void>,
  look: (place: Place, ended: boolean) => Promise<void>,
): Promise<number> {
  for (let step = 1; ; step++) {
    const place = await copyOf(t, base);
    const stopped = new Promise<boolean>((resolve) => (steps.reached = () => resolve(false)));
    steps.left = step;
    const ended = await Promise.race([work(place).then(() => true), stopped]).finally(() => {
      steps.left = Number.POSITIVE_INFINITY;
    });
    // Those that were closed already do not mind.
    await Promise.all([...opened].map((handle) => handle.close()));
    opened.clear();
    // A copy, because the session that was stopped still holds the lock of the place that it worked in.
    try {
      await look(await copyOf(t, place), ended);
    } catch (error) {
      throw new Error(`killed before step ${step}`, { cause: error });
    }
    if (ended) {
      return step - 1;
    }
  }
}

async function copyOf(t: TestContext, { root }: Place): Promise<Place> {
  const copy = await storePlace(t);
  await original.cp(root, copy.root, { recursive: true, filter: (path) => !path.endsWith('/lock') });
  return placeIn(copy.root);
}

/** In how many files of the store, decrypted, a path occurs. */
async function copies(session: FileStore, place: Place, path: string): Promise<number> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity(/AGE-SECRET-KEY-1\w+/.exec(await original.readFile(place.identityFile, 'utf8'))?.[0] ?? '');
  let found = 0;
  for (const name of await original.readdir(join(place.folder, 'shards'))) {
    const sealed = await original.readFile(join(place.folder, 'shards', name));
    // What was cut short when it was written cannot be read by anybody beyond its whole chunks; it must not be there.
    const plain = await decrypter.decrypt(sealed, 'text').catch(() => JSON.stringify(path));
    found += plain.includes(JSON.stringify(path)) ? 1 : 0;
  }
  assert.equal((await session.read(path)).state, 'absent');
  return found;
}

async function stopAtSteps(): Promise<void> {
  fs.mkdir = stopping(original.mkdir) as typeof fs.mkdir;
  fs.rename = stopping(original.rename);
  fs.link = stopping(original.link);
  fs.rm = stopping(original.rm);
  fs.open = async (path, flags, mode) => {
    if (typeof flags === 'number' && (flags & fs.constants.O_CREAT) !== 0) {
      await beforeStep();
    }
    const handle = await original.open(path, flags, mode);
    opened.add(handle);
    return handle;
  };
  const handle = await original.open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as Awaited<ReturnType<typeof fs.open>>;
  await handle.close();
  const { writeFile, sync, chmod } = prototype;
  prototype.sync = stopping(sync);
  prototype.chmod = stopping(chmod);
  prototype.writeFile = async function (this: typeof prototype, data, options) {
    await beforeStep(async () => {
      const bytes = Buffer.from(data as Uint8Array);
      await writeFile.call(this, bytes.subarray(0, Math.floor(bytes.length / 2)));
    });
    return writeFile.call(this, data, options);
  };
  syncBuiltinESMExports();
}

function stopping<This, Parameters extends unknown[], Result>(
  step: (this: This, ...parameters: Parameters) => Promise<Result>,
): (this: This, ...parameters: Parameters) => Promise<Result> {
  return async function (this: This, ...parameters) {
    await beforeStep();
    return step.apply(this, parameters);
  };
}

async function beforeStep(last: () => Promise<void> = async () => undefined): Promise<void> {
  steps.left--;
  if (steps.left === 0) {
    await last();
    steps.reached();
    await new Promise(() => undefined);
  }
}
