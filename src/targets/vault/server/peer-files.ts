import type { RunContext } from '../../../engine/interfaces.ts';
import { Failure } from '../../../model/failure.ts';
import type { Secret } from '../../../model/secret.ts';
import { exists, readIfThere } from '../../process/owned-file.ts';
import type { ServerMemory } from '../../process/server-folder.ts';
import type { VaultServerSpec } from '../vault-server.spec.ts';
import { renderPeerConfig } from './peer-config.ts';
import type { PeerConfig } from './peer-config.ts';
import type { PeerFolder, PeerMaterial } from './peer-folder.ts';
import { runningPeer } from './peer-process.ts';

/** The part of a peer's configuration that comes from the ports of all peers; undefined while one has none. */
export function configOf(
  nodeId: string,
  spec: VaultServerSpec,
  memories: ReadonlyMap<string, ServerMemory>,
): Pick<PeerConfig, 'api' | 'cluster' | 'peers' | 'audit'> | undefined {
  const own = memories.get(nodeId);
  const peers = spec.peers.flatMap((each) => memories.get(each.nodeId) ?? []);
  return own?.clusterPort === undefined || peers.length < spec.peers.length
    ? undefined
    : {
        api: `127.0.0.1:${own.port}`,
        cluster: `127.0.0.1:${own.clusterPort}`,
        peers: peers.map(({ port }) => `127.0.0.1:${port}`),
        audit: spec.audit,
      };
}

/** The certificate of a peer and who signed it, as the store has them. Throws `entry-missing`. */
export async function materialOf(
  nodeId: string,
  spec: VaultServerSpec,
  context: RunContext,
): Promise<Omit<PeerMaterial, 'config'>> {
  const { certificate } = spec.peers.find((each) => each.nodeId === nodeId) as VaultServerSpec['peers'][number];
  const [own, bundle] = [await entry(certificate, context), await entry(spec.bundle, context)];
  return {
    certificatePem: key(own, 'tls.crt', certificate.path).expose(),
    privateKey: key(own, 'tls.key', certificate.path),
    caPem: key(bundle, 'ca.crt', spec.bundle.path).expose(),
  };
}

/** `data`: the peer runs, and its data was deleted under it. */
export type StalePart = 'configuration' | 'certificate' | 'data';

/** What lies in a peer's folder and is not what the fleet and the store say. */
export async function staleFiles(
  peer: PeerFolder,
  spec: VaultServerSpec,
  memories: ReadonlyMap<string, ServerMemory>,
  context: RunContext,
): Promise<readonly StalePart[]> {
  const config = configOf(peer.nodeId, spec, memories);
  const stale: StalePart[] = [];
  if (!(await exists(peer.dataFile)) && (await runningPeer(peer)) !== undefined) {
    stale.push('data');
  }
  if (config === undefined || (await readIfThere(peer.configFile)) !== renderPeerConfig({ ...peer, ...config })) {
    stale.push('configuration');
  }
  let material: Omit<PeerMaterial, 'config'>;
  try {
    material = await materialOf(peer.nodeId, spec, context);
  } catch (error) {
    if (error instanceof Failure && ['entry-missing', 'store-not-made'].includes(error.code)) {
      // It is made in the same run: apply looks again.
      return stale;
    }
    throw error;
  }
  const same =
    (await readIfThere(peer.certificateFile)) === material.certificatePem &&
    (await readIfThere(peer.caFile)) === material.caPem &&
    (await readIfThere(peer.keyFile)) === material.privateKey.expose();
  return same ? stale : [...stale, 'certificate'];
}

async function entry(
  { store, path }: { readonly store: string; readonly path: string },
  context: RunContext,
): Promise<ReadonlyMap<string, Secret>> {
  const answer = await (await context.store(store)).read(path);
  if (answer.state === 'present') {
    return answer.seen.data;
  }
  throw new Failure({
    code: answer.state === 'absent' ? 'entry-missing' : 'store-unreadable',
    message: `${store}/${path} ${answer.state === 'absent' ? 'is not there' : `cannot be read: ${answer.why}`}`,
    object: `store/${store}`,
    remedy: 'keywright apply',
    exitCode: answer.state === 'absent' ? 1 : 3,
  });
}

function key(data: ReadonlyMap<string, Secret>, name: string, path: string): Secret {
  const value = data.get(name);
  if (value === undefined) {
    throw new Failure({ code: 'entry-missing', message: `${path} holds no ${name}`, remedy: 'keywright apply' });
  }
  return value;
}
