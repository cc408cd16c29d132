import { absent, couldNotAsk, present } from '../../../model/answer.ts';
import type { Answer } from '../../../model/answer.ts';
import type { RunContext } from '../../../engine/interfaces.ts';
import { causeOf, Failure } from '../../../model/failure.ts';
import type { LocalSite } from '../../process/local-site.ts';
import { readMemory } from '../../process/server-folder.ts';
import type { ServerMemory } from '../../process/server-folder.ts';
import type { VaultServerSpec } from '../vault-server.spec.ts';
import { BootstrapRecords } from './bootstrap-records.ts';
import type { Bootstrap } from './bootstrap-records.ts';
import { healthOf } from './local-health.ts';
import { homeHolder, sharesOfHome } from './home-shares.ts';
import { staleFiles } from './peer-files.ts';
import type { PeerFolder } from './peer-folder.ts';
import type { PeerHealth } from './peer-health.ts';
import { runningPeer } from './peer-process.ts';
import { listPeers, peerOf } from './peers.ts';

export interface SeenPeer {
  readonly peer: PeerFolder;
  readonly memory?: ServerMemory;
  readonly pid?: number;
  /** While it runs. */
  readonly health?: PeerHealth;
  /** What lies in its folder and is not what it should be. */
  readonly stale: readonly ('configuration' | 'certificate')[];
}

export interface SeenVaultServer {
  readonly peers: readonly SeenPeer[];
  /** In the folder of a store of this name, and not wanted: node ids. */
  readonly beyond: readonly string[];
  /** How far its making has come; undefined: never begun. */
  readonly bootstrap?: Pick<Bootstrap, 'state'> & { readonly rootTokenAlive: boolean };
  /** Keywright itself holds enough shares to unseal it. */
  readonly unseals: boolean;
}

/** Looks at one cluster, from its files, its processes and what each peer says of itself. */
export async function observeVaultServer(
  site: LocalSite,
  store: string,
  spec: VaultServerSpec | undefined,
  context: RunContext,
): Promise<Answer<SeenVaultServer>> {
  try {
    const there = (await listPeers(site)).filter((each) => each.store === store);
    const nodeIds = spec?.peers.map(({ nodeId }) => nodeId) ?? there.map(({ peer }) => peer.nodeId);
    const bootstrap = spec === undefined ? undefined : await readBootstrap(spec, context);
    if (there.length === 0 && bootstrap === undefined) {
      return absent;
    }
    const memories = new Map<string, ServerMemory>();
    for (const nodeId of nodeIds) {
      const memory = await readMemory(peerOf(site, store, nodeId));
      if (memory !== undefined) {
        memories.set(nodeId, memory);
      }
    }
    const peers = await Promise.all(
      nodeIds.map((nodeId) => observePeer(peerOf(site, store, nodeId), memories, spec, context)),
    );
    const home = spec === undefined ? undefined : await homeHolder(spec, context.folder);
    const opened = await sharesOfHome(bootstrap?.shares ?? [], home);
    return present({
      peers,
      beyond: there.map(({ peer }) => peer.nodeId).filter((nodeId) => !nodeIds.includes(nodeId)),
      unseals: opened.length > 0 && opened.length >= (spec?.keyShares?.threshold ?? 1),
      ...(bootstrap === undefined
        ? {}
        : { bootstrap: { state: bootstrap.state, rootTokenAlive: bootstrap.rootToken !== undefined } }),
    });
  } catch (error) {
    return couldNotAsk(causeOf(error));
  }
}

async function readBootstrap(spec: VaultServerSpec, context: RunContext): Promise<Bootstrap | undefined> {
  try {
    return await (await records(spec, context)).read();
  } catch (error) {
    if (error instanceof Failure && error.code === 'store-not-made') {
      return undefined;
    }
    throw error;
  }
}

/** How far the making of a store has come, in its fleet's home. */
export async function records(spec: VaultServerSpec, context: RunContext): Promise<BootstrapRecords> {
  return new BootstrapRecords(await context.store(spec.home.store), { fleet: context.fleet, store: spec.store });
}

async function observePeer(
  peer: PeerFolder,
  memories: ReadonlyMap<string, ServerMemory>,
  spec: VaultServerSpec | undefined,
  context: RunContext,
): Promise<SeenPeer> {
  const memory = memories.get(peer.nodeId);
  const pid = await runningPeer(peer);
  const stale = spec === undefined ? [] : await staleFiles(peer, spec, memories, context);
  const health = pid === undefined ? undefined : await healthOf(peer, context.signal);
  return {
    peer,
    stale,
    ...(memory === undefined ? {} : { memory }),
    ...(pid === undefined ? {} : { pid }),
    ...(health === undefined ? {} : { health }),
  };
}
