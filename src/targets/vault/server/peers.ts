import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists } from '../../process/owned-file.ts';
import type { LocalSite } from '../../process/local-site.ts';
import { releasePort } from '../../process/port.ts';
import { readMemory } from '../../process/server-folder.ts';
import { peerFolder } from './peer-folder.ts';
import type { PeerFolder } from './peer-folder.ts';
import { runningPeer, stopPeer } from './peer-process.ts';

export interface LocalPeer {
  /** Of the Store. */
  readonly store: string;
  readonly peer: PeerFolder;
  /** Undefined while it is stopped. */
  readonly pid?: number;
}

/** `n1` is the first. */
export function peerOf(site: Pick<LocalSite, 'storesFolder' | 'account'>, store: string, nodeId: string): PeerFolder {
  return peerFolder(join(site.storesFolder, store, nodeId), site.account);
}

/** Every peer of every store that a site has on this machine, also of one that left the fleet, in the order of names. */
export async function listPeers(site: LocalSite): Promise<readonly LocalPeer[]> {
  const found: LocalPeer[] = [];
  for (const store of await names(site.storesFolder)) {
    for (const nodeId of await names(join(site.storesFolder, store))) {
      const peer = peerOf(site, store, nodeId);
      const pid = await runningPeer(peer);
      found.push({ store, peer, ...(pid === undefined ? {} : { pid }) });
    }
  }
  return found;
}

/** Deletes a stopped peer with its data, its audit log and the promises of its ports. */
export async function deletePeer(site: LocalSite, peer: PeerFolder): Promise<void> {
  const memory = await readMemory(peer);
  await rm(peer.folder, { recursive: true, force: true });
  for (const port of [memory?.port, memory?.clusterPort]) {
    if (port !== undefined) {
      await releasePort(site.portsFolder, port, portOwner(peer));
    }
  }
}

/** Stops and deletes every peer of the site with its data; folders that are empty then go too. */
export async function purgePeers(site: LocalSite): Promise<void> {
  const peers = await listPeers(site);
  await Promise.all(peers.map(({ peer }) => stopPeer(peer)));
  for (const { peer } of peers) {
    await deletePeer(site, peer);
  }
  for (const store of await names(site.storesFolder)) {
    await rmdir(join(site.storesFolder, store)).catch(() => {});
  }
  await rmdir(site.storesFolder).catch(() => {});
  if (!(await exists(site.storesFolder))) {
    await rmdir(dirname(site.storesFolder)).catch(() => {});
  }
}

/** For messages and the promise of a port. */
export function portOwner({ nodeId, folder, dataDirectory }: PeerFolder): { name: string; dataDirectory: string } {
  return { name: `peer ${nodeId} in ${dirname(folder)}`, dataDirectory };
}

async function names(folder: string): Promise<string[]> {
  const found: string[] = await readdir(folder).catch(() => []);
  return found.filter((name) => !name.startsWith('.')).sort();
}
