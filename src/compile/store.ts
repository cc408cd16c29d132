import type { FleetDocument } from '../fleet/model.ts';
import type { StoreTargetSpec, VaultTargetSpec } from '../targets/store/store.spec.ts';
import { authorityOf } from './authority.ts';
import type { Builder } from './builder.ts';
import { bundlePath, storeTargetId } from './places.ts';

type Store = FleetDocument<'Store'>;
type Vault = NonNullable<Store['spec']['vault']>;

/** A Store is a target: what it holds comes from the documents that put something into it. */
export function compileStore(builder: Builder, store: Store): void {
  const { file, vault } = store.spec;
  const id = storeTargetId(store.name);
  if (vault?.addresses !== undefined && vault.login !== undefined) {
    const spec: StoreTargetSpec = { name: store.name, vault: vaultOf(builder, store, vault, vault.login) };
    builder.target(id, 'store', spec);
  }
  if (file !== undefined) {
    const spec: StoreTargetSpec = { name: store.name, file: { folder: file.path, identityFile: file.identityFile } };
    builder.target(id, 'store', spec);
    builder.claim(store, {
      kind: 'store-sealed',
      sentence: `${store.name} holds only encrypted files, and its key can be read by its owner alone`,
      group: store.name,
      restsOn: [],
      spec: { folder: file.path, identityFile: file.identityFile },
    });
  }
}

function vaultOf(builder: Builder, store: Store, vault: Vault, login: NonNullable<Vault['login']>): VaultTargetSpec {
  const { allow } = store.spec as { readonly allow?: readonly { readonly rule: string }[] };
  return {
    addresses: vault.addresses ?? [],
    ca: trustOf(builder, vault.ca),
    namespace: vault.namespace,
    mount: vault.mounts.kv,
    login: loginOf(login),
    allowPlainHttp: allow?.some(({ rule }) => rule === 'plain-http') ?? false,
  };
}

function loginOf({ tokenFile, appRole, cert }: NonNullable<Vault['login']>): VaultTargetSpec['login'] {
  if (tokenFile !== undefined) {
    return { tokenFile };
  }
  if (appRole !== undefined) {
    return { appRole };
  }
  if (cert !== undefined) {
    return { cert };
  }
  throw new RangeError('a login that is not supported yet');
}

function trustOf(builder: Builder, ca: Vault['ca']): VaultTargetSpec['ca'] {
  if (ca?.authority !== undefined) {
    const { pki } = authorityOf(builder.fleet, ca.authority).spec;
    return { entry: { store: pki?.store ?? '', path: bundlePath(builder.fleet.name, ca.authority) } };
  }
  if (ca?.file !== undefined) {
    return { file: ca.file };
  }
  return ca?.pem === undefined ? undefined : { pem: ca.pem };
}
