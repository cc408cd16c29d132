/**
 * A process that uses a file store, for tests that kill it or run several of it at once:
 * `node file-store-writer.ts ROOT write PREFIX SIZE` writes for ever and prints `PATH NUMBER` for each acknowledged write,
 * `… count PATH TIMES` raises a number by check-and-set, `… hold` takes the lock and keeps it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CheckAndSetConflict } from '../../src/stores/backend.ts';
import { withFileLock } from '../../src/stores/file/lock.ts';
import { entry, present, values } from '../servers/stores/contract.ts';
import { openStore, placeIn } from './file-store.ts';

const [root = '', command, ...rest] = process.argv.slice(2);
const place = placeIn(root);

if (command === 'write') {
  await writeForEver(rest[0] ?? '', Number(rest[1]));
} else if (command === 'count') {
  await count(rest[0] ?? '', Number(rest[1]));
} else {
  await withFileLock(`${place.folder}/lock`, 'box', { timeout: 10_000 }, async () => {
    await say('held');
    // Held by a timer: a promise that nothing can fulfil would be collected, and the lock with it.
    await sleep(600_000);
  });
}

async function writeForEver(prefix: string, size: number): Promise<void> {
  const store = await openStore(place);
  let number = await highest(store, prefix);
  await say('ready');
  for (; ; number++) {
    const path = `${prefix}/${number % 7}/${Math.floor(number / 20)}`;
    await store.write(entry(path, { number: `${number}`, filler: `${number} `.repeat(size) }));
    await say(`${path} ${number}`);
  }
}

async function highest(store: Awaited<ReturnType<typeof openStore>>, prefix: string): Promise<number> {
  let next = 0;
  for (const { path } of await store.list(prefix)) {
    next = Math.max(next, Number(values(await present(store, path))['number']) + 1);
  }
  return next;
}

async function count(path: string, times: number): Promise<void> {
  const store = await openStore(place);
  await say('ready');
  for (let done = 0; done < times;) {
    const answer = await store.read(path);
    const expect = answer.state === 'present' ? answer.seen.version : 'absent';
    const before = answer.state === 'present' ? Number(values(answer.seen)['number']) : 0;
    try {
      await store.write(entry(path, { number: `${before + 1}` }, { expect }));
      done++;
    } catch (error) {
      if (!(error instanceof CheckAndSetConflict)) {
        throw error;
      }
    }
  }
  await store.close();
}

/** Fulfilled when the line is in the pipe, so that what was said was acknowledged before a kill. */
function say(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
}
