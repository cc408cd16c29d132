import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { openBaoMissing, startOpenBao, waitFor } from '../../support/openbao.ts';

test(
  'a server starts unsealed over TLS with an audit log, stops and starts again',
  { skip: openBaoMissing },
  async (t) => {
    const bao = await startOpenBao(t);
    const [peer] = bao.peers;
    assert.ok(peer);
    assert.equal((await peer.ask('GET', 'sys/health', undefined, { token: null })).status, 200);
    await bao.ask('GET', 'sys/mounts');
    assert.match(peer.audit(), /"path":"sys\/mounts"/);
    await peer.stop();
    await assert.rejects(peer.ask('GET', 'sys/health'));
    await peer.start();
    assert.equal((await peer.ask('GET', 'sys/health')).status, 503);
    await peer.unseal();
    assert.equal((await bao.active()).nodeId, peer.nodeId);
  },
);

test('three peers survive the loss of their leader', { skip: openBaoMissing }, async (t) => {
  const bao = await startOpenBao(t, { peers: 3, shares: { count: 3, threshold: 2 } });
  const leader = await bao.active();
  await leader.stop('SIGKILL');
  const next = await bao.active();
  assert.notEqual(next.nodeId, leader.nodeId);
  await leader.start();
  await leader.unseal();
  assert.equal((await leader.ask('GET', 'sys/health')).status, 429);
});

test('a server ends, and its folder goes, when its test is killed', { skip: openBaoMissing }, async () => {
  const support = join(import.meta.dirname, '../../support/openbao.ts');
  const script = `
    const { startOpenBao } = await import(${JSON.stringify(support)});
    const { peers } = await startOpenBao({ after() {} });
    process.stdout.write(JSON.stringify({ pid: peers[0].pid, folder: peers[0].folder }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const { pid, folder } = JSON.parse(output.toString()) as { pid: number; folder: string };
  child.kill('SIGKILL');
  await waitFor('the server and its folder to go', async () => !runs(pid) && !existsSync(dirname(folder)));
});

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
