import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { ApplyContext } from '../../../engine/interfaces.ts';
import { Failure } from '../../../model/failure.ts';
import type { ResourceId } from '../../../model/ids.ts';
import type { Secret } from '../../../model/secret.ts';
import { NoAnswer } from '../../../stores/vault/transport.ts';
import type { LocalSite } from '../../process/local-site.ts';
import { exists, makeOwnedFolder, readIfThere } from '../../process/owned-file.ts';
import { choosePort, isFree, portTaken, releasePort, reservePort } from '../../process/port.ts';
import { firstUnreachable } from '../../process/reachable.ts';
import { readMemory, writeMemory } from '../../process/server-folder.ts';
import type { ServerMemory } from '../../process/server-folder.ts';
import type { VaultServerSpec } from '../vault-server.spec.ts';
import { prepareBao } from './binary.ts';
import { addressOf } from './local-health.ts';
import { PeerApi } from './peer-api.ts';
import { configOf, materialOf, staleFiles } from './peer-files.ts';
import { writePeer } from './peer-folder.ts';
import type { PeerFolder } from './peer-folder.ts';
import { peerHealth } from './peer-health.ts';
import { lastErrors, reloadPeer, runningPeer, startPeer, stopPeer } from './peer-process.ts';
import { peerOf, portOwner } from './peers.ts';
import { unseal } from './unseal.ts';

/** What the parts of an apply share. */
export interface ClusterWork {
  readonly site: LocalSite;
  readonly spec: VaultServerSpec;
  readonly mark: string;
  readonly io: ApplyContext;
  readonly id: ResourceId;
}

/** The peers of one cluster on this machine: their ports, files and processes. Close it in a `finally`. */
export class ClusterProcesses {
  readonly peers: readonly PeerFolder[];
  readonly #work: ClusterWork;
  readonly #memories = new Map<string, ServerMemory>();
  readonly #apis = new Map<string, PeerApi>();
  readonly #heldPorts = new Map<string, Server>();
  #binary = '';

  constructor(work: ClusterWork) {
    this.#work = work;
    this.peers = work.spec.peers.map(({ nodeId }) => peerOf(work.site, work.spec.store, nodeId));
  }

  /** `https://127.0.0.1:PORT`, in the order of the peers. */
  get addresses(): string[] {
    return this.peers.map((peer) => this.#addressOf(peer));
  }

  /** Judges all that can be judged before anything is made, and gives every peer its ports. */
  async prepare(): Promise<void> {
    const { site, spec, io } = this.#work;
    await this.#requireReachable();
    this.#binary = await prepareBao(site.binariesFolder, io.env('PATH') ?? '', spec.version);
    io.guard();
    await this.#givePorts();
  }

  progress(text: string): void {
    this.#work.io.progress(this.#work.id, text);
  }

  /** Writes what differs. Peers that run with another configuration or without their data, and so have to be restarted. */
  async write(): Promise<PeerFolder[]> {
    const { spec, io } = this.#work;
    const restart: PeerFolder[] = [];
    for (const peer of this.peers) {
      const stale = await staleFiles(peer, spec, this.#memories, io);
      if (stale.length === 0) {
        continue;
      }
      io.guard();
      const config = configOf(peer.nodeId, spec, this.#memories);
      const material = await materialOf(peer.nodeId, spec, io);
      await writePeer(peer, { ...material, config: config as NonNullable<typeof config> });
      if ((await runningPeer(peer)) === undefined) {
        continue;
      }
      if (stale.includes('configuration') || stale.includes('data')) {
        restart.push(peer);
      } else {
        await reloadPeer(peer);
      }
    }
    return restart;
  }

  /** Starts peers, or adopts them; each answers when this returns. */
  async start(peers: readonly PeerFolder[] = this.peers): Promise<void> {
    const { signal } = this.#work.io;
    await Promise.all(
      peers.map(async (peer) => {
        const api = await this.#connect(peer);
        await startPeer(peer, {
          binary: this.#binary,
          signal,
          answers: async () => !((await api.ask('GET', 'sys/seal-status')) instanceof NoAnswer),
          progress: (text) => this.progress(text),
        });
      }),
    );
  }

  /** Unseals those that are sealed or just join. Throws `vault-sealed` when there is no share to give. */
  async unseal(peers: readonly PeerFolder[], shares: readonly Secret[]): Promise<void> {
    const { spec, io } = this.#work;
    const sealed = await Promise.all(
      peers.map(async (peer) => {
        const api = await this.#connect(peer);
        const { state } = await peerHealth(api);
        return state === 'sealed' || state === 'uninitialised' ? [api] : [];
      }),
    );
    const needed = sealed.flat();
    if (needed.length === 0) {
      return;
    }
    io.guard();
    if (shares.length === 0) {
      throw sealedByHolders(spec.store, needed);
    }
    this.progress(`unseals ${needed.map(({ peer }) => peer.nodeId).join(', ')}`);
    await Promise.all(needed.map((api) => this.#unsealOne(api, shares)));
  }

  /** A peer that stays sealed has written down why: its shares are ours and right. */
  async #unsealOne(api: PeerApi, shares: readonly Secret[]): Promise<void> {
    try {
      await unseal(api, shares, this.#work.io.signal, () => this.#releaseClusterPort(api.peer.nodeId));
    } catch (error) {
      const peer = this.peers.find(({ nodeId }) => nodeId === api.peer.nodeId) as PeerFolder;
      const errors = error instanceof Failure ? await lastErrors(peer) : '';
      if (!(error instanceof Failure) || errors === '') {
        throw error;
      }
      throw new Failure({
        ...error.details,
        why: `its log ends with:\n${errors}`,
        remedy: `the whole log: ${peer.logFile}`,
      });
    }
  }

  /** Stops peers, empties their data folders and starts them again: they begin anew, or join again. */
  async empty(peers: readonly PeerFolder[] = this.peers): Promise<void> {
    await Promise.all(peers.map((peer) => stopPeer(peer)));
    for (const peer of peers) {
      await rm(peer.dataDirectory, { recursive: true, force: true });
      await makeOwnedFolder(peer.dataDirectory, 0o700, peer.account);
    }
    await this.start(peers);
  }

  close(): void {
    this.#apis.forEach((api) => api.close());
    [...this.#heldPorts.keys()].forEach((nodeId) => this.#releaseClusterPort(nodeId));
  }

  #addressOf({ nodeId }: PeerFolder): string {
    return addressOf(this.#memories.get(nodeId) as ServerMemory);
  }

  /** A connection to each peer, in their order; it trusts what lies in the peer's folder. */
  async connections(): Promise<PeerApi[]> {
    for (const peer of this.peers) {
      if (!this.#apis.has(peer.nodeId)) {
        const ca = (await readIfThere(peer.caFile)) ?? '';
        const address = { nodeId: peer.nodeId, address: this.#addressOf(peer) };
        this.#apis.set(peer.nodeId, new PeerApi(address, { ca, signal: this.#work.io.signal }));
      }
    }
    return this.peers.map(({ nodeId }) => this.#apis.get(nodeId) as PeerApi);
  }

  async #connect({ nodeId }: PeerFolder): Promise<PeerApi> {
    const found = (await this.connections()).find(({ peer }) => peer.nodeId === nodeId);
    return found as PeerApi;
  }

  async #requireReachable(): Promise<void> {
    const { account, storesFolder } = this.#work.site;
    const blocked = account === undefined ? undefined : await firstUnreachable(storesFolder, account);
    if (account !== undefined && blocked !== undefined) {
      throw new Failure({
        code: 'folder-unreachable',
        message: `${blocked} cannot be entered by the account ${account.name}, which runs store ${this.#work.spec.store}`,
        object: `store/${this.#work.spec.store}`,
        why: `everything of this store lies below ${storesFolder}`,
        remedy: `chmod o+x ${blocked}`,
      });
    }
  }

  /** Two ports for each peer, promised before anything is written, remembered and kept. */
  async #givePorts(): Promise<void> {
    for (const peer of this.peers) {
      const known = await readMemory(peer);
      const running = await runningPeer(peer);
      const memory = known === undefined ? undefined : await this.#keepPorts(peer, known, running !== undefined);
      this.#memories.set(peer.nodeId, memory ?? (await this.#choosePorts(peer)));
      if (running === undefined) {
        await this.#holdClusterPort(peer);
      }
    }
  }

  /** Undefined when they are held by somebody else and nobody was told of them yet. */
  async #keepPorts(peer: PeerFolder, known: ServerMemory, isRunning: boolean): Promise<ServerMemory | undefined> {
    const { portsFolder } = this.#work.site;
    const owner = portOwner(peer);
    const { port, clusterPort } = known;
    if (clusterPort === undefined) {
      return undefined;
    }
    for (const each of isRunning ? [] : [port, clusterPort]) {
      if (await isFree(each)) {
        continue;
      }
      if (await exists(join(peer.dataDirectory, 'vault.db'))) {
        throw await portTaken({ name: owner.name }, each, false);
      }
      await Promise.all([port, clusterPort].map((taken) => releasePort(portsFolder, taken, owner)));
      return undefined;
    }
    await Promise.all([port, clusterPort].map((each) => reservePort(portsFolder, each, owner)));
    const memory = { mark: this.#work.mark, port, clusterPort };
    if (known.mark !== memory.mark) {
      await writeMemory(peer, memory);
    }
    return memory;
  }

  async #choosePorts(peer: PeerFolder): Promise<ServerMemory> {
    const { portsFolder } = this.#work.site;
    await makeOwnedFolder(peer.folder, 0o700, peer.account);
    const port = await choosePort(portsFolder, portOwner(peer), new Set());
    const clusterPort = await choosePort(portsFolder, portOwner(peer), new Set([port]));
    const memory = { mark: this.#work.mark, port, clusterPort };
    await writeMemory(peer, memory);
    return memory;
  }

  /** A peer listens there only when it is unsealed, seconds after its start: until then nobody else may have the port. */
  async #holdClusterPort({ nodeId }: PeerFolder): Promise<void> {
    const holder = createServer();
    holder.unref();
    await new Promise<void>((resolve) => {
      holder.once('error', () => resolve());
      holder.listen((this.#memories.get(nodeId) as ServerMemory).clusterPort, '127.0.0.1', resolve);
    });
    this.#heldPorts.set(nodeId, holder);
  }

  #releaseClusterPort(nodeId: string): void {
    this.#heldPorts.get(nodeId)?.close();
    this.#heldPorts.delete(nodeId);
  }
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
