import { describe, test } from 'node:test';
import { endedWell, fleetIn, isWhole, resumes } from '../../support/fault-fleet.ts';
import { openBaoMissing, startOpenBao } from '../../support/openbao.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';

describe('an apply goes on', { skip: openBaoMissing }, () => {
  for (const home of ['box', 'main'] as const) {
    const where = home === 'box' ? 'beside the cluster' : 'in the cluster';
    test(`when the leader is killed, home ${where}`, async (t) => {
      const bao = await startOpenBao(t, { peers: 3 });
      const fleet = await fleetIn(t, bao, { home });
      const apply = fleet.apply();
      await fleet.isInItsMidst(apply);
      await (await bao.active()).stop('SIGKILL');
      endedWell(await apply.ended);
      await isWhole(fleet);
    });
  }

  test('when a standby is sealed and opened again, and then the leader is sealed', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const fleet = await fleetIn(t, bao);
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    const active = await bao.active();
    const standby = bao.peers.find((peer) => peer !== active);
    await standby!.ask('PUT', 'sys/seal');
    await standby!.unseal();
    await active.ask('PUT', 'sys/seal');
    endedWell(await apply.ended);
    await isWhole(fleet);
  });

  test('when all peers are killed and started again, or says that nobody serves', async (t) => {
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

  test('when the leader is stopped for five seconds', async (t) => {
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
    endedWell(ended);
    await isWhole(fleet);
  });

  test('when the network stalls for five seconds', async (t) => {
    const bao = await startOpenBao(t, { peers: 3 });
    const proxy = await tcpProxy((await bao.active()).port);
    t.after(() => proxy.close());
    const fleet = await fleetIn(t, bao, { addresses: [`https://127.0.0.1:${proxy.port}`] });
    const apply = fleet.apply();
    await fleet.isInItsMidst(apply);
    proxy.stall();
    setTimeout(() => proxy.resume(), 5_000);
    endedWell(await apply.ended);
    await isWhole(fleet);
  });
});
