import { basename, join } from 'node:path';
import type { Secret } from '../../../model/secret.ts';
import type { Account } from '../../process/account.ts';
import { makeOwnedFolder, writeOwnedFile } from '../../process/owned-file.ts';
import { auditFile, renderPeerConfig } from './peer-config.ts';
import type { PeerConfig } from './peer-config.ts';

/** Where everything of one peer lies on a local site; the peer's process works in `folder`. */
export interface PeerFolder {
  readonly nodeId: string;
  readonly folder: string;
  readonly configFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly dataDirectory: string;
  /** In it as long as the peer runs; one whose data was deleted goes on working until it ends, then it has nothing. */
  readonly dataFile: string;
  readonly logFile: string;
  readonly auditFile: string;
  readonly pidFile: string;
  /** Who runs it; undefined: the account that runs Keywright. */
  readonly account?: Account;
}

/** The folder's name is the peer's node id. */
export function peerFolder(folder: string, account?: Account): PeerFolder {
  return {
    nodeId: basename(folder),
    folder,
    configFile: join(folder, 'server.hcl'),
    certificateFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
    caFile: join(folder, 'ca.crt'),
    dataDirectory: join(folder, 'data'),
    dataFile: join(folder, 'data', 'vault.db'),
    logFile: join(folder, 'server.log'),
    auditFile: join(folder, auditFile),
    pidFile: join(folder, 'bao.pid'),
    ...(account === undefined ? {} : { account }),
  };
}

export interface PeerMaterial {
  readonly config: Pick<PeerConfig, 'api' | 'cluster' | 'peers' | 'audit'>;
  readonly certificatePem: string;
  readonly privateKey: Secret;
  /** PEM of the authority behind it. */
  readonly caPem: string;
}

/** Writes what a peer reads at its start: configuration, certificate, key, authority. All 0600, in a 0700 folder. */
export async function writePeer(peer: PeerFolder, material: PeerMaterial): Promise<void> {
  const { account } = peer;
  await makeOwnedFolder(peer.folder, 0o700, account);
  await makeOwnedFolder(peer.dataDirectory, 0o700, account);
  await writeOwnedFile(peer.caFile, material.caPem, account);
  await writeOwnedFile(peer.keyFile, material.privateKey.expose(), account);
  await writeOwnedFile(peer.certificateFile, material.certificatePem, account);
  await writeOwnedFile(peer.configFile, renderPeerConfig({ ...peer, ...material.config }), account);
}
