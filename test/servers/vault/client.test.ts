import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { Secret } from '../../../src/model/secret.ts';
import { VaultRefusal } from '../../../src/stores/vault/failures.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import { failureOf, isFailure } from '../../support/failure.ts';
import { freePort } from '../../support/postgres.ts';
import {
  notOpenBao,
  openBaoMissing,
  openBaoOfSuite,
  startOpenBao,
  testAuthority,
  waitFor,
} from '../../support/openbao.ts';
import type { OpenBao } from '../../support/openbao.ts';
import { tcpProxy } from '../../support/tcp-proxy.ts';
import { clientOf, tokenWith } from '../../support/vault-client.ts';

describe('the client of a Vault', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  test('reads what it wrote, and tells absence from an absent mount', async (t) => {
    const bao = server();
    const client = clientOf(t, bao);
    await client.request({ method: 'POST', path: 'sys/mounts/plain', body: { type: 'kv' } });
    await client.request({ method: 'POST', path: 'plain/apps/orders', body: { password: new Secret('p1') } });
    assert.equal((await client.readIfPresent('plain/apps/orders'))?.data['password'], 'p1');
    assert.equal(await client.readIfPresent('plain/apps/other'), undefined);
    assert.deepEqual(await client.list('plain/apps'), ['orders']);
    assert.deepEqual(await client.list('plain/nothing'), []);
    await assert.rejects(client.readIfPresent('nowhere/x'), isFailure('vault-no-mount', /nowhere\/x/));
  });

  test('a path that the server would clean is refused before it is sent', async (t) => {
    const bao = server();
    const client = clientOf(t, bao);
    for (const path of ['secret//x', 'secret/../sys/seal', 'secret/./x', '']) {
      await assert.rejects(client.request({ method: 'GET', path }), isFailure('vault-invalid-path', /no path/));
    }
  });

  test('a fresh KV mount is used at once', async (t) => {
    const bao = server();
    const client = clientOf(t, bao);
    await client.request({ method: 'POST', path: 'sys/mounts/fresh', body: { type: 'kv', options: { version: '2' } } });
    await client.request({ method: 'POST', path: 'fresh/data/x', body: { data: { a: '1' } }, repeat: 'safe' });
  });

  test('warnings of the server are handed on', async (t) => {
    const bao = server();
    const warnings: string[] = [];
    const client = clientOf(t, bao, { onWarning: (warning, call) => warnings.push(`${call.path}: ${warning}`) });
    await client.request({
      method: 'PUT',
      path: 'sys/policies/acl/warned',
      body: { policy: '', nonsense: 1 },
      accept: [400],
    });
    await client.request({ method: 'POST', path: 'auth/token/create', body: { policies: ['nobody-made-me'] } });
    assert.match(warnings.join('\n'), /auth\/token\/create: Policy "nobody-made-me" does not exist/);
  });

  test('a denied call names path, capability, what the token has, and the policy that would allow it', async (t) => {
    const bao = server();
    const token = await tokenWith(bao, 'half', 'path "fleet/data/apps/*" { capabilities = ["read"] }');
    const login = tokenLogin(token, 'a narrow token');
    const client = clientOf(t, bao, { login });
    const denied = await failureOf(client.request({ method: 'POST', path: 'fleet/data/apps/orders', body: {} }));
    assert.equal(denied.code, 'vault-permission-denied');
    assert.match(denied.message, /refuses POST fleet\/data\/apps\/orders: the token lacks create or update/);
    assert.match(denied.details.why ?? '', /it has there: read \(policies default, half\)/);
    assert.match(
      denied.details.remedy ?? '',
      /path "fleet\/data\/apps\/orders" \{ capabilities = \["create", "update"\] \}/,
    );
    const guided = clientOf(t, bao, {
      login,
      grantedBy: ({ path, capabilities }) =>
        path.startsWith('fleet/') && capabilities[0] === 'list' ? 'orders-reader' : undefined,
    });
    const listing = await failureOf(guided.request({ method: 'LIST', path: 'fleet/metadata/apps' }));
    assert.match(listing.message, /LIST fleet\/metadata\/apps\/: the token lacks list/);
    assert.match(listing.details.remedy ?? '', /policy orders-reader allows it/);
    assert.equal(listing.exitCode, 3);
  });

  test('a path that needs sudo is said to need it', async (t) => {
    const bao = server();
    const token = await tokenWith(bao, 'no-sudo', 'path "sys/auth/*" { capabilities = ["create", "update"] }');
    const client = clientOf(t, bao, { login: tokenLogin(token, 'a token') });
    const denied = await failureOf(client.request({ method: 'POST', path: 'sys/auth/x', body: { type: 'approle' } }));
    assert.match(denied.message, /the token lacks sudo/);
  });

  test('a refusal by parameters does not claim a missing capability', async (t) => {
    const bao = server();
    const rules =
      'path "sys/policies/acl/*" { capabilities = ["update"]\n allowed_parameters = { "policy" = ["path*"] } }';
    const client = clientOf(t, bao, { login: tokenLogin(await tokenWith(bao, 'limited', rules), 'a token') });
    const denied = await failureOf(
      client.request({ method: 'PUT', path: 'sys/policies/acl/x', body: { policy: 'name' } }),
    );
    assert.match(denied.message, /a limit on parameters or wrapping/);
  });

  test('a token that is no good is told apart from a policy that forbids, and never shown', async (t) => {
    const bao = server();
    const client = clientOf(t, bao, { login: tokenLogin(new Secret('canary-token'), 'token file t') });
    const refused = await failureOf(client.request({ method: 'GET', path: 'sys/mounts' }));
    assert.equal(refused.code, 'vault-token-refused');
    assert.match(refused.message, /does not accept the token of token file t/);
    assert.ok(!JSON.stringify([refused.message, refused.details, refused.stack]).includes('canary-token'));
  });

  test('a value that the server repeats in its error is taken out', async (t) => {
    const bao = server();
    const client = clientOf(t, bao);
    const secret = new Secret('canary-value-in-policy');
    const refused = await failureOf(
      client.request({
        method: 'PUT',
        path: 'sys/policies/acl/bad',
        body: { policy: new Secret(`${secret.expose()} {}`) },
      }),
    );
    assert.ok(refused instanceof VaultRefusal);
    assert.equal(refused.status, 400);
    const capability = new Secret('canary-value');
    const parsed = await failureOf(
      client.request({ method: 'POST', path: 'sys/wrapping/lookup', body: { token: capability }, token: null }),
    );
    assert.ok(!JSON.stringify([parsed.message, parsed.details]).includes('canary-value'));
  });

  test('a conflict and an object that exists have codes of their own', async (t) => {
    const bao = server();
    const client = clientOf(t, bao);
    await assert.rejects(
      client.request({ method: 'POST', path: 'sys/mounts/sys', body: { type: 'kv' } }),
      isFailure('vault-refused', /sys/),
    );
    await client.request({ method: 'POST', path: 'sys/mounts/twice', body: { type: 'kv' } });
    const again = client.request({ method: 'POST', path: 'sys/mounts/twice', body: { type: 'kv' } });
    await assert.rejects(again, isFailure('vault-exists', /path is already in use/));
    const lease = client.request({
      method: 'POST',
      path: 'sys/leases/renew',
      body: { lease_id: 'database/creds/x/y' },
    });
    await assert.rejects(lease, isFailure('vault-lease-gone', /lease not found/));
  });

  test('a rate limit is waited for, and named when it does not pass', async (t) => {
    const bao = server();
    // A busy machine may need a second request of patience for a second's quota.
    const client = clientOf(t, bao, { patience: 5000 });
    await client.request({ method: 'POST', path: 'sys/mounts/narrow', body: { type: 'kv' } });
    const quota = { path: 'narrow/', rate: 1, interval: '1s' };
    await client.request({ method: 'POST', path: 'sys/quotas/rate-limit/narrow', body: quota });
    await client.request({ method: 'GET', path: 'narrow/a', accept: [404] });
    await client.request({ method: 'GET', path: 'narrow/a', accept: [404] });
    const slow = { ...quota, interval: '1h' };
    await client.request({ method: 'POST', path: 'sys/quotas/rate-limit/narrow', body: slow });
    const refused = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await client.request({ method: 'GET', path: 'narrow/a', accept: [404] });
      }
    };
    await assert.rejects(refused(), isFailure('vault-rate-limited', /quota is exceeded/));
    await client.request({ method: 'DELETE', path: 'sys/quotas/rate-limit/narrow' });
  });

  test('a namespace is addressed, and one that is not there is named', { skip: notOpenBao }, async (t) => {
    const bao = server();
    await bao.ask('POST', 'sys/namespaces/team', {});
    const client = clientOf(t, bao, { namespace: 'team' });
    await client.request({ method: 'POST', path: 'sys/mounts/own', body: { type: 'kv' } });
    await client.request({ method: 'POST', path: 'own/x', body: { a: '1' } });
    assert.deepEqual(await client.list('team/own', { namespace: '' }), ['x']);
    const lost = clientOf(t, bao, { namespace: 'nobody' });
    await assert.rejects(lost.list('own'), isFailure('vault-no-namespace', /namespace not found/));
  });

  test('whoever shows a certificate of another authority is sent no token', async (t) => {
    const bao = server();
    const client = clientOf(t, bao, { ca: (await testAuthority('another')).certificatePem, sealedPatience: 100 });
    await assert.rejects(
      client.request({ method: 'GET', path: 'sys/mounts' }),
      isFailure('vault-certificate-refused', /refused/),
    );
  });

  test('a host that the certificate does not name is refused', async (t) => {
    const bao = server();
    const address = bao.address.replace('127.0.0.1', '127.0.0.2');
    const proxy = await tcpProxy(bao.peers[0]!.port);
    t.after(() => proxy.close());
    const client = clientOf(t, bao, {
      addresses: [address, `https://[::ffff:127.0.0.1]:${proxy.port}`],
      sealedPatience: 100,
    });
    await assert.rejects(client.request({ method: 'GET', path: 'sys/mounts' }), Failure);
  });

  test('an address where nobody listens is named after a few seconds', async (t) => {
    const bao = server();
    const client = clientOf(t, bao, { addresses: [`https://127.0.0.1:${await freePort()}`], sealedPatience: 200 });
    await assert.rejects(
      client.request({ method: 'GET', path: 'sys/mounts' }),
      isFailure('vault-unreachable', /ECONNREFUSED/),
    );
  });

  test('the next address is used when the first does not answer', async (t) => {
    const bao = server();
    const client = clientOf(t, bao, { addresses: [`https://127.0.0.1:${await freePort()}`, bao.address] });
    await client.request({ method: 'GET', path: 'sys/mounts' });
  });

  test('plain HTTP and addresses with more than host and port are refused', (t) => {
    const bao = server();
    for (const address of ['http://127.0.0.1:8200', 'https://127.0.0.1:8200/v1', 'https://u@h', 'no url']) {
      assert.throws(() => clientOf(t, bao, { addresses: [address] }), isFailure('vault-invalid-address', /main/));
    }
  });

  test('a call that was interrupted ends with the reason', async (t) => {
    const bao = server();
    const controller = new AbortController();
    const client = clientOf(t, bao, {
      signal: controller.signal,
      addresses: [`https://127.0.0.1:${await freePort()}`],
    });
    const call = client.request({ method: 'GET', path: 'sys/mounts' });
    setTimeout(() => controller.abort(new Error('stopped by the user')), 50);
    await assert.rejects(call, /stopped by the user/);
  });

  describe('over a bad network', () => {
    test('a stall of five seconds is sat out', async (t) => {
      const bao = server();
      const proxy = await tcpProxy(bao.peers[0]!.port);
      t.after(() => proxy.close());
      const client = clientOf(t, bao, { addresses: [`https://127.0.0.1:${proxy.port}`] });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      proxy.stall();
      setTimeout(() => proxy.resume(), 5000);
      await client.request({ method: 'POST', path: 'auth/token/create', body: {} });
    });

    test('a write whose answer was lost is repeated when that is safe, and reported as unknown when not', async (t) => {
      const bao = server();
      const proxy = await tcpProxy(bao.peers[0]!.port);
      t.after(() => proxy.close());
      const client = clientOf(t, bao, { addresses: [`https://127.0.0.1:${proxy.port}`], patience: 10_000 });
      const policy = {
        method: 'PUT',
        path: 'sys/policies/acl/lost',
        body: { policy: 'path "a" { policy = "read" }' },
      } as const;
      await client.request({ method: 'GET', path: 'sys/mounts' });
      proxy.loseAnswers(true);
      await assert.rejects(client.request(policy), isFailure('vault-outcome-unknown', /did not say whether/));
      setTimeout(() => proxy.loseAnswers(false), 300);
      await client.request({ ...policy, repeat: 'safe' });
    });

    test('reads go on after every connection broke', async (t) => {
      const bao = server();
      const proxy = await tcpProxy(bao.peers[0]!.port);
      t.after(() => proxy.close());
      const client = clientOf(t, bao, { addresses: [`https://127.0.0.1:${proxy.port}`] });
      for (let i = 0; i < 5; i++) {
        const reads = Array.from({ length: 20 }, () => client.request({ method: 'GET', path: 'sys/mounts' }));
        proxy.cut();
        await Promise.all(reads);
      }
    });
  });
});

describe('a server that cannot serve', { skip: openBaoMissing }, () => {
  test('sealed, never initialised and a full audit disk are different answers', async (t) => {
    const bao = await startOpenBao(t, { shares: { count: 3, threshold: 2 } });
    const [peer] = bao.peers;
    const client = clientOf(t, bao, { sealedPatience: 300 });
    await client.request({ method: 'GET', path: 'sys/mounts' });

    await fillAuditDisk(bao);
    const blocked = await failureOf(client.request({ method: 'GET', path: 'sys/mounts' }));
    assert.equal(blocked.code, 'vault-audit-blocked');
    const write = await failureOf(client.request({ method: 'PUT', path: 'sys/policies/acl/x', body: { policy: '' } }));
    assert.equal(write.code, 'vault-audit-blocked');
    assert.match(write.details.why ?? '', /its health still says 200/);

    await peer!.stop();
    await peer!.start();
    await peer!.ask('PUT', 'sys/unseal', { key: bao.shares[0] });
    const sealed = await failureOf(client.request({ method: 'GET', path: 'sys/mounts' }));
    assert.equal(sealed.code, 'vault-sealed');
    assert.match(sealed.message, /main is sealed \(1 of 2 shares given\)/);
    assert.equal(sealed.exitCode, 3);
  });
});

describe('three peers', { skip: openBaoMissing }, () => {
  const cluster = openBaoOfSuite({ peers: 3 });
  before(async () => {
    const bao = cluster();
    await bao.ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    for (const peer of bao.peers) {
      await waitFor('the mount', async () => (await peer.ask('GET', 'kv/config')).status === 200);
    }
  });

  test('reads see our own writes, whichever peer is asked', async (t) => {
    const bao = cluster();
    const active = await bao.active();
    const standby = bao.peers.find((peer) => peer !== active)!;
    for (const addresses of [bao.addresses, [standby.address]]) {
      const client = clientOf(t, bao, { addresses });
      for (let i = 0; i < 30; i++) {
        await client.request({ method: 'POST', path: 'kv/data/own', body: { data: { i: String(i) } } });
        const seen = await client.request({ method: 'GET', path: 'kv/data/own' });
        assert.deepEqual(seen.data['data'], { i: String(i) });
      }
    }
  });

  test('without what the client does a standby answers late', { skip: notOpenBao }, async () => {
    const bao = cluster();
    const active = await bao.active();
    const standby = bao.peers.find((peer) => peer !== active)!;
    let stale = 0;
    for (let i = 0; i < 30; i++) {
      await active.ask('POST', 'kv/data/late', { data: { i: String(i) } });
      const seen = await standby.ask('GET', 'kv/data/late');
      stale += seen.body?.['data']?.['data']?.['i'] === String(i) ? 0 : 1;
    }
    assert.ok(stale > 0, 'standby reads are not stale any more: the consistency headers may be dropped');
  });

  test('a killed leader stops nothing: every write arrives once, reads go on', async (t) => {
    const bao = cluster();
    const client = clientOf(t, bao);
    let written = 0;
    let stop = false;
    const writer = async (name: string): Promise<void> => {
      for (let i = 0; !stop; i++) {
        const body = { data: { i: String(i) } };
        await client.request({ method: 'POST', path: `kv/data/${name}`, body, repeat: 'safe' });
        const seen = await client.request({ method: 'GET', path: `kv/data/${name}` });
        assert.deepEqual(seen.data['data'], { i: String(i) });
        written++;
      }
    };
    const writers = [1, 2, 3, 4].map((n) => writer(`writer-${n}`));
    await waitFor('some writes', async () => written > 20);
    const leader = await bao.active();
    await leader.stop('SIGKILL');
    const before = written;
    await waitFor('writes after the loss of the leader', async () => written > before + 40);
    await leader.start();
    await leader.unseal();
    stop = true;
    await Promise.all(writers);
  });

  test('a leader that steps down, and a sealed peer, are left for another', async (t) => {
    const bao = cluster();
    const client = clientOf(t, bao);
    await client.request({ method: 'GET', path: 'sys/mounts' });
    const leader = await bao.active();
    await leader.ask('PUT', 'sys/seal');
    await client.request({ method: 'POST', path: 'kv/data/after', body: { data: { a: '1' } }, repeat: 'safe' });
    await leader.unseal();
    await client.request({ method: 'PUT', path: 'sys/step-down' });
    await client.request({ method: 'POST', path: 'kv/data/after', body: { data: { a: '2' } }, repeat: 'safe' });
  });

  test('without a majority the client says that there is no active peer', async (t) => {
    const bao = cluster();
    const client = clientOf(t, bao, { patience: 1000 });
    await client.request({ method: 'GET', path: 'sys/mounts' });
    const [first, second, third] = bao.peers;
    await first!.stop();
    await second!.stop();
    const alone = clientOf(t, bao, { patience: 1000, addresses: [third!.address] });
    const write = alone.request({
      method: 'PUT',
      path: 'sys/policies/acl/x',
      body: { policy: 'path "a" {}' },
      repeat: 'safe',
    });
    await assert.rejects(write, isFailure('vault-no-leader', /has no active peer/));
  });
});

/** From now on every write to the audit log fails, as on a full disk. */
async function fillAuditDisk(bao: OpenBao): Promise<void> {
  const { rm, symlink } = await import('node:fs/promises');
  const [peer] = bao.peers;
  await rm(`${peer!.folder}/audit.log`);
  await symlink('/dev/full', `${peer!.folder}/audit.log`);
  process.kill(peer!.pid, 'SIGHUP');
  await waitFor('the audit log to fail', async () => (await peer!.ask('GET', 'sys/mounts')).status === 500);
}
