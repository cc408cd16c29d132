import { dirname } from 'node:path';
import { resourceId, targetId } from '../../../model/ids.ts';
import type { Secret } from '../../../model/secret.ts';
import { Failure } from '../../../model/failure.ts';
import type { SecretBackend } from '../../../stores/backend.ts';
import { VaultClient } from '../../../stores/vault/client.ts';
import type { VaultClientOptions } from '../../../stores/vault/client.ts';
import { VaultRefusal } from '../../../stores/vault/failures.ts';
import { tokenLogin } from '../../../stores/vault/login/token-file.ts';
import { formatMark } from '../../process/mark.ts';
import type { Bootstrap, BootstrapRecords } from './bootstrap-records.ts';
import { ClusterProcesses } from './cluster-processes.ts';
import type { ClusterWork } from './cluster-processes.ts';
import { clusterState, isComplete, quickenVoting, raftMembers } from './cluster-state.ts';
import { giveIdentity } from './give-identity.ts';
import { homeAuthority, identityCertificate } from './home-authority.ts';
import { homeHolder, keySharesOf, sharesOfHome } from './home-shares.ts';
import { initializeUnderLock } from './initialize.ts';
import { identityClient } from './keywright-identity.ts';
import { materialOf } from './peer-files.ts';
import type { PeerFolder } from './peer-folder.ts';
import { lastErrors, stopPeer } from './peer-process.ts';
import { records } from './vault-server-observe.ts';
import { waitUntil } from './wait.ts';

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
export async function ensureVaultServer(work: ClusterWork): Promise<EnsuredServer> {
  const processes = new ClusterProcesses(work);
  try {
    return await new Ensuring(work, processes).run();
  } finally {
    processes.close();
  }
}

class Ensuring {
  readonly #work: ClusterWork;
  readonly #processes: ClusterProcesses;
  readonly #restarted: string[] = [];

  constructor(work: ClusterWork, processes: ClusterProcesses) {
    this.#work = work;
    this.#processes = processes;
  }

  async run(): Promise<EnsuredServer> {
    const { spec, io } = this.#work;
    const processes = this.#processes;
    await processes.prepare();
    const home = await io.store(spec.home.store);
    const bootstrapRecords = await records(spec, io);
    const restart = await processes.write();
    const staying = processes.peers.filter((peer) => !restart.includes(peer));
    await processes.start(staying);
    const bootstrap = await this.#bootstrap(bootstrapRecords, staying);
    const client = {
      store: spec.store,
      addresses: processes.addresses,
      ca: (await materialOf(spec.peers[0]?.nodeId ?? '', spec, io)).caPem,
      environment: io.environment,
      signal: io.signal,
    };
    await this.#giveIdentity(home, bootstrapRecords, bootstrap, client);
    const own = identityClient(client, this.#certificate(home));
    try {
      await this.#mountKv(own);
      await this.#takeBack(own, bootstrapRecords);
      await this.#waitForVotes(own);
      // One by one, so that the cluster never stops: each peer votes again before the next one goes.
      for (const peer of restart) {
        io.guard();
        await this.#restart(peer, bootstrapRecords);
        await this.#waitForVotes(own);
      }
    } finally {
      await own.end();
    }
    const note = this.#restarted.length === 0 ? {} : { note: `restarted ${this.#restarted.join(', ')}` };
    return { addresses: processes.addresses, ...note };
  }

  /** Initialises the cluster when nobody did, and unseals those that need no restart. */
  async #bootstrap(bootstrapRecords: BootstrapRecords, staying: readonly PeerFolder[]): Promise<Bootstrap> {
    const { spec, io } = this.#work;
    const home = await homeHolder(spec, io.folder);
    io.guard();
    const { bootstrap, shares } = await initializeUnderLock(
      {
        store: spec.store,
        peers: await this.#processes.connections(),
        keyShares: keySharesOf(spec, home),
        records: bootstrapRecords,
      },
      () => this.#processes.empty(),
    );
    await this.#processes.unseal(staying, shares ?? (await sharesOfHome(bootstrap.shares, home)));
    return bootstrap;
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
    this.#work.io.guard();
    this.#processes.progress('gives Keywright an identity of its own, and ends the root token');
    await this.#asRoot(client, rootToken, quickenVoting);
    const { spec, io } = this.#work;
    await giveIdentity({
      fleet: io.fleet,
      spec,
      home,
      client,
      rootToken,
      shares: bootstrap.shares,
      environment: io.environment,
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
    return { fleet: this.#work.io.fleet, store: this.#work.spec.store, environment: this.#work.io.environment };
  }

  #certificate(home: SecretBackend) {
    return async () =>
      identityCertificate(await homeAuthority(home, this.#authorityOptions()), this.#authorityOptions());
  }

  /** With the mark of its own resource, which keeps its tuning from then on. */
  async #mountKv(own: VaultClient): Promise<void> {
    const { kv } = this.#work.spec.mounts;
    const mounted = (await own.request({ method: 'GET', path: 'sys/mounts' })).data;
    if (mounted[`${kv}/`] !== undefined) {
      return;
    }
    this.#work.io.guard();
    const id = resourceId(targetId('store', this.#work.spec.store), 'mount', kv);
    const description = formatMark({ fleet: this.#work.io.fleet, id });
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
    await waitUntil(joiningMilliseconds, this.#work.io.signal, async () => {
      const members = await raftMembers(own);
      outside = this.#processes.peers.filter(({ nodeId }) => !members.includes(nodeId));
      return outside.length === 0;
    });
    for (const peer of outside) {
      this.#work.io.guard();
      this.#processes.progress(`takes ${peer.nodeId} back into the cluster`);
      await this.#processes.empty([peer]);
      await this.#unsealAgain(peer, bootstrapRecords);
    }
  }

  async #waitForVotes(own: VaultClient): Promise<void> {
    const expected = this.#processes.peers.map(({ nodeId }) => nodeId);
    let seen = '';
    const complete = await waitUntil(votesMilliseconds, this.#work.io.signal, async () => {
      const state = await clusterState(own);
      const missing = expected.filter((nodeId) => !isComplete({ ...state, healthy: true }, [nodeId]));
      seen =
        missing.length > 0 ? `${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} not vote` : 'unhealthy';
      this.#processes.progress('waits until every peer votes');
      return isComplete(state, expected);
    });
    if (!complete) {
      const errors = await Promise.all(this.#processes.peers.map(lastErrors));
      const told = errors.filter((each) => each !== '').join('\n');
      throw new Failure({
        code: 'vault-cluster-incomplete',
        message: `the cluster of store ${this.#work.spec.store} is not whole after ${votesMilliseconds / 1000} s: ${seen}`,
        object: `store/${this.#work.spec.store}`,
        why: `with peers that do not vote, the loss of another one stops it${told === '' ? '' : `; their logs end with:\n${told}`}`,
        remedy: `the whole logs: server.log in each folder of ${dirname(this.#processes.peers[0]?.folder ?? '')}`,
      });
    }
  }

  async #restart(peer: PeerFolder, bootstrapRecords: BootstrapRecords): Promise<void> {
    this.#processes.progress(`restarts ${peer.nodeId}`);
    await stopPeer(peer);
    await this.#processes.start([peer]);
    await this.#unsealAgain(peer, bootstrapRecords);
    this.#restarted.push(peer.nodeId);
  }

  async #unsealAgain(peer: PeerFolder, bootstrapRecords: BootstrapRecords): Promise<void> {
    const home = await homeHolder(this.#work.spec, this.#work.io.folder);
    const shares = await sharesOfHome((await bootstrapRecords.read())?.shares ?? [], home);
    await this.#processes.unseal([peer], shares);
  }
}
