import { absent, couldNotAsk, present } from '../../../model/answer.ts';
import type { Answer } from '../../../model/answer.ts';
import type { RunContext } from '../../../engine/interfaces.ts';
import { causeOf, Failure } from '../../../model/failure.ts';
import { asNumber, asText } from '../../../stores/vault/reply.ts';
import type { LocalSite } from '../../process/local-site.ts';
import { readMemory } from '../../process/server-folder.ts';
import type { ServerMemory } from '../../process/server-folder.ts';
import type { VaultServerSpec } from '../vault-server.spec.ts';
import { BootstrapRecords } from './bootstrap-records.ts';
import type { Bootstrap } from './bootstrap-records.ts';
import { raftMembers } from './cluster-state.ts';
import { homeAuthority, identityCertificate } from './home-authority.ts';
import { homeHolder, keySharesOf, otherHolders } from './home-shares.ts';
import type { SealedShare } from './key-holders.ts';
import { identityClient } from './keywright-identity.ts';
import { addressOf, healthOf } from './local-health.ts';
import { readIfThere } from '../../process/owned-file.ts';
import { staleFiles } from './peer-files.ts';
import type { StalePart } from './peer-files.ts';
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
  readonly stale: readonly StalePart[];
}

export interface SeenVaultServer {
  readonly peers: readonly SeenPeer[];
  /** In the folder of a store of this name, not wanted, and in the cluster for all that is known: node ids. */
  readonly beyond: readonly string[];
  /** Not wanted and out of the cluster, and yet it runs. */
  readonly left: readonly string[];
  /** How far its making has come; undefined: never begun. */
  readonly bootstrap?: Pick<Bootstrap, 'state'> & { readonly rootTokenAlive: boolean };
  /** How its keys are held, and should be held instead. */
  readonly keys?: { readonly before: string; readonly after: string };
  /** What its leader runs, as far as it could be asked. */
  readonly version?: string;
  /** Node ids of peers that were taken out of the cluster: each goes on answering as a healthy standby. */
  readonly removed: readonly string[];
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
    const finished = bootstrap?.state === 'initialised' && bootstrap.rootToken === undefined;
    const asked = spec === undefined || !finished ? undefined : await askLeader(peers, spec, context);
    const isOutside = (nodeId: string): boolean => asked !== undefined && !asked.members.includes(nodeId);
    const keys =
      spec === undefined || bootstrap?.state !== 'initialised'
        ? undefined
        : await keysOf(spec, bootstrap.shares, asked?.threshold, context);
    const others = there.filter(({ peer }) => !nodeIds.includes(peer.nodeId));
    return present({
      peers,
      beyond: others.map(({ peer }) => peer.nodeId).filter((nodeId) => !isOutside(nodeId)),
      left: others
        .filter(({ peer, pid }) => pid !== undefined && isOutside(peer.nodeId))
        .map(({ peer }) => peer.nodeId),
      removed: peers
        .filter(({ health }) => health?.state === 'standby')
        .map(({ peer }) => peer.nodeId)
        .filter(isOutside),
      ...(keys === undefined ? {} : { keys }),
      ...(asked === undefined ? {} : { version: asked.version }),
      ...(bootstrap === undefined
        ? {}
        : { bootstrap: { state: bootstrap.state, rootTokenAlive: bootstrap.rootToken !== undefined } }),
    });
  } catch (error) {
    return couldNotAsk(causeOf(error));
  }
}

async function keysOf(
  spec: VaultServerSpec,
  shares: readonly SealedShare[],
  threshold: number | undefined,
  context: RunContext,
): Promise<SeenVaultServer['keys']> {
  const home = await homeHolder(spec, context.folder);
  return spec.keyShares === undefined && home === undefined
    ? undefined
    : otherHolders(keySharesOf(spec, home), shares, threshold);
}

interface LeaderSays {
  readonly members: readonly string[];
  /** How many shares unseal it. */
  readonly threshold: number;
  readonly version: string;
}

/** Undefined when it cannot be asked now. */
async function askLeader(
  peers: readonly SeenPeer[],
  spec: VaultServerSpec,
  context: RunContext,
): Promise<LeaderSays | undefined> {
  const leader = peers.find(({ health }) => health?.state === 'active');
  const ca = leader === undefined ? undefined : await readIfThere(leader.peer.caFile);
  if (leader?.memory === undefined || ca === undefined) {
    return undefined;
  }
  const home = await context.store(spec.home.store);
  const options = { fleet: context.fleet, store: spec.store, environment: context.environment };
  const client = identityClient(
    { store: spec.store, addresses: [addressOf(leader.memory)], ca, environment: context.environment, patience: 2000 },
    async () => identityCertificate(await homeAuthority(home, options), options),
  );
  try {
    const [members, status] = await Promise.all([
      raftMembers(client),
      client.request({ method: 'GET', path: 'sys/seal-status' }),
    ]);
    return { members, threshold: asNumber(status.data['t']), version: asText(status.data['version']) };
  } catch (error) {
    if (error instanceof Failure) {
      return undefined;
    }
    throw error;
  } finally {
    await client.end();
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
