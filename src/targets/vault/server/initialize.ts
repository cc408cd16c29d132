import { Failure } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';
import { asText, strings } from '../../../stores/vault/reply.ts';
import { NoAnswer } from '../../../stores/vault/transport.ts';
import type { Bootstrap, BootstrapRecords } from './bootstrap-records.ts';
import { checkHolders, checkKeyShares, sealShares } from './key-holders.ts';
import type { KeyShares } from './key-holders.ts';
import { peerSilent } from './peer-api.ts';
import type { PeerApi } from './peer-api.ts';

/** A fresh raft peer takes up to 9 s to initialise; a loaded machine longer. */
const initMilliseconds = 90_000;

export interface InitializeOptions {
  readonly store: string;
  /** Every peer of the cluster, each running. */
  readonly peers: readonly PeerApi[];
  readonly keyShares: KeyShares;
  readonly records: BootstrapRecords;
}

export interface Initialized {
  readonly bootstrap: Bootstrap;
  /** The shares in clear, in memory only, when it was done now: enough to unseal without asking the holders. */
  readonly shares?: readonly Secret[];
}

/**
 * Initialises a cluster exactly once, on the peer of the lowest node id, and keeps the shares, each encrypted to its
 * holder, and the root token in the fleet's home before it returns.
 *
 * Nothing is initialised unless every peer answers that it is not: one that cannot be asked may hold the cluster. Throws
 * `vault-peer-unreachable`, `vault-init-foreign` (keys are not ours), `vault-init-claimed` (another initialiser works, or
 * died before it began) and `vault-init-unfinished` (it died while the server answered): `initializeUnderLock` goes on
 * from both.
 */
export async function initialize(options: InitializeOptions): Promise<Initialized> {
  const { store, peers, keyShares, records } = options;
  checkKeyShares(store, keyShares);
  await checkHolders(keyShares.holders);
  const initialised = await initialisedPeers(peers);
  const known = await records.read();
  if (known?.state === 'initialised') {
    if (initialised.length === 0) {
      throw lostData(store, known);
    }
    return { bootstrap: known };
  }
  if (initialised.length > 0) {
    throw known === undefined ? foreignKeys(store, initialised) : unfinished(store, initialised);
  }
  const [first] = peers.toSorted((one, other) => (one.peer.nodeId < other.peer.nodeId ? -1 : 1));
  if (first === undefined) {
    throw new RangeError('a cluster has at least one peer');
  }
  const claim = await records.claim(first.peer.nodeId);
  // Between the look above and the claim another one may have come and gone.
  const meanwhile = await initialisedPeers(peers);
  if (meanwhile.length > 0) {
    throw unfinished(store, meanwhile);
  }
  const { shares, rootToken } = await init(first, keyShares, store);
  const bootstrap = await records.initialised(claim, await sealShares(shares, keyShares.holders), rootToken);
  return { bootstrap, shares };
}

/**
 * An initialiser died after its claim and before the server did anything. Only for who holds the fleet's lock, so that
 * it certainly is dead; afterwards `initialize` can begin.
 */
async function abandonClaim(options: Pick<InitializeOptions, 'peers' | 'records'>): Promise<void> {
  const known = await options.records.read();
  if (known?.state === 'claimed' && (await initialisedPeers(options.peers)).length === 0) {
    await options.records.release(known);
  }
}

/**
 * An initialiser died between the server's answer and the keeping of the keys: nobody has them, nothing can be inside.
 * Only for who holds the fleet's lock.
 */
async function abandonInit(
  options: Pick<InitializeOptions, 'store' | 'peers' | 'records'>,
  empty: () => Promise<void>,
): Promise<void> {
  const known = await options.records.read();
  if (known?.state !== 'claimed') {
    throw new RangeError('only an initialisation whose keys were never kept can be abandoned');
  }
  const initialised = await initialisedPeers(options.peers);
  for (const api of initialised) {
    const status = await api.ask('GET', 'sys/seal-status');
    // Somebody unsealed it: so somebody has the keys, and it may hold things.
    if (status instanceof NoAnswer || status.data['sealed'] !== true) {
      throw foreignKeys(options.store, [api]);
    }
  }
  await empty();
  await options.records.release(known);
}

/**
 * Initialises for who holds the fleet's lock: what a dead initialiser left behind is finished or begun anew. `empty`
 * stops every peer, empties its data folder and starts it again.
 */
export async function initializeUnderLock(
  options: InitializeOptions,
  empty: () => Promise<void>,
): Promise<Initialized> {
  try {
    return await initialize(options);
  } catch (error) {
    if (!(error instanceof Failure)) {
      throw error;
    }
    if (error.code === 'vault-init-claimed') {
      await abandonClaim(options);
    } else if (error.code === 'vault-init-unfinished') {
      await abandonInit(options, empty);
    } else {
      throw error;
    }
    return initialize(options);
  }
}

async function initialisedPeers(peers: readonly PeerApi[]): Promise<PeerApi[]> {
  const answers = await Promise.all(
    peers.map(async (api) => {
      const status = await api.ask('GET', 'sys/seal-status');
      if (status instanceof NoAnswer) {
        throw peerSilent(api.peer, status);
      }
      return status.data['initialized'] === true ? [api] : [];
    }),
  );
  return answers.flat();
}

async function init(
  api: PeerApi,
  { threshold, holders }: KeyShares,
  store: string,
): Promise<{ shares: readonly Secret[]; rootToken: Secret }> {
  const body = { secret_shares: holders.length, secret_threshold: threshold };
  const reply = await api.ask('PUT', 'sys/init', body, initMilliseconds);
  if (reply instanceof NoAnswer) {
    throw peerSilent(api.peer, reply);
  }
  const shares = strings(reply.data['keys_base64']).map((share) => new Secret(share));
  const rootToken = asText(reply.data['root_token']);
  if (reply.status !== 200 || shares.length !== holders.length || rootToken === '') {
    throw new Failure({
      code: 'vault-init-failed',
      message: `peer ${api.peer.nodeId} refuses to be initialised: ${reply.errors.join('; ') || `status ${reply.status}`}`,
      object: `store/${store}`,
      remedy: 'The end of its log says why.',
    });
  }
  return { shares, rootToken: new Secret(rootToken) };
}

function foreignKeys(store: string, peers: readonly PeerApi[]): Failure {
  return new Failure({
    code: 'vault-init-foreign',
    message: `store ${store} is initialised (${names(peers)}), and not by this fleet`,
    object: `store/${store}`,
    why: "its keys are with somebody else; the fleet's home knows of no initialisation",
    remedy: 'Leave `server` out of the Store document and give a `login`, or empty the data folders of its peers.',
  });
}

function unfinished(store: string, peers: readonly PeerApi[]): Failure {
  return new Failure({
    code: 'vault-init-unfinished',
    message: `store ${store} was initialised (${names(peers)}), but its keys were never kept`,
    object: `store/${store}`,
    why: 'the program ended between the answer of the server and the writing of the keys: nobody can unseal it, nothing is inside',
    remedy: 'Run keywright apply: it empties the peers and begins anew.',
  });
}

function lostData(store: string, known: Bootstrap): Failure {
  return new Failure({
    code: 'vault-data-lost',
    message: `store ${store} was initialised once, and all its peers are empty now`,
    object: `store/${store}`,
    why: `the fleet's home still holds the ${known.shares.length} shares of what was there`,
    remedy:
      'Put the data folders back, or restore a snapshot; to begin an empty store, delete it first: keywright delete.',
  });
}

function names(peers: readonly PeerApi[]): string {
  return peers.map(({ peer }) => `peer ${peer.nodeId}`).join(', ');
}
