import { Secret } from '../../src/model/secret.ts';
import { VaultClient } from '../../src/stores/vault/client.ts';
import type { VaultClientOptions } from '../../src/stores/vault/client.ts';
import { tokenLogin } from '../../src/stores/vault/login/token-file.ts';
import { realEnvironment } from './file-store.ts';
import type { OpenBao } from './openbao.ts';
import type { CleanUp } from './postgres.ts';

/** A client of a test's server with the root token, unless told otherwise; closed with the test. */
export function clientOf(t: CleanUp, bao: OpenBao, options: Partial<VaultClientOptions> = {}): VaultClient {
  const client = new VaultClient({
    store: 'main',
    addresses: bao.addresses,
    ca: bao.ca,
    login: tokenLogin(new Secret(bao.rootToken), 'the root token of a test'),
    environment: realEnvironment,
    ...options,
  });
  t.after(async () => client.close());
  return client;
}

/** A token with one policy of these rules. */
export async function tokenWith(bao: OpenBao, name: string, rules: string, more: object = {}): Promise<Secret> {
  await bao.ask('PUT', `sys/policies/acl/${name}`, { policy: rules });
  const made = await bao.ask('POST', 'auth/token/create', { policies: [name], ...more });
  return new Secret(made.body?.['auth']['client_token'] as string);
}
