import { issueLeaf, issueRoot } from '../../src/authority/issue.ts';
import type { IssuedCertificate } from '../../src/authority/issue.ts';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { ResourceId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import type { BundleSpec, CaSpec, CertificateSpec, CrlSpec } from '../../src/targets/authority/authority.spec.ts';
import { bundleKind } from '../../src/targets/authority/bundle.ts';
import { caKind } from '../../src/targets/authority/ca.ts';
import { certificateKind } from '../../src/targets/authority/certificate.ts';
import { crlKind } from '../../src/targets/authority/crl.ts';
import { ownKeys } from '../../src/targets/authority/signer.ts';
import type { AuthoritySession } from '../../src/targets/authority/target.ts';
import { environmentAt } from './environment.ts';
import { resource } from './kinds.ts';
import { storeBench } from './store-bench.ts';
import type { StoreBench } from './store-bench.ts';

const path = 'keywright/test/authorities/local';
const target = targetId('authority', 'local');
const day = 86_400_000;

function authorityId(kind: string, name: string): ResourceId {
  return resourceId(target, kind, name);
}

function versionOf(id: ResourceId): { readonly from: ResourceId; readonly output: string } {
  return { from: id, output: 'version' };
}

/** Resources of the authority `local` in a store. */
export function authorityIn(store: string): {
  readonly root: Resource<CaSpec>;
  readonly intermediate: Resource<CaSpec>;
  readonly bundle: Resource<BundleSpec>;
  crl(active: readonly ResourceId[]): Resource<CrlSpec>;
  /** A certificate for `<name>.localhost`, valid for 30 days, renewed 10 before. */
  certificate(
    name: string,
    spec?: Partial<CertificateSpec>,
    extra?: Parameters<typeof resource>[2],
  ): Resource<CertificateSpec>;
} {
  const root = resource<CaSpec>(authorityId('ca', 'root'), {
    role: 'root',
    store,
    path,
    key: 'ecdsaP384',
    ttlMilliseconds: 3650 * day,
    subject: { commonName: 'local', organization: 'Example' },
  });
  const intermediate = resource<CaSpec>(authorityId('ca', 'intermediate'), {
    role: 'intermediate',
    store,
    path,
    key: 'ecdsaP256',
    ttlMilliseconds: 365 * day,
    subject: { commonName: 'local' },
    issuer: { path: `${path}/root`, version: versionOf(root.id) },
  });
  const bundle = resource<BundleSpec>(authorityId('bundle', 'trust'), {
    store,
    path,
    roots: [{ path: `${path}/root`, version: versionOf(root.id) }],
  });
  return {
    root,
    intermediate,
    bundle,
    crl: (active) =>
      resource<CrlSpec>(authorityId('crl', 'crl'), {
        store,
        path,
        authorityPath: path,
        issuers: [root, intermediate].map(({ id, spec }) => ({ path: `${path}/${spec.role}`, version: versionOf(id) })),
        active,
      }),
    certificate: (name, spec = {}, extra = {}) =>
      resource<CertificateSpec>(
        authorityId('certificate', name),
        {
          store,
          path: `certificates/${name}`,
          authorityPath: path,
          authorityStore: store,
          usage: 'server',
          commonName: `${name}.localhost`,
          hosts: [`${name}.localhost`],
          ttlMilliseconds: 30 * day,
          renewBeforeMilliseconds: 10 * day,
          key: 'ecdsaP256',
          issuer: { path: `${path}/intermediate`, version: versionOf(intermediate.id) },
          bundle: { path: `${path}/bundle`, version: versionOf(bundle.id) },
          ...spec,
        },
        { reclaimPolicy: 'delete', ...extra },
      ),
  };
}

export const { root, intermediate, bundle, crl, certificate } = authorityIn('box');

/** Applies the CAs, the bundle, the certificates and the revocation lists, in this order; answers what changed. */
export async function applyAuthority(
  bench: StoreBench,
  session: AuthoritySession,
  certificates: readonly Resource<CertificateSpec>[],
): Promise<string[]> {
  const { root, intermediate, bundle, crl } = authorityIn(session.store);
  const changes = [
    // The root first, because the intermediate needs its version; the engine would wait for it.
    ...(bench.records.has(intermediate.id) ? [] : await bench.mustApply(caKind, session, [root])),
    ...(await bench.mustApply(caKind, session, [root, intermediate])),
    ...(await bench.mustApply(bundleKind, session, [bundle])),
    ...(await bench.mustApply(certificateKind, session, certificates)),
    ...(await bench.mustApply(crlKind, session, [crl(certificates.map(({ id }) => id))])),
  ];
  return changes.map(({ id, action }) => `${action} ${id}`);
}

export interface AuthorityBench {
  readonly bench: StoreBench;
  readonly box: SecretBackend;
  readonly session: AuthoritySession;
  readonly path: string;
  /** Applies the CAs, the bundle, the certificates and the revocation lists, in this order; answers what changed. */
  applyAll(certificates: readonly Resource<CertificateSpec>[]): Promise<string[]>;
}

/** An authority `local` in a real store, nothing made yet. */
export async function authorityBench(t: { after(cleanUp: () => Promise<void>): void }): Promise<AuthorityBench> {
  const { bench, box } = await storeBench(t);
  const session: AuthoritySession = { name: 'local', store: 'box', path, backend: box, signer: ownKeys };
  return {
    bench,
    box,
    session,
    path,
    applyAll: (certificates) => applyAuthority(bench, session, certificates),
  };
}

/** A root that nobody in the fleet knows, and a leaf of it. */
export async function stranger(hosts: readonly string[] = ['stranger.localhost']): Promise<{
  readonly ca: IssuedCertificate;
  readonly leaf: IssuedCertificate;
}> {
  const environment = environmentAt(new Date());
  const request = { ttlMilliseconds: day, key: 'ecdsaP256' } as const;
  const ca = await issueRoot({ ...request, subject: { commonName: 'stranger' } }, environment);
  return { ca, leaf: await issueLeaf({ ...request, issuer: ca, hosts, usage: 'server' }, environment) };
}
