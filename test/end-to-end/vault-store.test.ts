import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyOfExample, notHeld, type TestFleet } from '../support/fleet.ts';
import { openBaoMissing, startOpenBao } from '../support/openbao.ts';
import { documentedPolicy } from '../support/vault-policy.ts';

test(
  'a fleet moves into an OpenBao that is there already, and keeps every value',
  { skip: openBaoMissing },
  async (t) => {
    const bao = await startOpenBao(t, { peers: 1 });
    await bao.ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
    await bao.ask('PUT', 'sys/policies/acl/keywright', { policy: await documentedPolicy() });
    const made = await bao.ask('POST', 'auth/token/create-orphan', { policies: ['keywright'], period: '1h' });
    const token = (made.body?.['auth'] as { client_token: string } | undefined)?.client_token;
    assert.ok(token);

    const fleet = await copyOfExample(t, 'two-sites');
    await fleet.must('apply');
    const before = await delivered(fleet);

    await writeFile(join(fleet.folder, 'bao.token'), `${token}\n`, { mode: 0o600 });
    await writeFile(join(fleet.folder, 'bao-ca.pem'), bao.ca);
    const path = join(fleet.folder, 'fleet.yaml');
    const text = (await readFile(path, 'utf8'))
      .replace('  home: box\n', '  home: box\n  defaults: { store: main, authority: local }\n')
      .replace('spec:\n  pki: {', 'spec:\n  pki: { store: box,');
    const store = [
      '---',
      'apiVersion: keywright.dev/v1alpha1',
      'kind: Store',
      'metadata: { name: main }',
      'spec:',
      `  vault: { addresses: ["https://127.0.0.1:${bao.peers[0]?.port}"], ca: { file: bao-ca.pem }, login: { tokenFile: bao.token } }`,
      '',
    ].join('\n');
    await writeFile(path, text + store);

    await fleet.must('apply', '--allow-removals', '50');
    assert.deepEqual(await delivered(fleet), before);
    assert.equal((await fleet.run('plan')).code, 0);
    assert.deepEqual(notHeld(await fleet.verify()), []);
    const listed = await fleet.must('secret', 'list', 'main');
    assert.match(listed, /apps\/production\/orders/);
  },
);

/** Values that consumers hold, by what must not change. */
async function delivered(fleet: TestFleet): Promise<string[]> {
  const read = (secret: string, key: string): Promise<string> =>
    readFile(join(fleet.delivered('site-a', 'orders', secret), key), 'utf8');
  return Promise.all([
    read('app', 'api-key'),
    read('app', 'jwt-secret'),
    read('orders-app', 'username'),
    read('orders-app', 'password'),
  ]);
}
