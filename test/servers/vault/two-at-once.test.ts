import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, test } from 'node:test';
import { fleetIn, isWhole } from '../../support/fault-fleet.ts';
import { keywright } from '../../support/keywright.ts';
import { openBaoMissing, startOpenBao, waitFor } from '../../support/openbao.ts';

describe('two Keywrights at once, whose home is an OpenBao', { skip: openBaoMissing }, () => {
  test('one works while the other waits, and nothing is made twice', async (t) => {
    const bao = await startOpenBao(t);
    const fleet = await fleetIn(t, bao, { home: 'main', count: 150 });
    const both = await Promise.all([fleet.apply(), fleet.apply(), fleet.apply()].map(({ ended }) => ended));
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0, 0],
      both.map(({ stderr }) => stderr).join(''),
    );
    assert.equal(both.filter(({ stdout }) => stdout.includes('150 created')).length, 1);
    await isWhole(fleet, 150);
  });

  test('one that does not end is named by the other, and ends well itself', async (t) => {
    const bao = await startOpenBao(t);
    const fleet = await fleetIn(t, bao, { home: 'main' });
    const first = fleet.apply();
    t.after(() => first.kill('SIGKILL'));
    await fleet.isInItsMidst(first);
    first.kill('SIGSTOP');
    const second = await fleet.apply().ended;
    first.kill('SIGCONT');
    assert.equal(second.code, 1, second.stderr);
    const holder = `error: fleet faults is locked by \`keywright apply\`, process ${first.pid} on ${hostname()}`;
    assert.ok(second.stderr.includes(holder), second.stderr);
    const looked = await keywright(['plan'], { cwd: fleet.folder });
    assert.ok(looked.code === 2 || looked.code === 0, 'a plan needs no lock');
    const ended = await first.ended;
    assert.equal(ended.code, 0, ended.stderr);
    await isWhole(fleet);
  });

  test('one that was killed is followed at once, and what it had begun is finished', async (t) => {
    const bao = await startOpenBao(t);
    const fleet = await fleetIn(t, bao, { home: 'main' });
    const first = fleet.apply();
    await fleet.isInItsMidst(first);
    first.kill('SIGKILL');
    await first.ended;
    const before = await fleet.values();
    const second = await fleet.apply().ended;
    assert.equal(second.code, 0, second.stderr);
    await isWhole(fleet);
    const after = await fleet.values();
    assert.ok(before.size > 0 && [...before].every(([path, value]) => after.get(path) === value));
  });

  test('one that slept too long is overtaken, and on waking writes nothing over what the other made', async (t) => {
    const bao = await startOpenBao(t);
    const fleet = await fleetIn(t, bao, { home: 'main' });
    const first = fleet.apply();
    t.after(() => first.kill('SIGKILL'));
    await fleet.isInItsMidst(first);
    first.kill('SIGSTOP');
    await waitFor('the lock to expire', async () => {
      const lock = await bao.ask('GET', 'secret/data/keywright/faults/lock');
      const { expires } = JSON.parse(lock.body?.['data'].data.holder as string) as { expires: string };
      return Date.parse(expires) < Date.now();
    });
    const second = await fleet.apply().ended;
    assert.equal(second.code, 0, second.stderr);
    const made = await fleet.values();
    first.kill('SIGCONT');
    const ended = await first.ended;
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, /this run lost the lock of fleet faults|was written by another Keywright meanwhile/);
    await isWhole(fleet);
    assert.deepEqual(await fleet.values(), made);
  });
});
