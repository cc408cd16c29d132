import type { SecretBackend } from '../backend.ts';
import type { VaultClient } from './client.ts';

/** The client of a store that is a Vault. Throws a RangeError for any other: only a Vault has engines. */
export function vaultClientOf(backend: SecretBackend, store: string): VaultClient {
  // Asked of the object, so that who works with other stores loads no client of this one.
  const { client } = backend as { readonly client?: VaultClient };
  if (client === undefined) {
    throw new RangeError(`store ${store} is no Vault`);
  }
  return client;
}
