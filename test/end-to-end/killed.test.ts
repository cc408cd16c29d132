import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copyOfExample, notHeld, type TestFleet } from '../support/fleet.ts';
import { entry } from '../support/keywright.ts';

/** More with KEYWRIGHT_KILLS, for a night. */
const kills = Number(process.env['KEYWRIGHT_KILLS'] ?? 9);

const more = `---
apiVersion: keywright.dev/v1alpha1
kind: DatabaseAccess
metadata: { name: stock }
spec:
  forEach: sides
  postgres: "orders-{each}"
  database: stock
  privileges: readWrite
  credential: { dynamic: { ttl: 1h, maxTtl: 24h } }
---
apiVersion: keywright.dev/v1alpha1
kind: DatabaseAccess
metadata: { name: auditor }
spec:
  postgres: orders-b
  database: orders
  privileges: readOnly
  credential: { certificate: { ttl: 24h } }
`;

interface Step {
  readonly what: string;
  /** Milliseconds after its start within which this apply is killed: a little longer than it takes. */
  readonly within: number;
  readonly prepare: (fleet: TestFleet, original: string) => Promise<unknown>;
}

/** One after the other, over and over. */
const steps: readonly Step[] = [
  { what: 'a first apply', within: 2500, prepare: (fleet) => fleet.must('down', '--purge', '--yes') },
  {
    what: 'an apply that adds databases and accesses and changes privileges',
    within: 1000,
    prepare: (fleet, original) =>
      write(
        fleet,
        original
          .replace('  databases:\n', '  databases:\n  - name: stock\n')
          .replace('privileges: readWrite', 'privileges: readOnly')
          .concat(more),
      ),
  },
  { what: 'an apply that removes them again', within: 800, prepare: write },
];

function write(fleet: TestFleet, text: string): Promise<void> {
  return writeFile(join(fleet.folder, 'fleet.yaml'), text);
}

describe('apply, killed with SIGKILL at random moments', () => {
  it('converges with the next apply, and every claim holds', { timeout: 120_000 + kills * 30_000 }, async (t) => {
    const fleet = await copyOfExample(t, 'two-sites');
    const original = await readFile(join(fleet.folder, 'fleet.yaml'), 'utf8');
    const arguments_ = ['apply', '--allow-removals', '100'];
    let killed = 0;
    for (let round = 0; killed < kills; round += 1) {
      const { what, within, prepare } = steps[round % steps.length] as Step;
      await prepare(fleet, original);
      const child = spawn(process.execPath, [entry, ...arguments_], { cwd: fleet.folder, stdio: 'ignore' });
      // The kill is the test's own moment, anywhere in this apply.
      const moment = Math.round(100 + Math.random() * within);
      const timer = setTimeout(() => child.kill('SIGKILL'), moment);
      const [, signal] = await once(child, 'exit');
      clearTimeout(timer);
      // An apply that was done before does not count.
      killed += signal === 'SIGKILL' ? 1 : 0;
      const when = `${what}, killed after ${moment} ms (${killed})`;
      const { code, stdout, stderr } = await fleet.run(...(arguments_ as [string, ...string[]]));
      assert.equal(code, 0, `${when}: ${stdout}\n${stderr}`);
      const plan = await fleet.run('plan');
      assert.equal(plan.code, 0, `${when}: a plan shows no change\n${plan.stdout}${plan.stderr}`);
      if (killed % 10 === 0) {
        assert.deepEqual(notHeld(await fleet.verify()), [], when);
      }
    }
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });
});
