import type { Fleet, FleetDocument } from '../fleet/model.ts';
import type { StoreTargetSpec, VaultTargetSpec } from '../targets/store/store.spec.ts';
import { authorityOf } from './authority.ts';
import type { Builder } from './builder.ts';
import { bundlePath, storeTargetId } from './places.ts';
import { serverOf } from './store-needs.ts';
import { compileVaultServer } from './vault-server.ts';

type Store = FleetDocument<'Store'>;
type Vault = NonNullable<Store['spec']['vault']>;

/** A Store is a target: what it holds comes from the documents that put something into it. */
export function compileStore(builder: Builder, store: Store): void {
  const { file, vault } = store.spec;
  const id = storeTargetId(store.name);
  const server = serverOf(builder.fleet, store.name);
  if (vault !== undefined && server !== undefined) {
    const own = { own: { home: builder.fleet.home } };
    const spec: StoreTargetSpec = { name: store.name, vault: vaultOf(builder, store, vault, { server }, own) };
    builder.target(id, 'store', spec, [server]);
    compileVaultServer(builder, store);
  } else if (vault?.addresses !== undefined && vault.login !== undefined) {
    const { addresses, login } = vault;
    const spec: StoreTargetSpec = {
      name: store.name,
      vault: vaultOf(builder, store, vault, addresses, loginOf(login)),
    };
    builder.target(id, 'store', spec);
  }
  if (file !== undefined) {
    const spec: StoreTargetSpec = { name: store.name, file: { folder: file.path, identityFile: file.identityFile } };
    builder.target(id, 'store', spec);
    if (!isUsed(builder.fleet, store.name)) {
      // It is made with its first entry.
      return;
    }
    builder.claim(store, {
      kind: 'store-sealed',
      sentence: `${store.name} holds only encrypted files, and its key can be read by its owner alone`,
      group: store.name,
      restsOn: [],
      spec: { folder: file.path, identityFile: file.identityFile },
    });
  }
}

/** Something of the fleet lies in it. */
function isUsed({ home, authorities, secretTrees, accesses }: Fleet, store: string): boolean {
  return (
    home === store ||
    [...authorities.values()].some(({ spec }) => spec.pki?.store === store) ||
    [...secretTrees.values(), ...accesses.values()].some(({ spec }) => spec.store === store)
  );
}

function vaultOf(
  builder: Builder,
  store: Store,
  vault: Vault,
  addresses: VaultTargetSpec['addresses'],
  login: VaultTargetSpec['login'],
): VaultTargetSpec {
  const { allow } = store.spec as { readonly allow?: readonly { readonly rule: string }[] };
  return {
    addresses,
    ca: trustOf(builder, vault.ca),
    namespace: vault.namespace,
    mount: vault.mounts.kv,
    login,
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
