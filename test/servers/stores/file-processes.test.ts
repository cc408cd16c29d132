import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../../src/model/failure.ts';
import { openStore, storePlace } from '../../support/file-store.ts';
import type { StorePlace } from '../../support/file-store.ts';
import { entry, present, values } from './contract.ts';

const rounds = 24;

test('no acknowledged write is lost when writers are killed at random moments', async (t) => {
  const place = await storePlace(t);
  await openStore(place);
  const acknowledged = new Map<string, number>();
  let kills = 0;
  for (let round = 0; round < rounds; round++) {
    // Two writers at once, so that one of them may wait for the lock of the other when that is killed.
    await Promise.all(
      ['left', 'right'].map(async (prefix) => {
        const writer = run(t, place, ['write', prefix, '1000']);
        await writer.said('ready');
        await sleep(Math.random() * 150);
        writer.child.kill('SIGKILL');
        kills++;
        for (const line of await writer.lines()) {
          const [path, number] = line.split(' ');
          if (path !== undefined && number !== undefined) {
            acknowledged.set(path, Number(number));
          }
        }
      }),
    );
    const session = await openStore(place, { mayCreate: false });
    const answers = await session.readMany([...acknowledged.keys()]);
    for (const [path, number] of acknowledged) {
      const answer = answers.get(path);
      assert.equal(answer?.state, 'present', `${path} after round ${round}`);
      const seen = values(answer.seen);
      // The write after the last acknowledged one may have arrived without its acknowledgement.
      assert.ok(Number(seen['number']) >= number, `${path} has ${seen['number']}, acknowledged was ${number}`);
      assert.equal(seen['filler'], `${seen['number']} `.repeat(1_000));
    }
    assert.equal((await session.list('')).filter((info) => info.deleted).length, 0);
    await session.close();
  }
  const { shards } = JSON.parse(await readFile(join(place.folder, 'store.json'), 'utf8')) as { shards: number };
  t.diagnostic(`${kills} kills, ${acknowledged.size} entries, ${shards} shards`);
  assert.equal(kills, 2 * rounds);
  assert.ok(shards > 1, 'the store grew meanwhile');
});

test('four processes that count by check-and-set lose no count', async (t) => {
  const place = await storePlace(t);
  await openStore(place);
  const counters = Array.from({ length: 4 }, () => run(t, place, ['count', 'shared/counter', '40']));
  const codes = await Promise.all(counters.map((counter) => counter.ended));
  assert.deepEqual(codes, [0, 0, 0, 0]);
  const session = await openStore(place);
  const seen = await present(session, 'shared/counter');
  assert.deepEqual(values(seen), { number: '160' });
  assert.match(seen.version, /^160-/);
});

test('four processes that make one store at once make one store', async (t) => {
  const place = await storePlace(t);
  const counters = ['a', 'b', 'c', 'd'].map((path) => run(t, place, ['count', path, '5']));
  assert.deepEqual(await Promise.all(counters.map((counter) => counter.ended)), [0, 0, 0, 0]);
  const session = await openStore(place, { mayCreate: false });
  for (const path of ['a', 'b', 'c', 'd']) {
    assert.deepEqual(values(await present(session, path)), { number: '5' });
  }
});

test('a writer that hangs is named after a while, and its lock ends with it', async (t) => {
  const place = await storePlace(t);
  const session = await openStore(place, { lockTimeout: 200 });
  await session.write(entry('a', { k: 'v' }));
  const holder = run(t, place, ['hold']);
  await holder.said('held');
  holder.child.kill('SIGSTOP');
  await assert.rejects(session.write(entry('a', { k: 'w' })), (error: Failure) => {
    assert.ok(error instanceof Failure, error);
    assert.equal(error.code, 'store-locked');
    assert.equal(error.exitCode, 3);
    if (process.platform === 'linux') {
      assert.ok(error.message.includes(`process ${holder.child.pid}`), error.message);
    }
    return true;
  });
  assert.deepEqual(values(await present(session, 'a')), { k: 'v' });
  holder.child.kill('SIGKILL');
  await holder.ended;
  await session.write(entry('a', { k: 'w' }));
  assert.deepEqual(values(await present(session, 'a')), { k: 'w' });
});

test('waiting for the lock ends when the run is interrupted', async (t) => {
  const place = await storePlace(t);
  const controller = new AbortController();
  const session = await openStore(place, { signal: controller.signal });
  const holder = run(t, place, ['hold']);
  await holder.said('held');
  const write = session.write(entry('a', { k: 'w' }));
  controller.abort();
  await assert.rejects(write, { name: 'AbortError' });
});

interface Running {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  /** Exit code. */
  readonly ended: Promise<number | null>;
  /** Fulfilled when the process has printed this line. */
  said(line: string): Promise<void>;
  /** All lines, once the process has ended and the pipe is read to its end. */
  lines(): Promise<readonly string[]>;
}

function run(t: TestContext, { root }: StorePlace, commands: readonly string[]): Running {
  const script = fileURLToPath(new URL('../../support/file-store-writer.ts', import.meta.url));
  const child = spawn(process.execPath, [script, root, ...commands], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const seen: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => seen.push(line));
  const closed = once(reader, 'close');
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    ended,
    async said(line) {
      while (!seen.includes(line)) {
        await Promise.race([once(reader, 'line'), ended.then(() => assert.fail(`ended without saying ${line}`))]);
      }
    },
    async lines() {
      await Promise.all([closed, ended]);
      return seen;
    },
  };
}
