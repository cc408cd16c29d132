import { rm } from 'node:fs/promises';
import type { ApplyContext } from '../../../engine/interfaces.ts';
import { resourceId, targetId } from '../../../model/ids.ts';
import type { ResourceId } from '../../../model/ids.ts';
import { Secret } from '../../../model/secret.ts';
import { Failure } from '../../../model/failure.ts';
import type { SecretBackend } from '../../../stores/backend.ts';
import { VaultClient } from '../../../stores/vault/client.ts';
import type { VaultClientOptions } from '../../../stores/vault/client.ts';
import { VaultRefusal } from '../../../stores/vault/failures.ts';
import { tokenLogin } from '../../../stores/vault/login/token-file.ts';
import { NoAnswer } from '../../../stores/vault/transport.ts';
import type { LocalSite } from '../../process/local-site.ts';
import { formatMark } from '../../process/mark.ts';
import { makeOwnedFolder, readIfThere } from '../../process/owned-file.ts';
import { choosePort, isFree, portTaken, reservePort } from '../../process/port.ts';
import { firstUnreachable } from '../../process/reachable.ts';
import { readMemory, writeMemory } from '../../process/server-folder.ts';
import type { ServerMemory } from '../../process/server-folder.ts';
import type { VaultServerSpec } from '../vault-server.spec.ts';
import { prepareBao } from './binary.ts';
import type { Bootstrap, BootstrapRecords } from './bootstrap-records.ts';
import { sealBreakGlass } from './break-glass.ts';
import { clusterState, isComplete, quickenVoting, raftMembers } from './cluster-state.ts';
import { homeAuthority, identityCertificate } from './home-authority.ts';
import { homeHolder, keySharesOf, sharesOfHome } from './home-shares.ts';
import { initializeUnderLock } from './initialize.ts';
import { createKeywrightIdentity, identityClient } from './keywright-identity.ts';
import { PeerApi } from './peer-api.ts';
import { configOf, materialOf, staleFiles } from './peer-files.ts';
import { writePeer } from './peer-folder.ts';
import type { PeerFolder } from './peer-folder.ts';
import { peerHealth } from './peer-health.ts';
import { reloadPeer, runningPeer, startPeer, stopPeer } from './peer-process.ts';
import { peerOf, portOwner } from './peers.ts';
import { unseal } from './unseal.ts';
import { waitUntil } from './wait.ts';
import { addressOf } from './local-health.ts';
import { records } from './vault-server-observe.ts';

const votesMilliseconds = 90_000;
const joiningMilliseconds = 5_000;

/** The addresses of all peers, in their order. */
export interface EnsuredServer {
  readonly addresses: readonly string[];
  readonly note?: string;
}

/**
 * Brings a cluster to where the fleet wants it, from whatever is there. Every step may be repeated, and a run that was
 * killed anywhere is finished by the next one.
 */
export async function ensureVaultServer(
  site: LocalSite,
  spec: VaultServerSpec,
  mark: string,
  io: ApplyContext,
  id: ResourceId,
): Promise<EnsuredServer> {
  const ensuring = new Ensuring(site, spec, mark, io, id);
  try {
    return await ensuring.run();
  } finally {
    ensuring.close();
  }
}

class Ensuring {
  readonly #site: LocalSite;
  readonly #spec: VaultServerSpec;
  readonly #mark: string;
  readonly #io: ApplyContext;
  readonly #id: ResourceId;
  readonly #peers: readonly PeerFolder[];
  readonly #memories = new Map<string, ServerMemory>();
  readonly #apis: PeerApi[] = [];
  #binary = '';
  #restarted: string[] = [];

  constructor(site: LocalSite, spec: VaultServerSpec, mark: string, io: ApplyContext, id: ResourceId) {
    this.#site = site;
    this.#spec = spec;
    this.#mark = mark;
    this.#io = io;
    this.#id = id;
    this.#peers = spec.peers.map(({ nodeId }) => peerOf(site, spec.store, nodeId));
  }

  async run(): Promise<EnsuredServer> {
    await this.#requireReachable();
    this.#binary = await prepareBao(this.#site.binariesFolder, this.#io.env('PATH') ?? '', this.#spec.version);
    this.#io.guard();
    await this.#givePorts();
    const home = await this.#io.store(this.#spec.home.store);
    const bootstrapRecords = await records(this.#spec, this.#io);
    const restart = await this.#write();
    await this.#start(this.#peers.filter((peer) => !restart.includes(peer)));
    const ca = (await materialOf(this.#peers[0]?.nodeId ?? '', this.#spec, this.#io)).caPem;
    for (const peer of this.#peers) {
      const memory = this.#memories.get(peer.nodeId) as ServerMemory;
      const address = { nodeId: peer.nodeId, address: addressOf(memory) };
      this.#apis.push(new PeerApi(address, { ca, signal: this.#io.signal }));
    }
    // Restarts come one by one, so that the cluster never stops: each peer votes again before the next one goes.
    const fresh = await this.#bootstrap(bootstrapRecords, restart);
    const client: Omit<VaultClientOptions, 'login'> = {
      store: this.#spec.store,
      addresses: this.#addresses(),
      ca,
      environment: this.#io.environment,
      signal: this.#io.signal,
    };
    await this.#giveIdentity(home, bootstrapRecords, fresh, client);
    const own = identityClient(client, this.#certificate(home));
    try {
      await this.#mountKv(own);
      await this.#takeBack(own, bootstrapRecords);
      await this.#waitForVotes(own);
      for (const peer of restart) {
        this.#io.guard();
        await this.#restart(peer, bootstrapRecords);
        await this.#waitForVotes(own);
      }
    } finally {
      own.close();
    }
    const note = this.#restarted.length === 0 ? {} : { note: `restarted ${this.#restarted.join(', ')}` };
    return { addresses: this.#addresses(), ...note };
  }

  close(): void {
    this.#apis.forEach((api) => api.close());
  }

  #addresses(): string[] {
    return this.#peers.map(({ nodeId }) => addressOf(this.#memories.get(nodeId) as ServerMemory));
  }

  #progress(text: string): void {
    this.#io.progress(this.#id, text);
  }

  async #requireReachable(): Promise<void> {
    const { account, storesFolder } = this.#site;
    const blocked = account === undefined ? undefined : await firstUnreachable(storesFolder, account);
    if (account !== undefined && blocked !== undefined) {
      throw new Failure({
        code: 'folder-unreachable',
        message: `${blocked} cannot be entered by the account ${account.name}, which runs store ${this.#spec.store}`,
        object: `store/${this.#spec.store}`,
        why: `everything of this store lies below ${storesFolder}`,
        remedy: `chmod o+x ${blocked}`,
      });
    }
  }

  /** Two ports for each peer, promised before anything is written, remembered and kept. */
  async #givePorts(): Promise<void> {
    const { portsFolder } = this.#site;
    for (const peer of this.#peers) {
      const owner = portOwner(peer);
      const known = await readMemory(peer);
      if (known?.clusterPort !== undefined) {
        const running = await runningPeer(peer);
        for (const port of [known.port, known.clusterPort]) {
          if (running === undefined && !(await isFree(port))) {
            throw await portTaken({ name: owner.name }, port, false);
          }
          await reservePort(portsFolder, port, owner);
        }
        this.#memories.set(peer.nodeId, known);
        if (known.mark !== this.#mark) {
          await writeMemory(peer, { ...known, mark: this.#mark });
        }
        continue;
      }
      await makeOwnedFolder(peer.folder, 0o700, peer.account);
      const port = await choosePort(portsFolder, owner, new Set());
      const clusterPort = await choosePort(portsFolder, owner, new Set([port]));
      const memory = { mark: this.#mark, port, clusterPort };
      await writeMemory(peer, memory);
      this.#memories.set(peer.nodeId, memory);
    }
  }

  /** Writes what differs. Peers that run with another configuration, and so have to be restarted. */
  async #write(): Promise<PeerFolder[]> {
    const restart: PeerFolder[] = [];
    for (const peer of this.#peers) {
      const stale = await staleFiles(peer, this.#spec, this.#memories, this.#io);
      if (stale.length === 0) {
        continue;
      }
      this.#io.guard();
      const config = configOf(peer.nodeId, this.#spec, this.#memories);
      const material = await materialOf(peer.nodeId, this.#spec, this.#io);
      await writePeer(peer, { ...material, config: config as NonNullable<typeof config> });
      if ((await runningPeer(peer)) === undefined) {
        continue;
      }
      if (stale.includes('configuration')) {
        restart.push(peer);
      } else {
        await reloadPeer(peer);
      }
    }
    return restart;
  }

  async #start(peers: readonly PeerFolder[]): Promise<void> {
    await Promise.all(
      peers.map(async (peer) => {
        const memory = this.#memories.get(peer.nodeId) as ServerMemory;
        const ca = (await readIfThere(peer.caFile)) ?? '';
        const address = { nodeId: peer.nodeId, address: addressOf(memory) };
        const api = new PeerApi(address, { ca, signal: this.#io.signal });
        try {
          await startPeer(peer, {
            binary: this.#binary,
            signal: this.#io.signal,
            answers: async () => !((await api.ask('GET', 'sys/seal-status')) instanceof NoAnswer),
            progress: (text) => this.#progress(text),
          });
        } finally {
          api.close();
        }
      }),
    );
  }

  /** Initialises the cluster when nobody did, and unseals every peer that runs. */
  async #bootstrap(bootstrapRecords: BootstrapRecords, restart: readonly PeerFolder[]): Promise<Bootstrap> {
    const home = await homeHolder(this.#spec, this.#io.folder);
    this.#io.guard();
    const { bootstrap, shares } = await initializeUnderLock(
      {
        store: this.#spec.store,
        peers: this.#apis,
        keyShares: keySharesOf(this.#spec, home),
        records: bootstrapRecords,
      },
      () => this.#empty(),
    );
    const usable = shares ?? (await sharesOfHome(bootstrap.shares, home));
    const staying = this.#apis.filter((api) => !restart.some(({ nodeId }) => nodeId === api.peer.nodeId));
    await this.#unseal(staying, usable);
    return bootstrap;
  }

  async #unseal(apis: readonly PeerApi[], shares: readonly Secret[]): Promise<void> {
    const sealed = await Promise.all(
      apis.map(async (api) => {
        const { state } = await peerHealth(api);
        return state === 'sealed' || state === 'uninitialised' ? [api] : [];
      }),
    );
    const needed = sealed.flat();
    if (needed.length === 0) {
      return;
    }
    this.#io.guard();
    if (shares.length === 0) {
      throw sealedByHolders(this.#spec.store, needed);
    }
    this.#progress(`unseals ${needed.map(({ peer }) => peer.nodeId).join(', ')}`);
    await Promise.all(needed.map((api) => unseal(api, shares, this.#io.signal)));
  }

  /** Peers of which nobody has the keys: stopped, emptied, started. */
  async #empty(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => stopPeer(peer)));
    for (const peer of this.#peers) {
      await rm(peer.dataDirectory, { recursive: true, force: true });
      await makeOwnedFolder(peer.dataDirectory, 0o700, peer.account);
    }
    await this.#start(this.#peers);
  }

  async #giveIdentity(
    home: SecretBackend,
    bootstrapRecords: BootstrapRecords,
    bootstrap: Bootstrap,
    client: Omit<VaultClientOptions, 'login'>,
  ): Promise<void> {
    const { rootToken } = bootstrap;
    if (rootToken === undefined) {
      return;
    }
    this.#io.guard();
    this.#progress('gives Keywright an identity of its own, and ends the root token');
    const authority = await homeAuthority(home, this.#authorityOptions());
    const holders = [...new Set(bootstrap.shares.map(({ holder }) => holder))];
    await this.#asRoot(client, rootToken, quickenVoting);
    await createKeywrightIdentity({
      fleet: this.#io.fleet,
      client,
      rootToken,
      authorityPem: authority.certificatePem,
      certificate: this.#certificate(home),
      mounts: {
        kv: [this.#spec.mounts.kv],
        database: [this.#spec.mounts.database],
        pki: [this.#spec.mounts.pki],
        transit: [this.#spec.mounts.transit],
      },
      keepBreakGlass: async (credential) => {
        const armored = await sealBreakGlass(credential, holders);
        const path = breakGlassPath(this.#io.fleet, this.#spec.store);
        await home.write({ path, data: new Map([['armored', new Secret(armored)]]) });
      },
    });
    await bootstrapRecords.forgetRootToken(bootstrap);
  }

  /** Does something as root; a token that an earlier run ended already has nothing left to do. */
  async #asRoot(
    client: Omit<VaultClientOptions, 'login'>,
    rootToken: Secret,
    work: (root: VaultClient) => Promise<void>,
  ): Promise<void> {
    const root = new VaultClient({ ...client, login: tokenLogin(rootToken, 'the root token') });
    try {
      await work(root);
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'vault-token-refused')) {
        throw error;
      }
    } finally {
      root.close();
    }
  }

  #authorityOptions() {
    return { fleet: this.#io.fleet, store: this.#spec.store, environment: this.#io.environment };
  }

  #certificate(home: SecretBackend) {
    return async () =>
      identityCertificate(await homeAuthority(home, this.#authorityOptions()), this.#authorityOptions());
  }

  /** With the mark of its own resource, which keeps its tuning from then on. */
  async #mountKv(own: VaultClient): Promise<void> {
    const { kv } = this.#spec.mounts;
    const mounted = (await own.request({ method: 'GET', path: 'sys/mounts' })).data;
    if (mounted[`${kv}/`] !== undefined) {
      return;
    }
    this.#io.guard();
    const id = resourceId(targetId('store', this.#spec.store), 'mount', kv);
    const description = formatMark({ fleet: this.#io.fleet, id });
    const body = { type: 'kv', options: { version: '2' }, description };
    try {
      await own.request({ method: 'POST', path: `sys/mounts/${kv}`, body, repeat: 'safe' });
    } catch (error) {
      if (!(error instanceof VaultRefusal && error.code === 'vault-exists')) {
        throw error;
      }
    }
  }

  /**
   * A peer that was taken out of the cluster comes back only with an empty data folder. The others have all that it had:
   * they lead without it.
   */
  async #takeBack(own: VaultClient, bootstrapRecords: BootstrapRecords): Promise<void> {
    let outside: readonly PeerFolder[] = [];
    // One that just joins is in the configuration within moments.
    await waitUntil(joiningMilliseconds, this.#io.signal, async () => {
      const members = await raftMembers(own);
      outside = this.#peers.filter(({ nodeId }) => !members.includes(nodeId));
      return outside.length === 0;
    });
    for (const peer of outside) {
      this.#io.guard();
      this.#progress(`takes ${peer.nodeId} back into the cluster`);
      await stopPeer(peer);
      await rm(peer.dataDirectory, { recursive: true, force: true });
      await makeOwnedFolder(peer.dataDirectory, 0o700, peer.account);
      await this.#startAgain(peer, bootstrapRecords);
    }
  }

  async #waitForVotes(own: VaultClient): Promise<void> {
    const expected = this.#peers.map(({ nodeId }) => nodeId);
    let seen = '';
    const complete = await waitUntil(votesMilliseconds, this.#io.signal, async () => {
      const state = await clusterState(own);
      const missing = expected.filter((nodeId) => !isComplete({ ...state, healthy: true }, [nodeId]));
      seen =
        missing.length > 0 ? `${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} not vote` : 'unhealthy';
      this.#progress('waits until every peer votes');
      return isComplete(state, expected);
    });
    if (!complete) {
      throw new Failure({
        code: 'vault-cluster-incomplete',
        message: `the cluster of store ${this.#spec.store} is not whole after ${votesMilliseconds / 1000} s: ${seen}`,
        object: `store/${this.#spec.store}`,
        why: 'with peers that do not vote, the loss of another one stops it',
        remedy: `the reason is likely in the log of the peer: ${this.#peers[0]?.logFile}`,
      });
    }
  }

  async #restart(peer: PeerFolder, bootstrapRecords: BootstrapRecords): Promise<void> {
    this.#progress(`restarts ${peer.nodeId}`);
    await stopPeer(peer);
    await this.#startAgain(peer, bootstrapRecords);
    this.#restarted.push(peer.nodeId);
  }

  async #startAgain(peer: PeerFolder, bootstrapRecords: BootstrapRecords): Promise<void> {
    await this.#start([peer]);
    const home = await homeHolder(this.#spec, this.#io.folder);
    const shares = await sharesOfHome((await bootstrapRecords.read())?.shares ?? [], home);
    await this.#unseal(
      this.#apis.filter((api) => api.peer.nodeId === peer.nodeId),
      shares,
    );
  }
}

/** Where the way back in lies in the fleet's home, readable by the holders of shares alone. */
export function breakGlassPath(fleet: string, store: string): string {
  return `keywright/${fleet}/stores/${store}/break-glass`;
}

function sealedByHolders(store: string, apis: readonly PeerApi[]): Failure {
  return new Failure({
    code: 'vault-sealed',
    message: `store ${store} is sealed (${apis.map(({ peer }) => `peer ${peer.nodeId}`).join(', ')})`,
    object: `store/${store}`,
    why: 'its key shares are with people; Keywright holds none that it could give',
    remedy: `keywright unseal ${store}, with the shares of enough holders`,
    exitCode: 3,
  });
}
