import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { makeOwnedFolder } from '../../../src/targets/process/owned-file.ts';

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp('/tmp/kwt-owned-');
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Modes in which somebody who looks all the time sees each folder first. */
const looking = `
const { statSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
parentPort.postMessage('looks');
const seen = workerData.map((path) => {
  for (;;) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined) return found.mode & 0o777;
  }
});
parentPort.postMessage(seen);
`;

test('a folder is there with its mode or not at all, so that a run that is killed leaves none that nobody can enter', async (t) => {
  const folder = await scratch(t);
  const paths = Array.from({ length: 200 }, (_, at) => join(folder, String(at)));
  const worker = new Worker(looking, { eval: true, workerData: paths });
  t.after(() => worker.terminate());
  const seen = await new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message) => {
      if (message === 'looks') {
        void (async () => {
          for (const path of paths) {
            await makeOwnedFolder(path, 0o777, undefined);
          }
        })().catch(reject);
      } else {
        resolve(message);
      }
    });
  });
  assert.deepEqual(
    (seen as number[]).filter((mode) => mode !== 0o777),
    [],
  );
  assert.equal((await readdir(folder)).length, paths.length, 'nothing else is left');
});

test('parents are made, too, and what is there stays as it is', async (t) => {
  const folder = await scratch(t);
  const path = join(folder, 'a', 'b');
  await Promise.all([makeOwnedFolder(path, 0o700, undefined), makeOwnedFolder(path, 0o700, undefined)]);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o755);
  const theirs = join(folder, 'theirs');
  await mkdir(theirs, { mode: 0o750 });
  await writeFile(join(theirs, 'file'), '');
  await makeOwnedFolder(theirs, 0o700, undefined);
  assert.equal((await stat(theirs)).mode & 0o777, 0o750);
  assert.deepEqual((await readdir(folder)).toSorted(), ['a', 'theirs']);
});

test('whoever makes a folder may use it at once, though others are making it too', async (t) => {
  const folder = await scratch(t);
  const users = Array.from({ length: 6 }, (_, at) => at);
  for (let round = 0; round < 200; round++) {
    const path = join(folder, 'parent', String(round));
    await Promise.all(
      users.map(async (user) => {
        await makeOwnedFolder(path, 0o755, undefined);
        await writeFile(join(path, String(user)), '');
      }),
    );
    assert.equal((await readdir(path)).length, users.length);
  }
});
