import { milliseconds } from '../fleet/durations.ts';
import type { Fleet, FleetDocument } from '../fleet/model.ts';
import { authorityCommonName, renewBefore } from '../fleet/names.ts';
import type { ResourceId } from '../model/ids.ts';
import type { Resource } from '../model/resource.ts';
import type {
  AuthorityTargetSpec,
  BundleSpec,
  CaSpec,
  CertificateSpec,
  CrlSpec,
} from '../targets/authority/authority.spec.ts';
import type { Builder } from './builder.ts';
import {
  authorityPath,
  authorityTargetId,
  bundleId,
  bundlePath,
  caId,
  certificateId,
  certificatePath,
  crlId,
  output,
} from './places.ts';
import { authorityEngine, compilePkiRoles, signingRole } from './pki-engine.ts';
import { storeNeeds } from './store-needs.ts';

/** Name of the certificate that every authority revokes at once, so that a revocation can be proven at any time. */
export const revokedProbe = 'revoked-probe';

/**
 * An authority: root, intermediate, bundle and revocation lists. Which certificates it has issued is known only when
 * all other documents are compiled, so what rests on that comes last (`compileIssued`).
 */
export function compileAuthority(builder: Builder, authority: FleetDocument<'Authority'>): void {
  const { pki } = authority.spec;
  if (pki === undefined) {
    return;
  }
  const { name } = authority;
  const path = authorityPath(builder.fleet.name, name);
  const engine = authorityEngine(builder, authority);
  const target: AuthorityTargetSpec = { name, store: pki.store, path, pki: engine && { mount: engine.mount } };
  builder.target(authorityTargetId(name), 'authority', target, [
    ...storeNeeds(builder.fleet, pki.store),
    ...(engine?.needs ?? []),
  ]);

  const subject = { ...pki.subject, commonName: authorityCommonName(authority) };
  const root: CaSpec = {
    role: 'root',
    store: pki.store,
    path,
    key: pki.root.key,
    ttlMilliseconds: milliseconds(pki.root.ttl),
    subject,
  };
  builder.resource(authority, caId(name, 'root'), root);
  const intermediate: CaSpec = {
    role: 'intermediate',
    store: pki.store,
    path,
    key: pki.intermediate.key,
    ttlMilliseconds: milliseconds(pki.intermediate.ttl),
    subject,
    issuer: { path: `${path}/root`, version: output(caId(name, 'root'), 'version') },
  };
  builder.resource(authority, caId(name, 'intermediate'), intermediate);
  const bundle: BundleSpec = {
    store: pki.store,
    path,
    roots: [{ path: `${path}/root`, version: output(caId(name, 'root'), 'version') }],
  };
  builder.resource(authority, bundleId(name), bundle);
  const probe = compileCertificate(builder, authority, {
    authority: name,
    names: [revokedProbe, name],
    usage: 'client',
    commonName: 'keywright_revoked',
    hosts: [],
    ttl: pki.intermediate.ttl,
  });
  builder.claim(authority, {
    kind: 'authority-valid',
    sentence: `${name} has a root, an intermediate and current revocation lists that belong together`,
    group: name,
    restsOn: [caId(name, 'root'), caId(name, 'intermediate'), bundleId(name), crlId(name), probe.id],
    spec: { store: pki.store, path, engine: engine && { mount: engine.mount, authority: name } },
  });
}

/**
 * What depends on all certificates of an authority. Everything that was issued and is not among them is revoked, and an
 * engine signs for nothing else.
 */
export function compileIssued(
  builder: Builder,
  authority: FleetDocument<'Authority'>,
  certificates: readonly Resource[],
): void {
  const { pki } = authority.spec;
  if (pki === undefined) {
    return;
  }
  compilePkiRoles(
    builder,
    authority,
    certificates.map(({ spec }) => spec as CertificateSpec),
  );
  const path = authorityPath(builder.fleet.name, authority.name);
  const probe = certificateId(authority.name, revokedProbe, authority.name);
  const crl: CrlSpec = {
    store: pki.store,
    path,
    authorityPath: path,
    issuers: (['root', 'intermediate'] as const).map((role) => ({
      path: `${path}/${role}`,
      version: output(caId(authority.name, role), 'version'),
    })),
    active: certificates.map(({ id }) => id).filter((id) => id !== probe),
    heirs: certificates.flatMap(({ id, spec }) => {
      const { origin, commonName, hosts } = spec as CertificateSpec;
      return origin === undefined ? [] : [{ id, origin, commonName, hosts }];
    }),
  };
  builder.resource(authority, crlId(authority.name), crl, { dependsOn: [probe] });
}

export interface CertificateRequest {
  readonly authority: string;
  /** What it is for, then names: unique among the certificates of the fleet. */
  readonly names: readonly [string, ...string[]];
  readonly usage: 'server' | 'client' | 'both';
  readonly commonName: string;
  readonly hosts: readonly string[];
  /** Default: the leaf of the authority. */
  readonly ttl?: string;
  /** Entry that holds it; default one of Keywright's own, in the authority's store. */
  readonly store?: string;
  readonly path?: string;
  readonly origin?: CertificateSpec['origin'];
}

export interface CompiledCertificate {
  readonly id: ResourceId;
  readonly store: string;
  readonly path: string;
  readonly bundle: { readonly store: string; readonly path: string };
}

/** A leaf certificate in an entry of a store, and the claim that it is good. */
export function compileCertificate(
  builder: Builder,
  document: FleetDocument,
  request: CertificateRequest,
): CompiledCertificate {
  const authority = authorityOf(builder.fleet, request.authority);
  const { pki, leaf } = authority.spec;
  if (pki === undefined) {
    throw new RangeError(`${authority.document} is not an authority of our own`);
  }
  const own = authorityPath(builder.fleet.name, authority.name);
  const store = request.store ?? pki.store;
  const path = request.path ?? certificatePath(builder.fleet.name, ...request.names);
  const ttl = request.ttl ?? leaf.ttl;
  const spec: CertificateSpec = {
    store,
    path,
    authorityPath: own,
    authorityStore: pki.store,
    usage: request.usage,
    commonName: request.commonName,
    hosts: request.hosts,
    ttlMilliseconds: milliseconds(ttl),
    // A document's own ttl is renewed in its own proportion, not by the leaf's.
    renewBeforeMilliseconds: milliseconds(renewBefore(request.ttl === undefined ? leaf : { ttl })),
    key: leaf.key,
    issuer: { path: `${own}/intermediate`, version: output(caId(authority.name, 'intermediate'), 'version') },
    bundle: {
      path: bundlePath(builder.fleet.name, authority.name),
      version: output(bundleId(authority.name), 'version'),
    },
    origin: request.origin,
  };
  const role = signingRole(builder, authority, request.usage);
  const id = builder.resource(document, certificateId(authority.name, ...request.names), spec, {
    dependsOn: role === undefined ? [] : [role],
    reclaimPolicy: request.path === undefined ? 'delete' : undefined,
  });
  const bundle = { store: pki.store, path: bundlePath(builder.fleet.name, authority.name) };
  if (request.names[0] !== revokedProbe) {
    builder.claim(document, {
      kind: 'certificate-valid',
      subject: id,
      sentence: `the certificate ${path} is current, complete and signed by ${authority.name}`,
      group: authority.name,
      restsOn: [id, bundleId(authority.name), crlId(authority.name)],
      spec: {
        entry: { store, path },
        bundle,
        crl: { store: pki.store, path: `${own}/crl` },
        hosts: request.hosts,
        usage: request.usage,
      },
    });
  }
  return { id, store, path, bundle };
}

/** An authority that loading made sure is there. */
export function authorityOf(fleet: Fleet, name: string): FleetDocument<'Authority'> {
  const authority = fleet.authorities.get(name);
  if (authority === undefined) {
    throw new RangeError(`no Authority ${name}`);
  }
  return authority;
}
