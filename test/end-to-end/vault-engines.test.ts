import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { copyOfExample, notHeld } from '../support/fleet.ts';
import type { TestFleet } from '../support/fleet.ts';
import { openBaoMissing, startOpenBao } from '../support/openbao.ts';
import type { OpenBao } from '../support/openbao.ts';

/** What Keywright needs in a Vault that somebody else runs, with engines of its own: as docs/vault-store.md says. */
const policy = `
path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan"] }
path "sys/mounts" { capabilities = ["read"] }
path "sys/mounts/secret" { capabilities = ["read"] }
path "sys/mounts/pki" { capabilities = ["create", "update"] }
path "sys/mounts/pki/tune" { capabilities = ["create", "update"] }
path "sys/mounts/transit" { capabilities = ["create", "update"] }
path "sys/mounts/transit/tune" { capabilities = ["create", "update"] }
path "pki/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
path "transit/*" { capabilities = ["create", "read", "update", "delete", "list"] }
`;

const certificateAccess = `
---
apiVersion: keywright.dev/v1alpha1
kind: DatabaseAccess
metadata: { name: shop-card }
spec: { postgres: shop, database: shop, privileges: readOnly, credential: { certificate: { ttl: 24h } } }
`;

const encryptionKey = `
---
apiVersion: keywright.dev/v1alpha1
kind: SecretTree
metadata: { name: keys }
spec: { store: main, path: apps, entries: [{ path: orders, encryptionKey: { type: aes256-gcm96 }, rotateEvery: 30d }] }
`;

/** The quickstart fleet with a store \`main\` in an OpenBao beside its own \`box\`. */
async function besideOpenBao(t: TestContext): Promise<{ readonly bao: OpenBao; readonly fleet: TestFleet }> {
  const bao = await startOpenBao(t);
  await bao.ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await bao.ask('PUT', 'sys/policies/acl/keywright', { policy });
  const made = await bao.ask('POST', 'auth/token/create-orphan', { policies: ['keywright'], period: '1h' });
  const fleet = await copyOfExample(t, 'quickstart');
  const token = made.body?.['auth'].client_token as string;
  await writeFile(join(fleet.folder, 'bao.token'), `${token}\n`, { mode: 0o600 });
  await writeFile(join(fleet.folder, 'bao-ca.pem'), bao.ca);
  const store = `
---
apiVersion: keywright.dev/v1alpha1
kind: Store
metadata: { name: main }
spec:
  vault: { addresses: ["${bao.address}"], ca: { file: bao-ca.pem }, login: { tokenFile: bao.token } }
`;
  await edit(fleet, (text) =>
    `${text}${certificateAccess}${store}`.replace(
      'metadata: { name: quickstart }\nspec: {}',
      'metadata: { name: quickstart }\nspec: { home: box, defaults: { store: box } }',
    ),
  );
  return { bao, fleet };
}

async function edit(fleet: TestFleet, change: (text: string) => string): Promise<void> {
  const path = join(fleet.folder, 'fleet.yaml');
  await writeFile(path, change(await readFile(path, 'utf8')));
}

const inMain = (text: string): string => text.replace('pki: { root:', 'pki: { store: main, root:');

test(
  'certificates of a PKI engine are served and verify, a transit key works; what is widened by hand is mended',
  { skip: openBaoMissing },
  async (t) => {
    const { bao, fleet } = await besideOpenBao(t);
    await edit(fleet, (text) => `${inMain(text)}${encryptionKey}`);
    await fleet.must('up', '--once');
    await fleet.must('apply');
    const evidence = await fleet.verify();
    assert.deepEqual(notHeld(evidence), []);
    const held: readonly string[] = evidence.claims.map(({ id }) => id);
    for (const id of [
      'Authority/local#authority-valid',
      'Authority/local#pki-names-only',
      'Postgres/shop#served-certificate',
      'store/main/encryption-key/transit/apps.orders#encryption-key-works',
      'authority/local/certificate/server/shop#certificate-valid',
    ]) {
      assert.ok(held.includes(id), `${id} among\n${held.join('\n')}`);
    }
    assert.equal((await fleet.run('plan')).code, 0);
    const { body } = await bao.ask('GET', 'secret/data/keywright/quickstart/authorities/local/root');
    assert.deepEqual(Object.keys(body?.['data'].data as object), ['tls.crt']);

    const merge = { headers: { 'Content-Type': 'application/merge-patch+json' } };
    await bao.ask('PATCH', 'pki/roles/local-server', { allow_any_name: true }, merge);
    assert.deepEqual(notHeld(await fleet.verify()), ['broken Authority/local#pki-names-only']);
    const { code, stdout } = await fleet.run('plan');
    assert.equal(code, 2);
    assert.match(stdout, /allow any name/);
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
  },
);

test(
  'an authority moves from a file store into the PKI engine, and everybody goes on trusting it',
  { skip: openBaoMissing },
  async (t) => {
    const { bao, fleet } = await besideOpenBao(t);
    await fleet.must('apply');
    const trusted = await readFile(join(fleet.delivered('here', 'shop', 'shop-app'), 'ca.crt'), 'utf8');
    await edit(fleet, inMain);
    const { stdout } = await fleet.run('plan');
    assert.match(stdout, /authority\/local\/ca\/root/);
    assert.match(stdout, /moves from store box/);
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
    assert.equal(await readFile(join(fleet.delivered('here', 'shop', 'shop-app'), 'ca.crt'), 'utf8'), trusted);
    const { body } = await bao.ask('GET', 'pki/issuer/local-root');
    assert.equal(String(body?.['data'].certificate).trim(), trusted.trim());
    assert.equal((await fleet.run('plan')).code, 0);
  },
);
