import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { findAccount, isRoot } from '../../../src/targets/process/account.ts';
import { localSite } from '../../../src/targets/process/local-site.ts';
import { firstUnreachable } from '../../../src/targets/process/reachable.ts';
import { serverFolder } from '../../../src/targets/process/server-folder.ts';
import { listServers } from '../../../src/targets/process/servers.ts';
import { KindBench } from '../../support/kinds.ts';
import { processKind, processResource, siteBench } from '../../support/local-site.ts';
import { postgresMissing } from '../../support/postgres.ts';

const nobody = await findAccount('nobody');
const asRoot = { skip: postgresMissing || (isRoot() ? false : 'needs root') };
const asNobody = { skip: asRoot.skip || (nobody === undefined ? 'needs the account nobody' : false) };

test('an account that does not exist is an error before anything is made', asRoot, async (t) => {
  const bench = new KindBench('test', mkdtempSync('/tmp/kwt-fleet-'));
  t.after(() => rmSync(bench.folder, { recursive: true }));
  for (const user of ['no-such-account', 'root']) {
    const spec = { name: 'site-a', directory: '.keywright/site-a', user };
    await assert.rejects(bench.connect(localSite, 'site-a', spec), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, 'account-missing');
      assert.match(error.message, new RegExp(`site site-a: .*${user}`));
      return true;
    });
  }
});

test(
  'root gives its servers to an account that can reach them although the fleet lies in a closed home',
  asRoot,
  async (t) => {
    const { bench, site } = await siteBench(t);
    chmodSync(bench.folder, 0o700);
    await bench.mustApply(processKind, site, [processResource('orders-a')]);
    const [running] = await listServers(site);
    const { uid } = statSync(`/proc/${running?.pid}`);
    assert.equal(uid, site.account?.uid);
    assert.notEqual(uid, 0);
    assert.equal(statSync(serverFolder(site, 'orders-a').dataDirectory).uid, uid);
    assert.match(serverFolder(site, 'orders-a').folder, /^\/var\/lib\/keywright\/test-[0-9a-f]{8}\/site-a\/orders-a$/);
  },
);

test('a user keeps everything below the folder of the site', asNobody, async (t) => {
  const folder = folderOfNobody(t);
  const { code, output } = await runAsNobody(`
    const bench = new KindBench('test', ${JSON.stringify(folder)});
    const { seen: site } = await bench.connect(localSite, 'site-a', { name: 'site-a', directory: '.keywright/site-a' });
    try {
      await bench.mustApply(processKind, site, [processResource('orders-a')]);
      const [change] = await bench.plan(processKind, site, [processResource('orders-a')]);
      const [{ server, pid }] = await listServers(site);
      console.log(JSON.stringify([change.action, server.dataDirectory, statSync('/proc/' + pid).uid]));
    } finally {
      console.log(JSON.stringify(await purgeServers(site)));
    }
  `);
  assert.equal(code, 0, output);
  assert.deepEqual(
    output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    [['none', join(folder, '.keywright/site-a/servers/orders-a/data'), nobody?.uid], ['orders-a']],
  );
});

test('a folder that may not be entered is an error that names it', asNobody, async (t) => {
  const folder = folderOfNobody(t);
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const { output } = await runAsNobody(`
    const bench = new KindBench('test', ${JSON.stringify(join(closed, 'fleet'))});
    const { seen: site } = await bench.connect(localSite, 'site-a', { name: 'site-a', directory: '.keywright/site-a' });
    const answers = await processKind.observe(site, [processResource('orders-a')], [], bench.context);
    console.log(JSON.stringify([...answers.values()][0]));
  `);
  const answer = JSON.parse(output) as { state: string; why: string };
  assert.equal(answer.state, 'couldNotAsk', output);
  assert.match(answer.why, /closed\/fleet\/.*: permission denied/);
});

test('the first folder that an account may not enter is found by its mode', asNobody, async (t) => {
  const folder = folderOfNobody(t);
  const account = nobody ?? { name: '', uid: 0, gid: 0 };
  mkdirSync(join(folder, 'open/closed/inside'), { recursive: true });
  assert.equal(await firstUnreachable(join(folder, 'open/closed/inside'), account), undefined);
  chmodSync(join(folder, 'open/closed'), 0o750);
  assert.equal(await firstUnreachable(join(folder, 'open/closed/inside'), account), join(folder, 'open/closed'));
  chownSync(join(folder, 'open/closed'), 0, account.gid);
  assert.equal(await firstUnreachable(join(folder, 'open/closed/inside/missing'), account), undefined);
});

function folderOfNobody(t: { after(cleanUp: () => void): void }): string {
  const folder = mkdtempSync('/tmp/kwt-fleet-');
  chownSync(folder, nobody?.uid ?? 0, nobody?.gid ?? 0);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function runAsNobody(script: string): Promise<{ code: number; output: string }> {
  const root = new URL('../../../', import.meta.url).href;
  const program = `
    import { statSync } from 'node:fs';
    import { KindBench } from '${root}test/support/kinds.ts';
    import { processKind, processResource } from '${root}test/support/local-site.ts';
    import { localSite } from '${root}src/targets/process/local-site.ts';
    import { listServers, purgeServers } from '${root}src/targets/process/servers.ts';
    ${script}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    uid: nobody?.uid,
    gid: nobody?.gid,
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}
