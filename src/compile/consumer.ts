import type { FleetDocument } from '../fleet/model.ts';
import { accessPath, askedVaults, entryPath, strategy } from '../fleet/names.ts';
import type { ResourceId } from '../model/ids.ts';
import type { DeliveredSource, LocalSiteTargetSpec } from '../targets/file/directory.spec.ts';
import { authorityOf } from './authority.ts';
import type { Builder } from './builder.ts';
import { deliver } from './delivery.ts';
import { bundleId, bundlePath, certificateId, output, secretId, siteTargetId } from './places.ts';
import { compileStoreLogin } from './store-login.ts';

type Consumer = FleetDocument<'Consumer'>;
type Secret = Consumer['spec']['secrets'][number];

export function compileSite(builder: Builder, site: FleetDocument<'Site'>): void {
  const { local } = site.spec;
  if (local !== undefined) {
    const spec: LocalSiteTargetSpec = { name: site.name, directory: local.directory, user: local.user };
    builder.target(siteTargetId(site.name), 'site', spec);
  }
}

export function compileConsumer(builder: Builder, consumer: Consumer): void {
  const { directory, site } = consumer.spec;
  if (directory === undefined || site === undefined) {
    return;
  }
  for (const secret of consumer.spec.secrets) {
    const sources = Object.fromEntries(
      Object.entries(secret.from).map(([alias, from]) => [alias, sourceOf(builder, from)]),
    );
    const services = servicesOf(builder, secret);
    const { id, proof } = deliver(builder, consumer, {
      name: secret.name,
      sources,
      data: secret.data,
      libpq: services.length === 0 ? undefined : services,
    });
    for (const { service, alias } of services) {
      builder.claim(consumer, {
        kind: 'delivered-login',
        variant: services.length === 1 ? [secret.name] : [secret.name, alias],
        sentence: `${consumer.name} logs in with what was delivered as ${secret.name}`,
        group: consumer.name,
        restsOn: [id, ...accessResources(builder, secret, alias)],
        spec: { ...proof, alias, service, method: methodOf(builder, secret, alias) },
      });
    }
  }
  for (const store of askedVaults(builder.fleet, consumer.spec)) {
    compileStoreLogin(builder, consumer, store);
  }
}

function sourceOf(builder: Builder, from: Secret['from'][string]): DeliveredSource {
  const { fleet } = builder;
  if (from.access !== undefined) {
    const access = fleet.accesses.get(from.access);
    if (access === undefined) {
      throw new RangeError(`no DatabaseAccess ${from.access}`);
    }
    const path = accessPath(access);
    return { store: access.spec.store, path, version: output(secretId(access.spec.store, path), 'version') };
  }
  if (from.authority !== undefined) {
    return {
      store: authorityOf(fleet, from.authority).spec.pki?.store ?? '',
      path: bundlePath(fleet.name, from.authority),
      version: output(bundleId(from.authority), 'version'),
      keys: ['ca.crt'],
    };
  }
  const store = from.store ?? '';
  const path = from.path ?? '';
  return { store, path, version: output(makerOf(builder, store, path), 'version') };
}

/** The resource that makes an entry: of a tree, of a certificate in a tree, or what an access publishes. */
function makerOf(builder: Builder, store: string, path: string): ResourceId {
  for (const tree of builder.fleet.secretTrees.values()) {
    const entry = tree.spec.entries.find((each) => tree.spec.store === store && entryPath(tree, each) === path);
    if (entry?.certificate !== undefined) {
      return certificateId(entry.certificate.authority, 'entry', store, path);
    }
  }
  return secretId(store, path);
}

/** Accesses are libpq services named after the delivered secret. */
function servicesOf(builder: Builder, secret: Secret): { service: string; alias: string }[] {
  const accesses = Object.entries(secret.from).filter(
    ([, { access }]) => access !== undefined && builder.fleet.accesses.has(access),
  );
  return accesses.map(([alias]) => ({
    service: accesses.length === 1 ? secret.name : `${secret.name}-${alias}`,
    alias,
  }));
}

function accessResources(builder: Builder, secret: Secret, alias: string): ResourceId[] {
  const access = builder.fleet.accesses.get(secret.from[alias]?.access ?? '');
  return access === undefined ? [] : [secretId(access.spec.store, accessPath(access))];
}

function methodOf(builder: Builder, secret: Secret, alias: string): 'password' | 'certificate' {
  const access = builder.fleet.accesses.get(secret.from[alias]?.access ?? '');
  return access !== undefined && strategy(access) === 'certificate' ? 'certificate' : 'password';
}
