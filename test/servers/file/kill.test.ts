import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspectFolder } from '../../../src/targets/file/inspect.ts';
import { fileNames, owner, writerId } from '../../support/generation-writer.ts';

const writer = fileURLToPath(new URL('../../support/generation-writer.ts', import.meta.url));
const context = { fleet: 'test', fingerprint: () => '' };

/** One read as a consumer does it: where `..data` leads, then every file there. Undefined: it was tidied away meanwhile. */
async function readGeneration(folder: string): Promise<readonly string[] | undefined> {
  const generation = join(folder, await readlink(join(folder, '..data')));
  try {
    return await Promise.all(fileNames.map((name) => readFile(join(generation, name), 'utf8')));
  } catch (error) {
    // Two generations came while it was read; the reader begins again.
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT');
    assert.notEqual(
      join(folder, await readlink(join(folder, '..data'))),
      generation,
      'the current generation lacks a file',
    );
    return undefined;
  }
}

test('a reader sees one whole generation at every moment, while the writer is killed sixty times', async (t) => {
  const parent = await mkdtemp('/tmp/kwt-kill-');
  const folder = join(parent, 'consumers/app');
  await mkdir(dirname(folder));
  t.after(() => rm(parent, { recursive: true, force: true }));
  let reads = 0;
  let reading = true;
  const reader = (async () => {
    while (reading) {
      const contents = await readGeneration(folder).catch((error: unknown) => {
        // The folder itself appears with the first generation.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT' && reads === 0) {
          return undefined;
        }
        throw error;
      });
      if (contents === undefined) {
        await delay(1);
      } else {
        assert.equal(new Set(contents).size, 1, 'two generations were mixed');
        assert.ok((contents[0]?.length ?? 0) > 0 && (contents[0]?.length ?? 0) % 48 === 0, 'a file was cut short');
        reads += 1;
      }
    }
  })();
  reader.catch(() => {});
  for (let kill = 0; kill < 60; kill++) {
    const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await delay(Math.random() * 60);
    child.kill('SIGKILL');
    await once(child, 'exit');
    if (reads > 0) {
      const found = await inspectFolder(folder, writerId, owner(), context);
      assert.equal(new Set([...(found?.contents.values() ?? [])].map(String)).size, 1, `after kill ${kill}`);
      assert.equal(found?.contents.size, fileNames.length);
    }
  }
  reading = false;
  await reader;
  assert.ok(reads > 60, `only ${reads} reads`);

  // What the killed runs left is gone after the next whole one.
  const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const before = await readlink(join(folder, '..data'));
  while ((await readlink(join(folder, '..data'))) === before) {
    await delay(2);
  }
  const second = await readlink(join(folder, '..data'));
  while ((await readlink(join(folder, '..data'))) === second) {
    await delay(2);
  }
  child.kill('SIGSTOP');
  const left = (await readdir(folder)).filter((name) => /^\.\.\d/.test(name));
  assert.ok(left.length <= 4, left.join(' '));
  child.kill('SIGKILL');
  await once(child, 'exit');
});
