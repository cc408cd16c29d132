import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { readCertificate, readCertificateDer } from '../authority/certificate.ts';
import { Failure } from '../model/failure.ts';
import type { VaultClient } from '../stores/vault/client.ts';
import { asNumber, asText, strings } from '../stores/vault/reply.ts';
import { exists } from '../targets/process/owned-file.ts';
import { homeAuthority, identityCertificate } from '../targets/vault/server/home-authority.ts';
import { clusterState, isComplete, raftMembers } from '../targets/vault/server/cluster-state.ts';
import { homeHolder, keySharesOf, otherHolders } from '../targets/vault/server/home-shares.ts';
import { identityPolicy } from '../targets/vault/server/identity-policy.ts';
import { identityClient } from '../targets/vault/server/keywright-identity.ts';
import type { SealedShare } from '../targets/vault/server/key-holders.ts';
import { PeerApi } from '../targets/vault/server/peer-api.ts';
import { peerFolder } from '../targets/vault/server/peer-folder.ts';
import { healthSentence, peerHealth } from '../targets/vault/server/peer-health.ts';
import { waitUntil } from '../targets/vault/server/wait.ts';
import type { VaultServerClaimSpec } from '../targets/vault/vault-server.spec.ts';
import { broken, held, keyOf, known, type Measurer, type ProofTools, unknown } from './measurer.ts';

const apply = 'keywright apply';

/** Each peer says of itself how it is; a status code alone would take a full audit disk or a missing leader for health. */
export const peersUnsealedMeasurer: Measurer<VaultServerClaimSpec> = async (spec, tools) => {
  const healths = await Promise.all(
    (await peersOf(spec, tools)).map(async (api) => ({ nodeId: api.peer.nodeId, health: await peerHealth(api) })),
  );
  const seen = healths.map(({ nodeId, health }) => `${nodeId} ${healthSentence(health)}`).join(', ');
  const answered = healths.filter(({ health }) => health.state !== 'unreachable');
  if (answered.length === 0) {
    return unknown(seen);
  }
  const works = healths.every(({ health }) => health.state === 'active' || health.state === 'standby');
  const leaders = healths.filter(({ health }) => health.state === 'active').length;
  return works && leaders === 1 ? held(seen) : broken(seen, apply);
};

/** A cluster that was just started or has just changed its leader needs so long until the autopilot calls it healthy. */
const settlingMilliseconds = 10_000;

/**
 * What the leader says: a peer that was removed goes on answering as a healthy standby. Who is a member, its
 * configuration tells at once; its autopilot, which tells who votes, looks only every few seconds.
 */
export const peersVoteMeasurer: Measurer<VaultServerClaimSpec> = (spec, tools) =>
  asKeywright(spec, tools, async (client) => {
    const configured = await raftMembers(client);
    const outside = spec.nodeIds.filter((nodeId) => !configured.includes(nodeId));
    if (outside.length > 0) {
      return broken(`${outside.join(', ')} is not in the cluster: ${configured.join(', ')}`, apply);
    }
    let state = await clusterState(client);
    await waitUntil(settlingMilliseconds, tools.signal, async () => {
      state = await clusterState(client);
      return isComplete(state, spec.nodeIds);
    });
    const bare = await nodesWithoutData(known(spec.folder), spec.nodeIds);
    if (bare.length > 0) {
      return broken(`the data of ${bare.join(', ')} was deleted under it; it is gone when it ends`, apply);
    }
    const members = state.members.map(({ nodeId, status }) => `${nodeId} ${status}`).join(', ');
    return isComplete(state, spec.nodeIds)
      ? held(`${members}; ${state.failureTolerance} may be lost`)
      : broken(`${members}; healthy: ${state.healthy}`, 'look at the log of the peer that does not vote');
  });

async function nodesWithoutData(folder: string, nodeIds: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    nodeIds.map(async (nodeId) => ((await exists(peerFolder(join(folder, nodeId)).dataFile)) ? [] : [nodeId])),
  );
  return found.flat();
}

/** A new TLS connection to each peer, its address verified, and the certificate compared with the store's. */
export const peersServedCertificateMeasurer: Measurer<VaultServerClaimSpec> = async (spec, tools) => {
  const ca = keyOf(await tools.entry(spec.bundle), 'ca.crt', spec.bundle).expose();
  const seen: string[] = [];
  for (const [at, address] of addressesOf(spec).entries()) {
    const ref = spec.certificates[at];
    if (ref === undefined) {
      return broken(`${address} is one more than the fleet has peers`, apply);
    }
    const stored = readCertificate(keyOf(await tools.entry(ref), 'tls.crt', ref).expose());
    const answer = await shown(address, ca, tools);
    if ('failed' in answer) {
      return answer.silent ? unknown(`${address}: ${answer.failed}`) : broken(`${address}: ${answer.failed}`, apply);
    }
    const served = readCertificateDer(answer.raw);
    if (served.fingerprint !== stored.fingerprint) {
      return broken(`${spec.nodeIds[at]} serves serial ${served.serial}; the store holds ${stored.serial}`, apply);
    }
    seen.push(`${spec.nodeIds[at]} serial ${served.serial} until ${served.notAfter.toISOString()}, ${answer.version}`);
  }
  return held(seen.join('; '));
};

/** Asks something harmless and finds the request, by the name that the server gave it, in what a peer recorded. */
export const auditRecordsMeasurer: Measurer<VaultServerClaimSpec> = (spec, tools) =>
  asKeywright(spec, tools, async (client) => {
    const { data } = await client.request({ method: 'GET', path: 'sys/audit', namespace: '' });
    const devices = Object.keys(data).map((path) => path.replace(/\/$/, ''));
    const missing = spec.audit.filter((device) => !devices.includes(device));
    if (missing.length > 0) {
      return broken(`there is no audit device ${missing.join(', ')}; there is ${devices.join(', ') || 'none'}`, apply);
    }
    const { requestId } = await client.request({ method: 'GET', path: 'auth/token/lookup-self' });
    if (requestId === undefined) {
      return unknown('the server gave the request no name');
    }
    const folder = known(spec.folder);
    const names = spec.audit.map((device) => (device === 'file' ? 'audit.log' : 'server.log'));
    for (const name of names) {
      const found = await findIn(folder, name, requestId);
      if (found === undefined) {
        return broken(`request ${requestId} stands in the ${name} of no peer`, `look at the disk of ${folder}`);
      }
      if (found.line.includes('"client_token":"') && !/"client_token":"hmac-/.test(found.line)) {
        return broken(`${found.file} records tokens in clear`, apply);
      }
    }
    return held(`request ${requestId} recorded by ${spec.audit.join(' and ')}, its token as a digest`);
  });

/** What the fleet's home keeps of the keys, and whether any token that lives has every right. */
export const keysSealedMeasurer: Measurer<VaultServerClaimSpec> = (spec, tools) =>
  asKeywright(spec, tools, async (client) => {
    const path = `keywright/${tools.run.fleet}/stores/${spec.store}/bootstrap`;
    const entry = await tools.entry({ store: spec.home.store, path });
    const shares = JSON.parse(entry.get('shares')?.expose() ?? '[]') as SealedShare[];
    const clear = shares.filter(({ armored }) => !armored.startsWith('-----BEGIN AGE ENCRYPTED FILE-----'));
    if (shares.length === 0 || clear.length > 0) {
      return broken(`${path} holds ${shares.length} shares, ${clear.length} of them not sealed`, apply);
    }
    if (entry.has('root-token')) {
      return broken(`${path} holds the root token`, apply);
    }
    const { data } = await client.request({ method: 'GET', path: 'sys/seal-status' });
    const others = otherHolders(
      keySharesOf(spec, await homeHolder(spec, tools.run.folder)),
      shares,
      asNumber(data['t']),
    );
    if (others !== undefined) {
      return broken(`the keys are with ${others.before}; the fleet names ${others.after}`, 'put keyShares back');
    }
    const accessors = await client.list('auth/token/accessors');
    const roots = await countRootTokens(client, accessors);
    return roots > 0
      ? broken(
          `${roots} of ${accessors.length} living tokens ${roots === 1 ? 'is a root token' : 'are root tokens'}`,
          'bao token revoke -accessor ACCESSOR',
        )
      : held(
          `${shares.length} sealed ${shares.length === 1 ? 'share' : 'shares'}; none of ${accessors.length} living tokens is root`,
        );
  });

/** Tokens come and go while they are looked at: one that is refused counts only if it is still there afterwards. */
async function countRootTokens(client: VaultClient, accessors: readonly string[]): Promise<number> {
  let roots = 0;
  const refused = new Map<string, Failure>();
  await Promise.all(
    accessors.map(async (accessor) => {
      const body = { accessor };
      try {
        const call = { method: 'POST', path: 'auth/token/lookup-accessor', body, repeat: 'safe' } as const;
        const { data } = await client.request(call);
        roots += strings(data['policies']).includes('root') ? 1 : 0;
      } catch (error) {
        if (!(error instanceof Failure)) {
          throw error;
        }
        refused.set(accessor, error);
      }
    }),
  );
  if (refused.size > 0) {
    const left = new Set(await client.list('auth/token/accessors'));
    for (const [accessor, failure] of refused) {
      if (left.has(accessor)) {
        throw failure;
      }
    }
  }
  return roots;
}

/** The identity that everything else here uses: what it is, and what the server says that it may not do. */
export const ownIdentityMeasurer: Measurer<VaultServerClaimSpec> = (spec, tools) =>
  asKeywright(spec, tools, async (client) => {
    const { data } = await client.request({ method: 'GET', path: 'auth/token/lookup-self' });
    const policies = strings(data['policies']).filter((policy) => policy !== 'default');
    if (policies.join() !== identityPolicy) {
      return broken(`its policies are ${policies.join(', ')}`, apply);
    }
    const refused = [
      'sys/seal',
      'sys/step-down',
      'sys/raw/core',
      'sys/generate-root-token/attempt',
      `sys/policies/acl/${identityPolicy}`,
      `auth/${identityPolicy}/certs/${identityPolicy}`,
    ];
    const found = await client.capabilities(refused);
    const excess = refused.filter((path) => found.get(path)?.join() !== 'deny');
    return excess.length > 0
      ? broken(`it may use ${excess.join(', ')}`, 'restore its policy with the way back in')
      : held(`${asText(data['display_name'])}, policy ${identityPolicy}; refused ${refused.join(', ')}`);
  });

/** A login of its own, which ends with the measurement. */
async function asKeywright(
  spec: VaultServerClaimSpec,
  tools: ProofTools,
  work: (client: VaultClient) => ReturnType<Measurer<VaultServerClaimSpec>>,
): ReturnType<Measurer<VaultServerClaimSpec>> {
  const home = await tools.run.store(spec.home.store);
  const options = { fleet: tools.run.fleet, store: spec.store, environment: tools.run.environment };
  const client = identityClient(
    {
      store: spec.store,
      addresses: addressesOf(spec),
      ca: keyOf(await tools.entry(spec.bundle), 'ca.crt', spec.bundle).expose(),
      environment: tools.run.environment,
      signal: tools.signal,
      patience: 5000,
    },
    async () => identityCertificate(await homeAuthority(home, options), options),
  );
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function peersOf(spec: VaultServerClaimSpec, tools: ProofTools): Promise<PeerApi[]> {
  const ca = keyOf(await tools.entry(spec.bundle), 'ca.crt', spec.bundle).expose();
  return addressesOf(spec).map((address, at) => {
    const api = new PeerApi({ nodeId: spec.nodeIds[at] ?? address, address }, { ca, signal: tools.signal });
    tools.after(async () => api.close());
    return api;
  });
}

function addressesOf(spec: VaultServerClaimSpec): string[] {
  return known(spec.addresses).split(' ');
}

type Shown = { readonly raw: Buffer; readonly version: string } | { readonly failed: string; readonly silent: boolean };

function shown(address: string, ca: string, tools: ProofTools): Promise<Shown> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), ca, minVersion: 'TLSv1.2' }, () => {
      const { raw }: PeerCertificate = socket.getPeerCertificate();
      resolve({ raw, version: socket.getProtocol() ?? '' });
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const silent = ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT'].includes(error.code ?? '');
      resolve({ failed: error.message, silent });
    });
    const end = (): void => {
      socket.destroy();
      resolve({ failed: 'no answer in time', silent: true });
    };
    tools.signal.addEventListener('abort', end, { once: true });
  });
}

/** How much of the end of a log is searched: many times what one request and its answer take. */
const tailBytes = 4 * 1024 * 1024;

async function findIn(
  folder: string,
  name: string,
  requestId: string,
): Promise<{ readonly file: string; readonly line: string } | undefined> {
  for (const peer of await readdir(folder)) {
    const file = join(folder, peer, name);
    const text = await tailOf(file);
    const line = text.split('\n').find((each) => each.includes(requestId));
    if (line !== undefined) {
      return { file, line };
    }
  }
  return undefined;
}

async function tailOf(file: string): Promise<string> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  if (handle === undefined) {
    return '';
  }
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - tailBytes);
    const buffer = Buffer.alloc(size - from);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
