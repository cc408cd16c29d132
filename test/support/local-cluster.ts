import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { IssuedCertificate } from '../../src/authority/issue.ts';
import type { Secret } from '../../src/model/secret.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import { NoAnswer } from '../../src/stores/vault/transport.ts';
import { BootstrapRecords } from '../../src/targets/vault/server/bootstrap-records.ts';
import { PeerApi } from '../../src/targets/vault/server/peer-api.ts';
import { peerFolder, writePeer } from '../../src/targets/vault/server/peer-folder.ts';
import type { PeerFolder } from '../../src/targets/vault/server/peer-folder.ts';
import { startPeer, stopPeer } from '../../src/targets/vault/server/peer-process.ts';
import type { RunningPeer } from '../../src/targets/vault/server/peer-process.ts';
import { unseal } from '../../src/targets/vault/server/unseal.ts';
import { openStore, storePlace } from './file-store.ts';
import { baoBinary, testAuthority, testCertificate, watchServer } from './openbao.ts';
import { freePort } from './postgres.ts';

export interface LocalPeer {
  readonly files: PeerFolder;
  readonly api: PeerApi;
  readonly address: string;
  start(): Promise<RunningPeer>;
  stop(): Promise<boolean>;
  kill(): Promise<void>;
}

/** Peers as Keywright runs them on a local site, and the fleet's home beside them. */
export interface LocalCluster {
  readonly authority: IssuedCertificate;
  readonly peers: readonly LocalPeer[];
  readonly apis: readonly PeerApi[];
  readonly home: SecretBackend;
  readonly records: BootstrapRecords;
  unsealAll(shares: readonly Secret[]): Promise<void>;
  /** Stops the peers, empties their data folders and starts them again. */
  empty(): Promise<void>;
}

/** Peers that are configured and not started. They end with the test, also when its process is killed. */
export async function localCluster(t: TestContext, count = 3): Promise<LocalCluster> {
  const folder = await mkdtemp('/tmp/kwt-peers-');
  await chmod(folder, 0o755);
  const authority = await testAuthority('peers of a test');
  const ports: (readonly [number, number])[] = [];
  for (let i = 0; i < count; i++) {
    ports.push([await freePort(), await freePort()]);
  }
  const addresses = ports.map(([api]) => `127.0.0.1:${api}`);
  const watchdogs: ChildProcess[] = [];
  const peers = await Promise.all(
    ports.map(async ([api, cluster], i): Promise<LocalPeer> => {
      const files = peerFolder(join(folder, `n${i + 1}`));
      const certificate = await testCertificate(authority, files.nodeId, ['127.0.0.1', 'localhost']);
      await writePeer(files, {
        config: { api: `127.0.0.1:${api}`, cluster: `127.0.0.1:${cluster}`, peers: addresses, audit: ['file'] },
        certificatePem: certificate.certificatePem,
        privateKey: certificate.privateKey,
        caPem: authority.certificatePem,
      });
      const address = `https://127.0.0.1:${api}`;
      const peerApi = new PeerApi({ nodeId: files.nodeId, address }, { ca: authority.certificatePem });
      return {
        files,
        api: peerApi,
        address,
        async start() {
          const running = await startPeer(files, {
            binary: baoBinary(),
            signal: t.signal,
            answers: async () => !((await peerApi.ask('GET', 'sys/seal-status')) instanceof NoAnswer),
          });
          if (!running.adopted) {
            watchdogs.push(watchServer(running.pid, folder));
          }
          return running;
        },
        stop: () => stopPeer(files),
        async kill() {
          const { runningPeer } = await import('../../src/targets/vault/server/peer-process.ts');
          const pid = await runningPeer(files);
          if (pid !== undefined) {
            process.kill(pid, 'SIGKILL');
          }
          await stopPeer(files);
        },
      };
    }),
  );
  t.after(async () => {
    await Promise.all(peers.map((peer) => peer.kill()));
    peers.forEach((peer) => peer.api.close());
    watchdogs.forEach((watchdog) => watchdog.kill('SIGKILL'));
    await rm(folder, { recursive: true, force: true });
  });
  const home = await openStore(await storePlace(t));
  return {
    authority,
    peers,
    apis: peers.map((peer) => peer.api),
    home,
    records: new BootstrapRecords(home, { fleet: 'test', store: 'main' }),
    async unsealAll(shares) {
      await Promise.all(peers.map((peer) => unseal(peer.api, shares, t.signal)));
    },
    async empty() {
      await Promise.all(peers.map((peer) => peer.stop()));
      await Promise.all(peers.map((peer) => rm(join(peer.files.dataDirectory), { recursive: true })));
      const { mkdir } = await import('node:fs/promises');
      await Promise.all(peers.map((peer) => mkdir(peer.files.dataDirectory, { mode: 0o700 })));
      await Promise.all(peers.map((peer) => peer.start()));
    },
  };
}
