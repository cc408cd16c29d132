import type { FleetDocument } from '../fleet/model.ts';
import type { MountSpec } from '../targets/vault/mount.spec.ts';
import type { VaultServerClaimSpec, VaultServerSpec } from '../targets/vault/vault-server.spec.ts';
import { compileCertificate } from './authority.ts';
import type { Builder } from './builder.ts';
import { bundleId, bundlePath, mountId, output, vaultServerId } from './places.ts';

type Store = FleetDocument<'Store'>;

/** A cluster on this machine: a certificate for each peer, the peers, the key-value engine, and what is claimed of them. */
export function compileVaultServer(builder: Builder, store: Store): void {
  const { vault } = store.spec;
  const { server, ca } = vault ?? {};
  if (vault === undefined || server === undefined || ca?.authority === undefined) {
    throw new RangeError(`${store.document} is no cluster on a local site`);
  }
  const { authority } = ca;
  const { fleet } = builder;
  const name = `${store.name}.${server.site}.localhost`;
  const peers = Array.from({ length: server.replicas }, (_, at) => {
    const nodeId = `n${at + 1}`;
    const certificate = compileCertificate(builder, store, {
      authority,
      names: ['store', store.name, nodeId],
      // A peer that joins shows it to the others, too.
      usage: 'both',
      commonName: `${nodeId}.${name}`,
      hosts: [`${nodeId}.${name}`, name, 'localhost', '127.0.0.1', ...server.hosts],
    });
    return { nodeId, certificate };
  });
  const home = fleet.stores.get(fleet.home)?.spec.file;
  const bundle = { store: peers[0]?.certificate.store ?? '', path: bundlePath(fleet.name, authority) };
  const spec: VaultServerSpec = {
    store: store.name,
    version: server.version,
    peers: peers.map(({ nodeId, certificate }) => ({
      nodeId,
      certificate: {
        store: certificate.store,
        path: certificate.path,
        version: output(certificate.id, 'version'),
      },
    })),
    bundle: { ...bundle, version: output(bundleId(authority), 'version') },
    audit: server.audit,
    keyShares: server.keyShares,
    home: { store: fleet.home, identityFile: home?.identityFile },
    mounts: vault.mounts,
  };
  const id = builder.resource(store, vaultServerId(server.site, store.name), spec);
  const kv: MountSpec = { path: vault.mounts.kv, type: 'kv' };
  builder.resource(store, mountId(store.name, kv.path), kv);

  const claimSpec: VaultServerClaimSpec = {
    store: store.name,
    addresses: output(id, 'addresses'),
    folder: output(id, 'folder'),
    nodeIds: peers.map(({ nodeId }) => nodeId),
    bundle,
    certificates: peers.map(({ certificate }) => ({ store: certificate.store, path: certificate.path })),
    home: spec.home,
    keyShares: spec.keyShares,
    audit: server.audit,
  };
  const restsOn = [id, ...peers.map(({ certificate }) => certificate.id)];
  const claim = (kind: string, sentence: string): void =>
    builder.claim(store, { kind, sentence: `${store.name} ${sentence}`, group: store.name, restsOn, spec: claimSpec });
  claim(
    'peers-unsealed',
    `has ${peers.length === 1 ? 'its peer' : `all ${peers.length} peers`} unsealed, and one leads`,
  );
  claim('peers-vote', peers.length < 3 ? 'has every peer voting' : 'can lose a peer: every one votes');
  claim('peers-served-certificate', 'serves the certificates that the store has for its peers');
  claim('audit-records', 'records every request');
  claim('keys-sealed', 'has its unseal keys with their holders alone, and no root token');
  claim('own-identity', 'lets Keywright in by a certificate that cannot seal it or make root tokens');
}
