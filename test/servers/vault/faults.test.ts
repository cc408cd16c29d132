import assert from 'node:assert/strict';
import { readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fleetIn, isWhole } from '../../support/fault-fleet.ts';
import type { FaultFleet } from '../../support/fault-fleet.ts';
import { keywright } from '../../support/keywright.ts';
import type { Ended } from '../../support/keywright.ts';
import { openBaoMissing, startOpenBao, waitFor } from '../../support/openbao.ts';
import type { OpenBao, OpenBaoPeer } from '../../support/openbao.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';

/** An apply that may have stopped is run again and then is done; what it had made keeps its values. */
async function resumes(fleet: FaultFleet, first: Ended, reason: RegExp): Promise<void> {
  const before = await fleet.values();
  if (first.code !== 0) {
    assert.ok(first.code === 1 || first.code === 3, `${first.code}\n${first.stderr}`);
    assert.match(first.stderr, reason);
    const second = await fleet.apply().ended;
    assert.equal(second.code, 0, second.stderr);
  }
  await isWhole(fleet);
  const after = await fleet.values();
  assert.ok([...before].every(([path, value]) => after.get(path) === value));
}

function standbys(bao: OpenBao, active: OpenBaoPeer): OpenBaoPeer[] {
  return bao.peers.filter((peer) => peer !== active);
}

describe('during an apply', { skip: openBaoMissing }, () => {
  for (const home of ['box', 'main'] as const) {
    const where = home === 'box' ? 'beside the cluster' : 'in the cluster';
    test(`the leader is killed, home ${where}: the apply goes on with the next one`, async (t) => {
      const bao = await startOpenBao(t, { peers: 3 });
      const fleet = await fleetIn(t, bao, { home });
      const apply = fleet.apply();
      await fleet.isInItsMidst(apply);
      await (await bao.active()).stop('SIGKILL');
      const ended = await apply.ended;
      assert.equal(ended.code, 0, ended.stderr);
      await isWhole(fleet);
    });
  }

  test('a standby and then the leader are sealed: the apply goes on as long as two peers are left', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const fleet = await fleetIn(t, bao);
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    const active = await bao.active();
    const [standby] = standbys(bao, active);
    await standby!.ask('PUT', 'sys/seal');
    await standby!.unseal();
    await active.ask('PUT', 'sys/seal');
    const ended = await apply.ended;
    assert.equal(ended.code, 0, ended.stderr);
    await isWhole(fleet);
  });

  test('all peers are killed and started again: the apply goes on, or says that nobody serves', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const fleet = await fleetIn(t, bao);
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    await Promise.all(bao.peers.map((peer) => peer.stop('SIGKILL')));
    await Promise.all(bao.peers.map((peer) => peer.start()));
    await Promise.all(bao.peers.map((peer) => peer.unseal()));
    const ended = await apply.ended;
    await bao.active();
    await resumes(fleet, ended, /store main (cannot be reached|is sealed|has no active peer)/);
  });

  test('all peers are killed and stay away: the apply ends and says so once', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const fleet = await fleetIn(t, bao);
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    await Promise.all(bao.peers.map((peer) => peer.stop('SIGKILL')));
    const begun = performance.now();
    const ended = await apply.ended;
    assert.ok(performance.now() - begun < 90_000, 'it waits for each change anew');
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /error: store\/main\/secret\/\S+ and \d+ more: store main cannot be reached at https:/);
    assert.ok(ended.stderr.split('error:').length < 8, ended.stderr);
    await Promise.all(bao.peers.map((peer) => peer.start()));
    await Promise.all(bao.peers.map((peer) => peer.unseal()));
    await bao.active();
    await resumes(fleet, ended, /cannot be reached/);
  });

  test('the token is revoked: the apply stops and says so once; with another token it is finished', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const fleet = await fleetIn(t, bao);
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    const token = (await readFile(join(fleet.folder, 'bao.token'), 'utf8')).trim();
    await bao.ask('POST', 'auth/token/revoke', { token });
    const ended = await apply.ended;
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, /more: .*(store main does not accept the token of|login to store main by)/);
    assert.ok(ended.stderr.split('error:').length < 8, ended.stderr);
    assert.ok(!ended.stderr.includes(token));
    const looked = await keywright(['plan'], { cwd: fleet.folder });
    assert.equal(looked.code, 3, looked.stderr);
    await fleet.newToken();
    await resumes(fleet, ended, /does not accept|login/);
  });

  test('the leader is stopped for five seconds: the apply goes on', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const fleet = await fleetIn(t, bao);
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    const { pid } = await bao.active();
    process.kill(pid, 'SIGSTOP');
    const wake = setTimeout(() => process.kill(pid, 'SIGCONT'), 5_000);
    t.after(() => clearTimeout(wake));
    const ended = await apply.ended;
    process.kill(pid, 'SIGCONT');
    assert.equal(ended.code, 0, ended.stderr);
    await isWhole(fleet);
  });

  test('the network stalls for five seconds: the apply goes on', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const proxy = await tcpProxy((await bao.active()).port);
    t.after(() => proxy.close());
    const fleet = await fleetIn(t, bao, { addresses: [`https://127.0.0.1:${proxy.port}`] });
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    proxy.stall();
    setTimeout(() => proxy.resume(), 5_000);
    const ended = await apply.ended;
    assert.equal(ended.code, 0, ended.stderr);
    await isWhole(fleet);
  });

  test('the audit disk is full: the apply stops and names it; with room again it is finished', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const fleet = await fleetIn(t, bao);
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    // All declare the same file name, each in a folder of its own.
    const logs = bao.peers.map((peer) => join(peer.folder, 'audit.log'));
    const setLogs = async (change: (log: string) => Promise<void>): Promise<void> => {
      for (const log of logs) {
        await unlink(log);
        await change(log);
      }
      bao.peers.forEach(({ pid }) => process.kill(pid, 'SIGHUP'));
    };
    await setLogs((log) => symlink('/dev/full', log));
    const ended = await apply.ended;
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(
      ended.stderr,
      /store main answers every request with "internal error": its audit devices cannot record/,
    );
    assert.ok(ended.stderr.split('error:').length < 8, ended.stderr);
    await setLogs((log) => writeFile(log, ''));
    await waitFor('the server to record', async () => {
      const peers = await Promise.all(bao.peers.map((peer) => peer.ask('GET', 'sys/mounts')));
      return peers.some(({ status }) => status === 200);
    });
    await resumes(fleet, ended, /audit/);
  });
});
