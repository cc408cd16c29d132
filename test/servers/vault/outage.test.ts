import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Secret } from '../../../src/model/secret.ts';
import { VaultClient } from '../../../src/stores/vault/client.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import type { VaultClientOptions } from '../../../src/stores/vault/client.ts';
import { realEnvironment } from '../../support/file-store.ts';
import { failureOf, isFailure } from '../../support/failure.ts';
import { testAuthority, testCertificate } from '../../support/openbao.ts';
import { freePort } from '../../support/postgres.ts';

const authority = await testAuthority('peers of a test');
const { certificatePem: cert, privateKey } = await testCertificate(authority, 'peer', ['127.0.0.1']);

/** A peer that answers as it is told; its address. */
async function peer(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer({ cert, key: privateKey.expose() }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(t: TestContext, addresses: readonly string[], options: Partial<VaultClientOptions> = {}): VaultClient {
  const { certificatePem: ca } = authority;
  const made = new VaultClient({
    store: 'main',
    addresses,
    ca,
    environment: realEnvironment,
    patience: 600,
    ...options,
  });
  t.after(() => made.close());
  return made;
}

/** What a standby answers that cannot hand a request on. */
function redirect(leader: string): RequestListener {
  return (call: IncomingMessage, answer: ServerResponse) => {
    if (call.url === '/v1/sys/leader') {
      json(answer, 200, { is_self: false, leader_address: leader });
    } else {
      answer.writeHead(307, { Location: `${leader}${call.url}` }).end();
    }
  };
}

function json(answer: ServerResponse, status: number, body: object): void {
  answer.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

const mounts = { method: 'GET', path: 'sys/mounts' } as const;

describe('a standby that names a leader', () => {
  test('which is dead: there is no active peer, and both are named', async (t) => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    const standby = await peer(t, redirect(dead));
    // Whichever of the two the last attempt met.
    for (const patience of [10, 150, 300, 450, 600]) {
      const failure = await failureOf(client(t, [standby], { patience, sealedPatience: 10 }).request(mounts));
      assert.equal(failure.code, 'vault-no-leader');
      assert.match(failure.message, /^store main has no active peer/);
      assert.ok(failure.details.why?.includes(`${standby} names ${dead} as leader`), failure.details.why);
      assert.equal(failure.exitCode, 3);
    }
  });

  test('says what the leader did instead of answering, once it was asked', async (t) => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    const failure = await failureOf(client(t, [await peer(t, redirect(dead))]).request(mounts));
    assert.match(failure.details.why ?? '', /which did not answer: connect ECONNREFUSED/);
  });

  test('which is sealed by now: that is no sealed store', async (t) => {
    const leader = await peer(t, (_, answer) => json(answer, 503, { errors: ['Vault is sealed'] }));
    const standby = await peer(t, redirect(leader));
    const failure = await failureOf(client(t, [standby], { sealedPatience: 100 }).request(mounts));
    assert.equal(failure.code, 'vault-no-leader');
    assert.match(failure.details.why ?? '', /which did not answer: Vault is sealed/);
  });

  test('is asked again after the leader is lost, and what it names then is followed', async (t) => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    const next = await peer(t, (_, answer) => json(answer, 200, { data: { found: true } }));
    let asked = 0;
    const standby = await peer(t, (call, answer) => redirect(asked++ === 0 ? dead : next)(call, answer));
    const reply = await client(t, [standby]).request(mounts);
    assert.equal(reply.data['found'], true);
    assert.equal(asked, 2);
  });

  test('beside addresses that are dead: the same, not that none can be reached', async (t) => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    const standby = await peer(t, redirect(dead));
    for (const patience of [10, 150, 300, 450, 600]) {
      const failed = client(t, [dead, standby], { patience, sealedPatience: 10 }).request(mounts);
      await assert.rejects(failed, isFailure('vault-no-leader', /has no active peer/));
    }
  });

  test('and dies itself cannot be reached any more', async (t) => {
    const dead = `https://127.0.0.1:${await freePort()}`;
    let asked = 0;
    const standby = await peer(t, (call, answer) => {
      if (asked++ === 0) {
        redirect(dead)(call, answer);
      } else {
        answer.destroy();
      }
    });
    await assert.rejects(client(t, [standby]).request(mounts), isFailure('vault-unreachable', /cannot be reached at/));
  });
});

describe('once a call gave up because nobody serves', () => {
  test('the others do not wait as long again, until one is answered', async (t) => {
    let sealed = true;
    const address = await peer(t, (_, answer) =>
      sealed ? json(answer, 503, { errors: ['Vault is sealed'] }) : json(answer, 200, { data: {} }),
    );
    const asking = client(t, [address], { patience: 60_000, sealedPatience: 1_000 });
    await assert.rejects(asking.request(mounts), isFailure('vault-sealed'));
    const begun = performance.now();
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => asking.request(mounts)));
    assert.ok(all.every(({ status }) => status === 'rejected'));
    assert.ok(performance.now() - begun < 5_000, `${performance.now() - begun} ms`);
    sealed = false;
    await asking.request(mounts);
    sealed = true;
    setTimeout(() => (sealed = false), 300);
    await asking.request(mounts);
  });

  test('a limit of rates that does not pass is no such reason', async (t) => {
    let limited = true;
    const address = await peer(t, (call, answer) =>
      limited || call.url?.endsWith('narrow') === true
        ? json(answer, 429, { errors: ['request path "x": rate limit quota exceeded'] })
        : json(answer, 200, { data: {} }),
    );
    const asking = client(t, [address], { patience: 500 });
    await assert.rejects(asking.request({ method: 'GET', path: 'narrow' }), isFailure('vault-rate-limited'));
    setTimeout(() => (limited = false), 200);
    await asking.request(mounts);
  });
});

describe('while the next leader is chosen', () => {
  const sealedPeer: RequestListener = (call, answer) =>
    call.url === '/v1/sys/seal-status'
      ? json(answer, 200, { initialized: true, sealed: true, t: 1, progress: 0 })
      : json(answer, 503, { errors: ['Vault is sealed'] });

  test('a peer that is sealed does not make the others sealed', async (t) => {
    let active = false;
    const next = await peer(t, (call, answer) => {
      if (call.url === '/v1/sys/seal-status') {
        json(answer, 200, { initialized: true, sealed: false });
      } else if (call.url === '/v1/sys/leader') {
        json(answer, 200, { is_self: active, leader_address: '' });
      } else if (active) {
        json(answer, 200, { data: {} });
      } else {
        json(answer, 500, { errors: ['local node not active but active cluster node not found'] });
      }
    });
    const asking = client(t, [await peer(t, sealedPeer), next], { patience: 20_000, sealedPatience: 100 });
    setTimeout(() => (active = true), 1_000);
    await asking.request(mounts);
  });

  test('peers that are all sealed are told after a short while', async (t) => {
    const addresses = [await peer(t, sealedPeer), await peer(t, sealedPeer)];
    const asking = client(t, addresses, { patience: 20_000, sealedPatience: 100 });
    const begun = performance.now();
    await assert.rejects(asking.request(mounts), isFailure('vault-sealed', /0 of 1 shares/));
    assert.ok(performance.now() - begun < 5_000);
  });

  test('a good token that the fresh leader does not know yet is not given up', async (t) => {
    let answers: 'serves' | 'leaderless' | 'strange' = 'serves';
    const address = await peer(t, (_, answer) => {
      if (answers === 'serves') {
        json(answer, 200, { data: {} });
      } else if (answers === 'leaderless') {
        json(answer, 500, { errors: ['local node not active but active cluster node not found'] });
      } else {
        json(answer, 403, { errors: ['permission denied'] });
      }
    });
    const login = tokenLogin(new Secret('a token'), 'a token');
    const asking = client(t, [address], { login, patience: 5_000, sealedPatience: 2_000 });
    await asking.request(mounts);
    answers = 'leaderless';
    setTimeout(() => (answers = 'strange'), 200);
    setTimeout(() => (answers = 'serves'), 700);
    await asking.request(mounts);
    // One that stays unknown is refused, and at once when no peer was in trouble lately.
    answers = 'strange';
    await assert.rejects(asking.request(mounts), isFailure('vault-token-refused'));
    const settled = client(t, [address], { login, sealedPatience: 60_000 });
    await assert.rejects(settled.request(mounts), isFailure('vault-token-refused'));
  });
});
