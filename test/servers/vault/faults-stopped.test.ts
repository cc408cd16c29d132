import assert from 'node:assert/strict';
import { readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fleetIn, resumes } from '../../support/fault-fleet.ts';
import { keywright } from '../../support/keywright.ts';
import { notOpenBao, openBaoMissing, startOpenBao, waitFor } from '../../support/openbao.ts';

describe('an apply stops, says why, and is finished by the next', { skip: openBaoMissing }, () => {
  test('when all peers are killed and stay away', async (t) => {
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

  test('when the token is revoked', async (t) => {
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

  test('when the audit disk is full', { skip: notOpenBao }, async (t) => {
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
