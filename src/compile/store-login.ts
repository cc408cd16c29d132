import { milliseconds } from '../fleet/durations.ts';
import type { Fleet, FleetDocument } from '../fleet/model.ts';
import { askedVaults, loginAuthority, storeLogin, storeLoginFolder } from '../fleet/names.ts';
import type { ResourceId } from '../model/ids.ts';
import type { StoreIdentitySpec, StoreLogin } from '../proofs/vault.spec.ts';
import type { DeliveredSource } from '../targets/file/directory.spec.ts';
import type { KeySource, SecretSpec } from '../targets/store/secret.spec.ts';
import type { StoreTargetSpec, VaultTargetSpec } from '../targets/store/store.spec.ts';
import type { AppRoleLoginSpec } from '../targets/vault/app-role-login.spec.ts';
import type { AppRoleSpec, TokenSettings } from '../targets/vault/app-role.spec.ts';
import type { AuthMountSpec } from '../targets/vault/auth-mount.spec.ts';
import type { CertRoleSpec } from '../targets/vault/cert-role.spec.ts';
import type { PolicySpec } from '../targets/vault/policy.spec.ts';
import { compileCertificate } from './authority.ts';
import type { Builder } from './builder.ts';
import { storeRights, type StoreRights } from './consumer-policy.ts';
import { deliver } from './delivery.ts';
import {
  authMountId,
  bundleId,
  directoryId,
  inAuthMount,
  output,
  ownPath,
  policyId,
  secretId,
  storeTargetId,
} from './places.ts';
import { serverOf } from './store-needs.ts';

type Consumer = FleetDocument<'Consumer'>;

/** Everybody who logs in to a Vault of the fleet by itself. */
export function storeLogins(builder: Builder, store: string): (StoreLogin & { readonly document: Consumer })[] {
  return [...builder.fleet.consumers.values()]
    .filter(
      (document) => document.spec.directory !== undefined && askedVaults(builder.fleet, document.spec).includes(store),
    )
    .map((document) => ({ ...loginOf(builder, document, store), document }));
}

function loginOf(builder: Builder, consumer: Consumer, store: string): StoreLogin {
  const { site: name = '' } = consumer.spec;
  const site = builder.fleet.sites.get(name);
  if (site === undefined) {
    throw new RangeError(`${consumer.document} has no site`);
  }
  const { method, mount } = storeLogin(site);
  return {
    consumer: consumer.name,
    store,
    directory: output(directoryId(name, consumer.name, storeLoginFolder(store)), 'directory'),
    method: method === 'cert' ? 'cert' : 'appRole',
    mount,
    role: consumer.name,
    policy: consumer.name,
    rules: storeRights(builder.fleet, consumer, store).rules,
  };
}

/** Policy, role and login of a consumer that asks a Vault itself, the folder that it logs in with, and what is claimed. */
export function compileStoreLogin(builder: Builder, consumer: Consumer, store: string): void {
  const { fleet } = builder;
  const target = builder.targetSpec<StoreTargetSpec>(storeTargetId(store))?.vault;
  const site = fleet.sites.get(consumer.spec.site ?? '');
  if (target === undefined || site === undefined) {
    return;
  }
  const rights = storeRights(fleet, consumer, store);
  const login = loginOf(builder, consumer, store);
  const { mount, method } = login;
  const policy: PolicySpec = { name: login.policy, rules: rights.rules };
  const mountSpec: AuthMountSpec = {
    path: mount,
    type: method === 'cert' ? 'cert' : 'approle',
    ...longLease(fleet, site.name, store),
  };
  const needs = [
    builder.resource(consumer, policyId(store, policy.name), policy),
    builder.resource(site, authMountId(store, mount), mountSpec),
  ];
  const isLocal = serverOf(fleet, store) !== undefined;
  const token: TokenSettings = {
    policies: [policy.name],
    ttlSeconds: Math.max(1, Math.ceil(milliseconds(consumer.spec.tokenTtl) / 1000)),
    // A server that somebody else runs may see another address, behind a forwarded port for one.
    ...(isLocal ? { boundCidrs: ['127.0.0.1', '::1'] } : {}),
  };
  const entry = compileEntry(builder, consumer, login, target);
  const sources: Record<string, DeliveredSource> = { login: entry };
  const made =
    method === 'cert'
      ? compileCertRole(builder, consumer, login, token, needs, sources)
      : compileAppRole(builder, consumer, login, token, needs, entry, isLocal);
  const files = trustSources(sources, target.ca, fleet.stores.get(store)?.spec.vault?.ca?.authority);
  const { restsOn } = deliver(builder, consumer, { name: storeLoginFolder(store), sources, files, vault: true }, [
    made,
  ]);
  claimIdentity(builder, consumer, [...needs, made, ...restsOn], {
    ...login,
    ttlSeconds: token.ttlSeconds,
    boundCidrs: token.boundCidrs,
    mounts: fleet.stores.get(store)?.spec.vault?.mounts ?? { kv: '', database: '', transit: '' },
    reads: rights.reads,
    writes: rights.writes,
    wrapSeconds: rights.wrapSeconds,
    others: othersOf(fleet, consumer, store, rights),
  });
}

/** What servers let a token live unless told otherwise. */
const usualLimit = 768 * 3_600_000;

/** A login method has to let the longest token of its consumers live. */
function longLease(fleet: Fleet, site: string, store: string): { readonly maxLeaseSeconds?: number } {
  const lives = [...fleet.consumers.values()]
    .filter((each) => each.spec.site === site && askedVaults(fleet, each.spec).includes(store))
    .map(({ spec }) => milliseconds(spec.tokenTtl));
  const longest = Math.max(...lives);
  return longest > usualLimit ? { maxLeaseSeconds: Math.ceil(longest / 1000) } : {};
}

/** What a consumer is to know besides a certificate; ids are made once, in the fleet's home, and registered at the store. */
function compileEntry(
  builder: Builder,
  consumer: Consumer,
  { store, mount, method, role }: StoreLogin,
  { addresses, ca, namespace }: VaultTargetSpec,
): DeliveredSource {
  const { name: fleet, home } = builder.fleet;
  const path = ownPath(fleet, 'store-logins', store, consumer.name);
  const keys: Record<string, KeySource> = {
    addresses: {
      value: 'server' in addresses ? output(addresses.server, 'addresses') : addresses.join(' '),
    },
    mount: { value: mount },
    ...(namespace === undefined ? {} : { namespace: { value: namespace } }),
    ...(ca !== undefined && 'pem' in ca ? { 'ca.crt': { value: ca.pem } } : {}),
    ...(method === 'cert'
      ? { role: { value: role } }
      : // An id that could be guessed would let anybody lock the role by failed logins.
        { 'role-id': { generate: { hex: 16 } }, 'secret-id': { generate: { hex: 32 } } }),
  };
  const spec: SecretSpec = {
    store: home,
    path,
    keys,
    origin: { document: consumer.document, entry: `login to ${store}` },
  };
  const id = builder.resource(consumer, secretId(home, path), spec, { reclaimPolicy: 'delete' });
  // Named, because an entry keeps ids that were made once, also when another method is used now.
  return { store: home, path, version: output(id, 'version'), keys: Object.keys(keys) };
}

function compileAppRole(
  builder: Builder,
  consumer: Consumer,
  { store, mount, role }: StoreLogin,
  token: TokenSettings,
  needs: readonly ResourceId[],
  entry: DeliveredSource,
  isLocal: boolean,
): ResourceId {
  const spec: AppRoleSpec = {
    mount,
    role,
    token,
    ...(isLocal ? { secretIdBoundCidrs: ['127.0.0.1/32', '::1/128'] } : {}),
  };
  const id = builder.resource(consumer, inAuthMount(store, 'app-role', mount, role), spec, { dependsOn: needs });
  const { store: home, path, version } = entry;
  const login: AppRoleLoginSpec = { mount, role, entry: { store: home, path, version } };
  return builder.resource(consumer, inAuthMount(store, 'app-role-login', mount, role), login, { dependsOn: [id] });
}

function compileCertRole(
  builder: Builder,
  consumer: Consumer,
  { store, mount, role }: StoreLogin,
  token: TokenSettings,
  needs: readonly ResourceId[],
  sources: Record<string, DeliveredSource>,
): ResourceId {
  const authority = loginAuthority(builder.fleet, store) ?? '';
  const certificate = compileCertificate(builder, consumer, {
    authority,
    names: ['store-login', store, consumer.name],
    usage: 'client',
    // Other certificates for clients are those of database logins, whose names have an underscore.
    commonName: consumer.name,
    hosts: [],
  });
  sources['cert'] = {
    store: certificate.store,
    path: certificate.path,
    version: output(certificate.id, 'version'),
    keys: ['tls.crt', 'tls.key'],
  };
  const spec: CertRoleSpec = {
    mount,
    role,
    token,
    authority: { ...certificate.bundle, key: 'ca.crt', version: output(bundleId(authority), 'version') },
    commonNames: [consumer.name],
  };
  return builder.resource(consumer, inAuthMount(store, 'cert-role', mount, role), spec, {
    dependsOn: [...needs, certificate.id],
  });
}

/** Who signed the store's certificate comes along: from an entry, or from a file, which is given back. */
function trustSources(
  sources: Record<string, DeliveredSource>,
  ca: VaultTargetSpec['ca'],
  authority: string | undefined,
): Readonly<Record<string, string>> | undefined {
  if (ca !== undefined && 'entry' in ca && authority !== undefined) {
    sources['ca'] = { ...ca.entry, version: output(bundleId(authority), 'version'), keys: ['ca.crt'] };
  }
  return ca !== undefined && 'file' in ca ? { 'ca.crt': ca.file } : undefined;
}

/** Paths of engines that belong to others: to prove that this one is refused there. */
function othersOf(fleet: Fleet, consumer: Consumer, store: string, own: StoreRights): string[] {
  const others = [...fleet.consumers.values()].filter(
    (each) => each !== consumer && askedVaults(fleet, each.spec).includes(store),
  );
  const mine = new Set(own.reads.flatMap(enginePaths));
  const theirs = others.flatMap((each) => storeRights(fleet, each, store).reads.flatMap(enginePaths));
  return [...new Set(theirs)].filter((path) => !mine.has(path)).sort();
}

function enginePaths(read: StoreRights['reads'][number]): string[] {
  if ('creds' in read) {
    return [read.creds];
  }
  return 'encrypt' in read ? [read.encrypt, read.decrypt] : 'sign' in read ? [read.sign, read.verify] : [];
}

function claimIdentity(
  builder: Builder,
  consumer: Consumer,
  restsOn: readonly ResourceId[],
  spec: StoreIdentitySpec,
): void {
  const { store, method } = spec;
  const claim = (kind: string, sentence: string, more: object = {}): void =>
    builder.claim(consumer, {
      kind,
      variant: [store],
      sentence: `${consumer.name} ${sentence}`,
      group: consumer.name,
      restsOn,
      spec: { ...spec, ...more },
    });
  claim('store-login', `logs in to ${store} with what was delivered, and gets its own policy and no other`);
  if (method === 'appRole') {
    const accessor = output(inAuthMount(store, 'app-role-login', spec.mount, spec.role), 'accessor');
    claim('store-secret-ids', `alone can log in to ${store} by its role: no other secret id was made`, { accessor });
  }
  if (spec.reads.length > 0) {
    claim('store-reads', `reads from ${store} everything that the fleet gives it`);
  }
  if (spec.writes.length > 0) {
    claim('store-writes', `can write to ${store} where the fleet lets it`);
  }
  if (spec.wrapSeconds !== undefined && spec.reads.length > 0) {
    claim('store-wraps', `gets answers of ${store} only wrapped`);
  }
  claim('store-refused-others', `is refused what belongs to others in ${store}`);
  claim('store-refused-list', `cannot look around in ${store}`);
  claim('store-refused-write', `can change and delete nothing in ${store} beyond that`);
  claim('store-refused-sys', `has no say in how ${store} is set up`);
  if (serverOf(builder.fleet, store) === undefined) {
    const document = builder.fleet.stores.get(store);
    // Audit devices belong to the root namespace, and can be asked for only there.
    if (document !== undefined && document.spec.vault?.namespace === undefined) {
      builder.claim(document, {
        kind: 'store-audited',
        sentence: `${store} records every request`,
        group: store,
        restsOn: [],
        spec: { store },
      });
    }
  }
}
