import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { TestFleet } from './fleet.ts';
import type { OpenBao } from './openbao.ts';

/** What Keywright needs in a Vault that somebody else runs, for consumers that ask it themselves; docs/vault-consumers.md. */
const policy = `
path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan"] }
path "sys/mounts" { capabilities = ["read"] }
path "sys/mounts/secret" { capabilities = ["read"] }
path "sys/mounts/transit" { capabilities = ["create", "update"] }
path "sys/mounts/transit/tune" { capabilities = ["create", "update"] }
path "transit/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/auth/*" { capabilities = ["create", "read", "update", "delete", "sudo"] }
path "auth/approle-*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "auth/cert-*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/detailed/acl" { capabilities = ["list"] }
path "sys/policies/acl/*" { capabilities = ["create", "read", "update", "delete"] }
path "identity/lookup/entity" { capabilities = ["update"] }
path "identity/entity/id/*" { capabilities = ["delete"] }
path "sys/locked-users/*" { capabilities = ["update"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
`;

/** A fleet with a home in files and a Store `main` in a server that is there already; Keywright logs in with a token. */
export class VaultFleet extends TestFleet {
  readonly #store: string;

  constructor(folder: string, store: string) {
    super(folder);
    this.#store = store;
  }

  /** Writes the fleet's documents, beside the Fleet, the site `here`, and the two stores. */
  async write(...documents: readonly string[]): Promise<void> {
    const all = [
      'kind: Fleet\nmetadata: { name: shop }\nspec: { home: box, defaults: { store: main } }',
      ...(documents.some((each) => each.startsWith('kind: Site'))
        ? []
        : ['kind: Site\nmetadata: { name: here }\nspec: { local: { directory: .keywright/here } }']),
      'kind: Store\nmetadata: { name: box }\nspec: { file: { path: box, identityFile: .keywright/key.txt } }',
      this.#store,
      ...documents,
    ];
    const text = all.map((document) => `apiVersion: keywright.dev/v1alpha1\n${document}`).join('\n---\n');
    await writeFile(join(this.folder, 'fleet.yaml'), `${text}\n`);
  }
}

export async function vaultFleet(t: TestContext, bao: OpenBao): Promise<VaultFleet> {
  const folder = await mkdtemp('/tmp/kwt-consumers-');
  await bao.ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await bao.ask('PUT', 'sys/policies/acl/keywright', { policy });
  const made = await bao.ask('POST', 'auth/token/create-orphan', { policies: ['keywright'], period: '1h' });
  await writeFile(join(folder, 'bao.token'), made.body?.['auth'].client_token, { mode: 0o600 });
  await writeFile(join(folder, 'bao-ca.pem'), bao.ca);
  const fleet = new VaultFleet(
    folder,
    `kind: Store\nmetadata: { name: main }\nspec: { vault: { addresses: ["${bao.address}"], ca: { file: bao-ca.pem }, login: { tokenFile: bao.token } } }`,
  );
  t.after(async () => {
    await fleet.run('down', '--purge', '--yes');
    await rm(folder, { recursive: true, force: true });
  });
  return fleet;
}
