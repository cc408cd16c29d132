import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { copyOfExample, notHeld } from '../support/fleet.ts';
import { entry } from '../support/keywright.ts';

/** More with KEYWRIGHT_KILLS, for a night. */
const kills = Number(process.env['KEYWRIGHT_KILLS'] ?? 8);

describe('apply, killed with SIGKILL at random moments', () => {
  it('converges with the next apply, and every claim holds', { timeout: 900_000 }, async (t) => {
    const fleet = await copyOfExample(t, 'two-sites');
    for (let round = 0; round < kills; round += 1) {
      if (round % 4 === 0 && round > 0) {
        await fleet.must('down', '--purge', '--yes');
      }
      const child = spawn(process.execPath, [entry, 'apply'], { cwd: fleet.folder, stdio: 'ignore' });
      // The kill is the test's own moment, anywhere in a first apply.
      const timer = setTimeout(() => child.kill('SIGKILL'), 200 + Math.random() * 4000);
      await once(child, 'exit');
      clearTimeout(timer);
      const { code, stdout, stderr } = await fleet.run('apply');
      assert.equal(code, 0, `after kill ${round}: ${stdout}\n${stderr}`);
      assert.equal((await fleet.run('plan')).code, 0, `after kill ${round} a plan shows no change`);
    }
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });
});
