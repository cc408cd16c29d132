import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { applyFleet } from '../../../src/engine/fleet-apply.ts';
import { TestFleet, testFolder } from '../../support/engine-run.ts';
import { fileKind, layers } from '../../support/kill-child.ts';

const child = fileURLToPath(new URL('../../support/kill-child.ts', import.meta.url));

it('an apply that is killed at any moment, again and again, converges and loses nothing', async (t) => {
  const folder = await testFolder(t);
  const things = join(folder, 'things');
  await mkdir(things);
  let killed = 0;
  for (let round = 0; round < 12; round += 1) {
    const running = spawn(process.execPath, [child, folder, things], { stdio: ['ignore', 'ignore', 'inherit'] });
    const exit = once(running, 'exit');
    await Promise.race([exit, delay(150 + Math.random() * 250)]);
    running.kill('SIGKILL');
    const [code, signal] = (await exit) as [number | null, string | null];
    killed += signal === 'SIGKILL' ? 1 : 0;
    assert.ok(code === null || code === 0, `round ${round} ended with ${code}`);
  }
  const fleet = new TestFleet(folder);
  fleet.kinds = [fileKind(things, 0)];
  const apply = async () => {
    const run = fleet.run(layers());
    const applied = await applyFleet(run, { command: 'apply', lockWaitMilliseconds: 5_000 });
    const records = [...run.inventory.records().values()].filter(({ kind }) => kind === 'thing');
    await run.close();
    return { applied, records };
  };
  const { applied } = await apply();
  assert.deepEqual(applied.result?.failed ?? [], []);
  const { applied: again, records } = await apply();
  assert.equal(again.result, undefined);
  assert.equal(records.length, 20);
  assert.deepEqual(
    records.filter(({ state }) => state !== 'present'),
    [],
  );
  assert.equal((await readdir(things)).filter((name) => !name.endsWith('.new')).length, 20);
  t.diagnostic(`killed ${killed} of 12 times`);
});
