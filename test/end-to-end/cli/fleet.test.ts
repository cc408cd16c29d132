import assert from 'node:assert/strict';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { FleetStatus } from '../../../src/cli/status/gather.ts';
import { copyOfExample } from '../../support/fleet.ts';
import type { TestFleet } from '../../support/fleet.ts';
import { startKeywright } from '../../support/keywright.ts';

const quickstart = (t: TestContext): Promise<TestFleet> => copyOfExample(t, 'quickstart');

async function status(fleet: TestFleet): Promise<FleetStatus> {
  return JSON.parse(await fleet.must('status', '--output', 'json')) as FleetStatus;
}

/** Replaces a part of the fleet's file. */
async function edit(fleet: TestFleet, from: string, to: string): Promise<void> {
  const path = join(fleet.folder, 'fleet.yaml');
  const text = await readFile(path, 'utf8');
  assert.ok(text.includes(from));
  await writeFile(path, text.replace(from, to));
}

const secretTree = `apiVersion: keywright.dev/v1alpha1
kind: SecretTree
metadata: { name: apps }
spec:
  entries:
  - path: apps/x
    keys: { token: { generate: { hex: 32 } } }
`;

const database = '- name: archive\n  - name: shop\n';

describe('a fleet on the command line', () => {
  it('is planned, applied and left alone, with the exit codes of each', async (t) => {
    const fleet = await quickstart(t);
    const plan = await fleet.run('plan');
    assert.equal(plan.code, 2);
    assert.match(plan.stdout, /^\d+ to create, 0 unchanged/m);
    assert.deepEqual((await status(fleet)).servers[0]?.state, 'notMade');
    assert.match(await fleet.must('apply'), /^\d+ created /m);
    assert.match(await fleet.must('apply'), /^nothing to change, \d+ as they should be$/m);
    assert.equal((await fleet.run('plan')).code, 0);
    const { servers, expiries, needsKeeper } = await status(fleet);
    assert.deepEqual([servers[0]?.state, needsKeeper], ['running', true]);
    assert.ok(expiries.some(({ id }) => id === 'authority/local/ca/root'));
    assert.match(await fleet.must('down'), /^stopped shop$/m);
    assert.match(await fleet.must('down'), /^nothing was running$/m);
  });

  it('is applied from a plan file, which is refused when the fleet moved on', async (t) => {
    const fleet = await quickstart(t);
    await fleet.run('plan', '--out', 'fleet.plan');
    assert.match(await readFile(join(fleet.folder, 'fleet.plan'), 'utf8'), /"format": 1/);
    await edit(fleet, 'item text NOT NULL', 'item text');
    const stale = await fleet.run('apply', '--plan', 'fleet.plan');
    assert.equal(stale.code, 1);
    assert.match(stale.stderr, /fleet\.plan is out of date: the fleet files say something else/);
    await edit(fleet, 'item text', 'item text NOT NULL');
    await fleet.must('apply', '--plan', 'fleet.plan');
  });

  it('with an error is not touched, and the error has its place', async (t) => {
    const fleet = await quickstart(t);
    await edit(fleet, 'privileges: readWrite', 'privileges: readWrites');
    const { code, stderr, stdout } = await fleet.run('apply');
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /fleet\.yaml:\d+:\d+/);
    assert.match(stderr, /readWrite/);
    const json = JSON.parse((await fleet.run('apply', '--output', 'json')).stdout) as {
      error: { code: string; line: number };
    };
    assert.deepEqual([json.error.code, typeof json.error.line], ['fleet-has-errors', 'number']);
  });

  it('keeps a database that leaves it, and deletes it only by name', async (t) => {
    const fleet = await quickstart(t);
    await edit(fleet, '- name: shop\n', database);
    await fleet.must('apply');
    await edit(fleet, database, '- name: shop\n');
    const asked = await fleet.run('apply');
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /--allow-removals \d+/);
    const count = /--allow-removals (\d+)/.exec(asked.stderr)?.[1] ?? '';
    await fleet.must('apply', '--allow-removals', count);
    const kept = (await status(fleet)).retained.map(({ id }) => id);
    assert.ok(kept.includes('postgres/shop/database/archive'), kept.join());
    const names = async (): Promise<unknown[]> =>
      (await fleet.sql('shop', 'postgres', `SELECT datname FROM pg_database WHERE datname = 'archive'`)).map(
        ({ datname }) => datname,
      );
    assert.deepEqual(await names(), ['archive']);
    assert.equal((await fleet.run('plan')).code, 0);
    const id = 'postgres/shop/database/archive';
    assert.equal((await fleet.run('delete', id)).code, 1);
    await fleet.must('delete', id, '--yes-delete-data');
    assert.deepEqual(await names(), []);
  });

  it('keeps a value that leaves it, takes it up again when it comes back, and deletes it only by name', async (t) => {
    const fleet = await quickstart(t);
    const path = join(fleet.folder, 'apps.yaml');
    await writeFile(path, secretTree);
    await fleet.must('apply');
    const read = (): Promise<string> => fleet.must('secret', 'get', 'apps/x', '--key', 'token', '--show', '--to-pipe');
    const value = await read();
    await rm(path);
    await fleet.must('apply', '--allow-removals', '1');
    assert.equal(await read(), value);
    await writeFile(path, secretTree);
    await fleet.must('apply');
    assert.equal(await read(), value);
    await rm(path);
    await fleet.must('apply', '--allow-removals', '1');
    await fleet.must('delete', 'store/box/secret/apps%2Fx', '--yes-delete-data');
    assert.match((await fleet.run('secret', 'get', 'apps/x')).stderr, /nothing at box\/apps\/x/);
    assert.deepEqual((await status(fleet)).retained, []);
  });

  it('lends its credentials to a command, and passes its exit code on', async (t) => {
    const fleet = await quickstart(t);
    await fleet.must('apply');
    const script =
      'process.stdout.write(`${process.env.PGSERVICE} ${process.env.PGPASSWORD ?? "no password"}`); process.exit(7)';
    const { code, stdout } = await fleet.run('exec', 'shop-app', '--', process.execPath, '-e', script);
    assert.deepEqual([code, stdout], [7, 'shop-app no password']);
    const unknown = await fleet.run('exec', 'shop-ap', '--', 'true');
    assert.match(unknown.stderr, /did you mean shop-app/);
    assert.match(
      (await fleet.run('exec', 'shop-app', '--', 'no-such-command')).stderr,
      /no command no-such-command on PATH/,
    );
  });

  it('shows a value only when both flags say so', async (t) => {
    const fleet = await quickstart(t);
    await fleet.must('apply');
    const place = ['databases/shop/shop-app', '--key', 'password'];
    const plain = await fleet.must('secret', 'get', ...place);
    const piped = await fleet.run('secret', 'get', ...place, '--show');
    assert.deepEqual([piped.code, piped.stdout], [1, '']);
    const value = await fleet.must('secret', 'get', ...place, '--show', '--to-pipe');
    assert.ok(value.length >= 20);
    assert.doesNotMatch(plain, new RegExp(value.replaceAll(/\W/g, '\\$&')));
    assert.equal(value, await readFile(join(fleet.delivered('here', 'shop', 'shop-app'), 'password'), 'utf8'));
  });

  it('takes a value from standard input, keeps the other keys, and never takes one of its own records', async (t) => {
    const fleet = await quickstart(t);
    await fleet.must('apply');
    for (const key of ['one', 'two']) {
      const put = await fleet.runWith(`value of ${key}\n`, 'secret', 'put', 'apps/x', '--key', key);
      assert.equal(put.code, 0, put.stderr);
    }
    assert.equal(await fleet.must('secret', 'get', 'apps/x', '--key', 'one', '--show', '--to-pipe'), 'value of one');
    const own = await fleet.runWith('x', 'secret', 'put', 'keywright/quickstart/lock', '--key', 'holder');
    assert.match(own.stderr, /belongs to Keywright/);
  });
});

describe('up', () => {
  it('keeps the fleet until it is told to stop, starts a crashed server again, and names itself to a second', async (t) => {
    const fleet = await quickstart(t);
    const up = startKeywright(['up'], { cwd: fleet.folder });
    t.after(() => up.kill('SIGKILL'));
    await up.saw(/Keeping the fleet/);
    const { keeper, servers } = await status(fleet);
    assert.equal(keeper?.pid, up.pid);
    const second = await fleet.run('up');
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`process ${up.pid} keeps it`));
    process.kill(servers[0]?.pid ?? 0, 'SIGKILL');
    await up.saw(/process shop mended[^]*claims on it held/);
    // A change by hand is for a person: the keeper leaves it to plan and apply.
    await fleet.sql('shop', 'postgres', 'ALTER ROLE shop_app_a CONNECTION LIMIT 3');
    assert.match((await fleet.run('plan')).stdout, /~ role shop_app_a +connection limit 3 → /i);
    up.kill('SIGINT');
    const { code, stdout } = await up.ended;
    assert.equal(code, 130);
    assert.match(stdout, /Stopped shop; the data stays/);
    assert.equal((await status(fleet)).servers[0]?.state, 'stopped');
  });

  it('ends when the fleet is taken down elsewhere', async (t) => {
    const fleet = await quickstart(t);
    const up = startKeywright(['up'], { cwd: fleet.folder });
    t.after(() => up.kill('SIGKILL'));
    await up.saw(/Keeping the fleet/);
    assert.match(await fleet.must('down'), new RegExp(`ended process ${up.pid}`));
    assert.equal((await up.ended).code, 143);
    assert.equal((await status(fleet)).servers[0]?.state, 'stopped');
  });

  it('that was killed is followed by one that adopts its servers', async (t) => {
    const fleet = await quickstart(t);
    const up = startKeywright(['up'], { cwd: fleet.folder });
    await up.saw(/Keeping the fleet/);
    up.kill('SIGKILL');
    await up.ended;
    const { servers, keeper } = await status(fleet);
    assert.deepEqual([servers[0]?.state, keeper], ['running', undefined]);
    assert.match(await fleet.must('up', '--once'), /nothing to change/);
  });
});

describe('an apply that is interrupted', () => {
  it('says how far it came, exits 130, and is continued by the next', async (t) => {
    const fleet = await quickstart(t);
    const apply = startKeywright(['apply', '--verbose'], { cwd: fleet.folder });
    await apply.saw(/^authority\/local/m);
    apply.kill('SIGINT');
    const { code, stderr } = await apply.ended;
    assert.equal(code, 130);
    assert.match(stderr, /stopped\. \d+ of \d+ done, nothing half-made\./);
    await fleet.must('apply');
    assert.equal((await fleet.run('plan')).code, 0);
  });
});

describe('down --purge', () => {
  it('deletes what the fleet made and nothing else', async (t) => {
    const fleet = await quickstart(t);
    await fleet.must('apply');
    await writeFile(join(fleet.folder, '.keywright', 'mine.txt'), 'mine');
    await appendFile(join(fleet.folder, 'notes.txt'), 'mine');
    const refused = await fleet.run('down', '--purge');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /This deletes, for good:[^]*keywright down --purge --yes/);
    assert.equal((await status(fleet)).servers[0]?.state, 'running');
    await fleet.must('down', '--purge', '--yes');
    assert.equal(await readFile(join(fleet.folder, '.keywright', 'mine.txt'), 'utf8'), 'mine');
    assert.deepEqual((await status(fleet)).servers[0]?.state, 'notMade');
    assert.equal((await fleet.run('plan')).code, 2);
  });
});
