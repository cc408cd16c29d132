import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { copyOfExample, type TestFleet } from '../support/fleet.ts';
import { postgresMissing } from '../support/postgres.ts';
import { connectSuperuser } from '../../src/targets/process/superuser-client.ts';

/** Waits until Keywright has a statement on the server that is like this one. */
async function runs(fleet: TestFleet, like: string): Promise<void> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await delay(50)) {
    if ((await statements(fleet, like).catch(() => [])).length > 0) {
      return;
    }
  }
  assert.fail(`nothing like ${like} runs`);
}

function statements(fleet: TestFleet, like: string): Promise<Record<string, unknown>[]> {
  return fleet.sql(
    'shop',
    'postgres',
    `SELECT pid FROM pg_stat_activity
      WHERE application_name LIKE 'keywright %' AND state = 'active' AND query LIKE '${like}'`,
  );
}

/** Replaces the first statement of the setup by one that takes ten minutes, and back. */
async function setSetup(fleet: TestFleet, change: (text: string) => string): Promise<void> {
  const path = join(fleet.folder, 'fleet.yaml');
  await writeFile(path, change(await readFile(path, 'utf8')));
}

const slow = (text: string): string => text.replace('setup: |\n', 'setup: |\n      SELECT pg_sleep(600);\n');
const quick = (text: string): string => text.replace('      SELECT pg_sleep(600);\n', '');

describe('a run that is given up', { skip: postgresMissing }, () => {
  it('at the second Ctrl+C cancels the statement that runs, and the next apply converges', async (t) => {
    const fleet = await copyOfExample(t, 'quickstart');
    await setSetup(fleet, slow);
    const apply = fleet.start('apply');
    await runs(fleet, '%pg_sleep(600)%');
    apply.kill('SIGINT');
    await delay(300);
    assert.equal((await statements(fleet, '%pg_sleep(600)%')).length, 1, 'the first lets it run');
    const askedAt = performance.now();
    apply.kill('SIGINT');
    const { code, stderr } = await apply.ended;
    assert.equal(code, 130, stderr);
    assert.ok(performance.now() - askedAt < 10_000, 'within seconds');
    assert.match(stderr, /stopped\. \d+ of \d+ done, nothing half-made\./);
    assert.deepEqual(await statements(fleet, '%pg_sleep(600)%'), []);
    await setSetup(fleet, quick);
    await fleet.must('apply');
    assert.match(await fleet.must('plan'), /unchanged/);
    await fleet.must('verify');
  });

  it('does not wait for a lock that somebody holds', async (t) => {
    const fleet = await copyOfExample(t, 'quickstart');
    await fleet.must('apply');
    await fleet.sql('shop', 'postgres', 'ALTER ROLE shop_app_a CONNECTION LIMIT 3');
    const { socketDirectory } = await fleet.server('shop');
    const port = await fleet.port('shop');
    const holder = await connectSuperuser({ socketDirectory, port, database: 'postgres', applicationName: 'by hand' });
    try {
      await holder.query('BEGIN; ALTER ROLE shop_app_a CONNECTION LIMIT 4');
      const apply = fleet.start('apply');
      await runs(fleet, '%ALTER ROLE "shop_app_a"%');
      apply.kill('SIGINT');
      await delay(100);
      const askedAt = performance.now();
      apply.kill('SIGINT');
      const { code, stderr } = await apply.ended;
      assert.equal(code, 130, stderr);
      assert.ok(performance.now() - askedAt < 10_000, 'within seconds');
    } finally {
      await holder.end();
    }
    assert.equal((await fleet.run('plan')).code, 2);
    await fleet.must('apply');
    assert.match(await fleet.must('plan'), /unchanged/);
  });

  it('is an up that is taken down while a statement runs', async (t) => {
    const fleet = await copyOfExample(t, 'quickstart');
    await setSetup(fleet, slow);
    const up = fleet.start('up');
    await runs(fleet, '%pg_sleep(600)%');
    const askedAt = performance.now();
    await fleet.must('down');
    assert.equal((await up.ended).code, 143);
    assert.ok(performance.now() - askedAt < 20_000, 'within seconds');
    await setSetup(fleet, quick);
    await fleet.must('apply');
    assert.match(await fleet.must('plan'), /unchanged/);
  });
});
