import { isIP } from 'node:net';
import { milliseconds } from '../fleet/durations.ts';
import type { FleetDocument } from '../fleet/model.ts';
import type { ResourceId } from '../model/ids.ts';
import type { PkiProbeSpec } from '../proofs/proofs.spec.ts';
import type { CertificateSpec } from '../targets/authority/authority.spec.ts';
import type { PkiConfigSpec } from '../targets/vault/pki-config.spec.ts';
import { pkiIssuerName, pkiRoleName } from '../targets/vault/pki-role.spec.ts';
import type { PkiRoleSpec } from '../targets/vault/pki-role.spec.ts';
import type { Builder } from './builder.ts';
import { engineMount } from './engine-mount.ts';
import { pkiConfigId, pkiRoleId } from './places.ts';

type Authority = FleetDocument<'Authority'>;

export interface AuthorityEngine {
  readonly mount: string;
  /** What the authority waits for. */
  readonly needs: readonly ResourceId[];
}

/**
 * The PKI engine that holds the keys of an authority whose store is a Vault. All authorities of one store share it, each
 * with issuers and roles of its own name.
 */
export function authorityEngine(builder: Builder, authority: Authority): AuthorityEngine | undefined {
  const store = builder.fleet.stores.get(authority.spec.pki?.store ?? '');
  if (store?.spec.vault === undefined) {
    return undefined;
  }
  const lives = [...builder.fleet.authorities.values()]
    .flatMap(({ spec: { pki } }) => (pki?.store === store.name ? [pki.root.ttl, pki.intermediate.ttl] : []))
    .map(seconds);
  // Certificates are cut to the maximum of their mount.
  const longest = Math.max(...lives);
  const { path: mount, id } = engineMount(builder, store, 'pki', { maxLeaseSeconds: longest });
  const spec: PkiConfigSpec = { mount, listSeconds: longest };
  const config = builder.resource(store, pkiConfigId(store.name, mount), spec, { dependsOn: [id] });
  return { mount, needs: [id, config] };
}

/** The role that signs certificates of this authority for one purpose; undefined where Keywright signs itself. */
export function signingRole(
  builder: Builder,
  authority: Authority,
  usage: CertificateSpec['usage'],
): ResourceId | undefined {
  const store = builder.fleet.stores.get(authority.spec.pki?.store ?? '');
  const mount = store?.spec.vault?.mounts.pki;
  return store === undefined || mount === undefined
    ? undefined
    : pkiRoleId(store.name, mount, pkiRoleName(authority.name, usage));
}

/** The roles of an authority in its engine: exactly the names of the certificates that the fleet wants of it. */
export function compilePkiRoles(
  builder: Builder,
  authority: Authority,
  certificates: readonly CertificateSpec[],
): void {
  const { pki, leaf } = authority.spec;
  const engine = authorityEngine(builder, authority);
  if (pki === undefined || engine === undefined) {
    return;
  }
  const roles: ResourceId[] = [];
  for (const [usage, wanted] of Map.groupBy(certificates, (certificate) => certificate.usage)) {
    const hosts = unique(wanted.flatMap((certificate) => certificate.hosts));
    const role: PkiRoleSpec = {
      mount: engine.mount,
      role: pkiRoleName(authority.name, usage),
      issuer: pkiIssuerName(authority.name, 'intermediate'),
      usage,
      names: unique([
        ...wanted.map(({ commonName }) => commonName),
        ...hosts.filter((host) => isIP(host) === 0).map((host) => host.toLowerCase()),
      ]),
      addresses: hosts.filter((host) => isIP(host) !== 0),
      key: leaf.key,
      ttlSeconds: seconds(leaf.ttl),
      maxTtlSeconds: Math.max(...wanted.map(({ ttlMilliseconds }) => ttlMilliseconds / 1000), seconds(leaf.ttl)),
    };
    const id = pkiRoleId(pki.store, engine.mount, role.role);
    roles.push(builder.resource(authority, id, role, { dependsOn: engine.needs }));
  }
  const probe: PkiProbeSpec = {
    store: pki.store,
    mount: engine.mount,
    roles: roles.map((id) => id.split('/').at(-1) ?? ''),
    key: leaf.key,
  };
  builder.claim(authority, {
    kind: 'pki-names-only',
    sentence: `the PKI engine signs for ${authority.name} only names of the fleet`,
    group: authority.name,
    restsOn: [...engine.needs, ...roles],
    spec: probe,
  });
}

function seconds(duration: string): number {
  return Math.ceil(milliseconds(duration) / 1000);
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted();
}
