import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { acquireLock, readLock, removeLock } from '../../../src/engine/lock.ts';
import type { LockOptions } from '../../../src/engine/lock.ts';
import type { Home } from '../../../src/engine/home.ts';
import { ownIdentity } from '../../../src/engine/process-identity.ts';
import { Failure } from '../../../src/model/failure.ts';
import { openTestStore, testFolder } from '../../support/engine-run.ts';

type Cleanable = Parameters<typeof testFolder>[0];

async function home(t: Cleanable): Promise<Home & { readonly folder: string }> {
  const folder = await testFolder(t);
  return { fleet: 'f', name: 'box', store: await openTestStore(folder), folder };
}

const options: LockOptions = { command: 'apply', now: () => new Date() };
const elsewhere = { ...ownIdentity(), host: 'another-host' };
const codeOf = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

describe('the lock of a fleet', () => {
  it('is held by one run, and names it to the next', async (t) => {
    const place = await home(t);
    const lock = await acquireLock(place, options);
    await assert.rejects(acquireLock(place, options), (error: unknown) => {
      return codeOf('fleet-locked')(error) && (error as Failure).message.includes(`process ${process.pid}`);
    });
    await lock.release();
    const next = await acquireLock(place, options);
    assert.equal(next.contended, false);
    await next.release();
  });

  it('goes to exactly one of many that want it at once', async (t) => {
    const place = await home(t);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(place, options)));
    const held = results.filter(({ status }) => status === 'fulfilled');
    assert.equal(held.length, 1);
    await (held[0] as PromiseFulfilledResult<Awaited<ReturnType<typeof acquireLock>>>).value.release();
  });

  it('is waited for, and the one who waited knows that others were at work', async (t) => {
    const place = await home(t);
    const lock = await acquireLock(place, options);
    const waiting = acquireLock(place, { ...options, waitMilliseconds: 20_000, onWait: () => void lock.release() });
    const next = await waiting;
    assert.equal(next.contended, true);
    await next.release();
  });

  it('of a process that was killed on this machine is taken over at once', async (t) => {
    const place = await home(t);
    const script = `
      import { acquireLock } from ${JSON.stringify(new URL('../../../src/engine/lock.ts', import.meta.url).href)};
      import { openTestStore } from ${JSON.stringify(new URL('../../support/engine-run.ts', import.meta.url).href)};
      const store = await openTestStore(${JSON.stringify(place.folder)});
      await acquireLock({ fleet: 'f', name: 'box', store }, { command: 'apply', now: () => new Date() });
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    const { holder } = await readLock(place);
    assert.equal(holder?.pid, child.pid);
    const lock = await acquireLock(place, options);
    assert.equal(lock.contended, true);
    await lock.release();
  });

  it('of another host is taken over only when its time is over', async (t) => {
    const place = await home(t);
    await acquireLock(place, { ...options, self: elsewhere, lifetimeMilliseconds: 60_000, beatMilliseconds: 1e6 });
    await assert.rejects(acquireLock(place, options), codeOf('fleet-locked'));
    const later = (): Date => new Date(Date.now() + 61_000);
    const lock = await acquireLock(place, { ...options, now: later });
    await lock.release();
  });

  it('is renewed while it is held', async (t) => {
    const place = await home(t);
    const lock = await acquireLock(place, { ...options, lifetimeMilliseconds: 10_000, beatMilliseconds: 20 });
    const { expires } = lock.holder;
    while ((await readLock(place)).holder?.expires === expires) {
      await delay(10);
    }
    lock.guard();
    await lock.release();
    assert.equal((await readLock(place)).holder, undefined);
  });

  it('that was taken away lets nothing more be written, and is not freed for the new holder', async (t) => {
    const place = await home(t);
    const lock = await acquireLock(place, { ...options, beatMilliseconds: 20 });
    assert.equal(await removeLock(place, await readLock(place)), true);
    const next = await acquireLock(place, options);
    let lost: unknown;
    while (lost === undefined) {
      try {
        lock.guard();
        await delay(10);
      } catch (error) {
        lost = error;
      }
    }
    assert.ok(codeOf('lock-lost')(lost));
    await lock.release();
    assert.equal((await readLock(place)).holder?.since, next.holder.since);
    await next.release();
  });

  it('is lost when it was not renewed in time, as after a suspended process wakes up', async (t) => {
    const place = await home(t);
    let now = Date.now();
    const lock = await acquireLock(place, { ...options, now: () => new Date(now), beatMilliseconds: 1e6 });
    lock.guard();
    now += 31_000;
    assert.throws(() => lock.guard(), codeOf('lock-lost'));
    await lock.release();
  });

  it('is not taken away when its holder renewed it after it was shown', async (t) => {
    const place = await home(t);
    const shown = await readLock(place);
    const lock = await acquireLock(place, options);
    const held = await readLock(place);
    assert.equal(await removeLock(place, { ...held, version: shown.version ?? 'an older version' }), false);
    lock.guard();
    await lock.release();
  });
});
