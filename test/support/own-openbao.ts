import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { loadFleet } from '../../src/fleet/load.ts';
import { Secret } from '../../src/model/secret.ts';
import { VaultClient } from '../../src/stores/vault/client.ts';
import { tokenLogin } from '../../src/stores/vault/login/token-file.ts';
import { localSites, serversOf } from '../../src/cli/local-sites.ts';
import type { SiteServer } from '../../src/cli/local-sites.ts';
import { readMemory } from '../../src/targets/process/server-folder.ts';
import { addressOf } from '../../src/targets/vault/server/local-health.ts';
import { PeerApi } from '../../src/targets/vault/server/peer-api.ts';
import { peerHealth } from '../../src/targets/vault/server/peer-health.ts';
import type { PeerFolder } from '../../src/targets/vault/server/peer-folder.ts';
import { realEnvironment } from './file-store.ts';
import type { TestFleet } from './fleet.ts';
import { baoBinary, openBaoMissing } from './openbao.ts';

/** The environment of a command that runs stores: `bao` is on PATH. */
export const withBao: NodeJS.ProcessEnv =
  openBaoMissing === false ? { PATH: `${dirname(baoBinary())}${delimiter}${process.env['PATH'] ?? ''}` } : {};

export interface OwnPeer {
  readonly nodeId: string;
  readonly pid: number | undefined;
  readonly files: PeerFolder;
  readonly address: string;
  readonly api: PeerApi;
}

async function peersOf(fleet: TestFleet): Promise<OwnPeer[]> {
  const { fleet: loaded } = await loadFleet(fleet.folder);
  const servers = loaded === undefined ? [] : await serversOf(await localSites(loaded));
  return Promise.all(servers.filter(({ kind }) => kind === 'peer').map((server) => ownPeer(server)));
}

/** Does something with the peers and closes the connections to them. */
export async function withPeers<T>(fleet: TestFleet, work: (peers: readonly OwnPeer[]) => Promise<T>): Promise<T> {
  const peers = await peersOf(fleet);
  try {
    return await work(peers);
  } finally {
    peers.forEach(({ api }) => api.close());
  }
}

/** Does something as root, as a person with the holders' identities can; the token is revoked afterwards. */
export async function asRoot<T>(
  fleet: TestFleet,
  identities: string,
  work: (root: VaultClient) => Promise<T>,
): Promise<T> {
  const shown = await fleet.must('store', 'root-token', 'main', '--identity', identities, '--show', '--to-pipe');
  return withPeers(fleet, async (peers) => {
    const client = new VaultClient({
      store: 'main',
      addresses: peers.map(({ address }) => address),
      ca: await readFile(peers[0]?.files.caFile ?? '', 'utf8'),
      login: tokenLogin(new Secret(shown.trim()), 'the root token'),
      environment: realEnvironment,
    });
    try {
      return await work(client);
    } finally {
      await client.request({ method: 'POST', path: 'auth/token/revoke-self', body: {} });
      client.close();
    }
  });
}

/** The peer that leads; throws when none does. */
export async function leaderOf(peers: readonly OwnPeer[]): Promise<OwnPeer> {
  for (const peer of peers) {
    if ((await peerHealth(peer.api)).state === 'active') {
      return peer;
    }
  }
  throw new Error('no peer leads');
}

async function ownPeer({ peer, pid }: SiteServer): Promise<OwnPeer> {
  const files = peer as PeerFolder;
  const memory = await readMemory(files);
  if (memory === undefined) {
    throw new Error(`${join(files.folder, 'server.json')} says nothing`);
  }
  const address = addressOf(memory);
  const ca = await readFile(files.caFile, 'utf8');
  return { nodeId: files.nodeId, pid, files, address, api: new PeerApi({ nodeId: files.nodeId, address }, { ca }) };
}
