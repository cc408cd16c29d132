import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Secret } from '../../../src/model/secret.ts';
import { CheckAndSetConflict } from '../../../src/stores/backend.ts';
import { VaultStore } from '../../../src/stores/vault/backend.ts';
import type { VaultClientOptions } from '../../../src/stores/vault/client.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import { isFailure } from '../../support/failure.ts';
import { realEnvironment } from '../../support/file-store.ts';
import { notOpenBao, openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import type { OpenBao } from '../../support/openbao.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';
import { clientOf, tokenWith } from '../../support/vault-client.ts';
import { entry, present, storeContract, values } from '../stores/contract.ts';

describe('OpenBao as a store', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  storeContract({
    name: 'KV v2 of OpenBao',
    async open(t) {
      const { mount, bao } = await freshMount(server());
      return { backend: await openStore(t, bao, mount), reopen: () => openStore(t, bao, mount) };
    },
  });

  // What every KV v2 has, HashiCorp's too: without the list of everything.
  storeContract({
    name: 'KV v2 by the plain calls',
    async open(t) {
      const { mount, bao } = await freshMount(server());
      const verbs = '"create", "read", "update", "patch", "delete", "list"';
      const token = await tokenWith(bao, `plain-${mount}`, `path "${mount}/*" { capabilities = [${verbs}] }`);
      const options = { login: tokenLogin(token, 'a token without scan') };
      return { backend: await openStore(t, bao, mount, options), reopen: () => openStore(t, bao, mount, options) };
    },
  });

  test('both ways of listing say the same', async (t) => {
    const { mount, bao } = await freshMount(server());
    const store = await openStore(t, bao, mount);
    assert.equal(store.features.listWithMetadata, notOpenBao === false);
    for (const path of ['a', 'a/b', 'a/b/c', 'ž ž/%41', 'deleted', 'destroyed']) {
      await store.write(entry(path, { k: path }, { metadata: { mark: path } }));
    }
    await store.delete('deleted');
    await store.destroyVersion('destroyed', (await present(store, 'destroyed')).version);
    const token = await tokenWith(
      bao,
      `list-${mount}`,
      `path "${mount}/metadata/*" { capabilities = ["read", "list"] }`,
    );
    const plain = await openStore(t, bao, mount, { login: tokenLogin(token, 'a token without scan') });
    for (const prefix of ['', 'a', 'a/b', 'nothing']) {
      assert.deepEqual(await plain.list(prefix), await store.list(prefix));
    }
    assert.deepEqual(
      (await store.list('')).filter((info) => info.deleted).map((info) => info.path),
      ['deleted', 'destroyed'],
    );
  });

  test('an absent mount is a failure, not an absent entry, and an engine of another kind is refused', async (t) => {
    const bao = server();
    const store = await openStore(t, bao, 'never-made');
    await assert.rejects(store.read('x'), isFailure('vault-no-mount', /never-made/));
    await assert.rejects(store.list(''), isFailure('vault-no-mount'));
    await assert.rejects(store.write(entry('x', { k: 'v' })), isFailure('vault-no-mount'));
    assert.equal((await store.readMany(['x'])).get('x')?.state, 'couldNotAsk');
    await bao.ask('POST', 'sys/mounts/old', { type: 'kv' });
    await assert.rejects(openStore(t, bao, 'old'), isFailure('vault-not-kv2', /old/));
  });

  test('a mount that is made later is found', async (t) => {
    const bao = server();
    const store = await openStore(t, bao, 'made-later');
    await bao.ask('POST', 'sys/mounts/made-later', { type: 'kv', options: { version: '2' } });
    await store.write(entry('x', { k: 'v' }, { expect: 'absent' }));
    assert.equal((await store.list('')).length, 1);
  });

  test('values that others wrote as numbers and objects are read as JSON', async (t) => {
    const { mount, bao } = await freshMount(server());
    const store = await openStore(t, bao, mount);
    // A new mount refuses everything for a moment; our own write waits for that.
    await store.write(entry('ours', { k: 'v' }));
    await bao.ask('POST', `${mount}/data/theirs`, { data: { n: 5, o: { a: [true] }, s: 's' } });
    assert.deepEqual(values(await present(store, 'theirs')), {
      n: '5',
      o: '{"a":[true]}',
      s: 's',
    });
  });

  test('a check-and-set whose answer is lost is done once, and known to be done', async (t) => {
    const { mount, bao } = await freshMount(server());
    const proxy = await tcpProxy(bao.peers[0]!.port);
    t.after(() => proxy.close());
    const store = await openStore(t, bao, mount, { addresses: [`https://127.0.0.1:${proxy.port}`] });
    const first = await store.write(entry('x', { k: 'one' }));
    proxy.loseNext(1);
    const second = await store.write(entry('x', { k: 'two' }, { expect: first.version }));
    proxy.loseNext(1);
    await store.write(entry('new', { k: 'one' }, { expect: 'absent' }));
    const direct = await openStore(t, bao, mount);
    assert.equal((await present(direct, 'x')).version, second.version);
    assert.match(second.version, /^2-/);
    assert.match((await present(direct, 'new')).version, /^1-/);
    proxy.loseNext(1);
    await assert.rejects(store.write(entry('x', { k: 'three' }, { expect: first.version })), CheckAndSetConflict);
  });

  test('a refusal names the path and the missing capability, and no value', async (t) => {
    const { mount, bao } = await freshMount(server());
    const token = await tokenWith(bao, `ro-${mount}`, `path "${mount}/data/*" { capabilities = ["read"] }`);
    const store = await openStore(t, bao, mount, { login: tokenLogin(new Secret(token.expose()), 'a reader') });
    await assert.rejects(store.write(entry('apps/x', { k: 'canary-value' })), (error) => {
      assert.ok(!JSON.stringify(error).includes('canary-value'));
      return isFailure(
        'vault-permission-denied',
        new RegExp(`${mount}/data/apps/x: the token lacks create or update`),
      )(error);
    });
  });
});

async function freshMount(bao: OpenBao): Promise<{ mount: string; bao: OpenBao }> {
  const mount = `kv-${randomBytes(4).toString('hex')}`;
  await bao.ask('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: '2' } });
  return { mount, bao };
}

function openStore(
  t: TestContext,
  bao: OpenBao,
  mount: string,
  options: Partial<VaultClientOptions> = {},
): Promise<VaultStore> {
  return VaultStore.open({ client: clientOf(t, bao, options), mount, now: realEnvironment.now });
}
