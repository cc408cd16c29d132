import assert from 'node:assert/strict';
import { readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { Decrypter, armor, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Secret } from '../../../src/model/secret.ts';
import { VaultClient } from '../../../src/stores/vault/client.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import { BootstrapRecords } from '../../../src/targets/vault/server/bootstrap-records.ts';
import { generateRootToken, parseBreakGlass, sealBreakGlass } from '../../../src/targets/vault/server/break-glass.ts';
import {
  clusterState,
  isComplete,
  quickenVoting,
  raftMembers,
} from '../../../src/targets/vault/server/cluster-state.ts';
import { homeAuthority, identityCertificate } from '../../../src/targets/vault/server/home-authority.ts';
import { initialize, initializeUnderLock } from '../../../src/targets/vault/server/initialize.ts';
import { createKeywrightIdentity, identityClient } from '../../../src/targets/vault/server/keywright-identity.ts';
import { peerHealth } from '../../../src/targets/vault/server/peer-health.ts';
import { peerFolder } from '../../../src/targets/vault/server/peer-folder.ts';
import { reloadPeer, runningPeer, startPeer } from '../../../src/targets/vault/server/peer-process.ts';
import { unseal } from '../../../src/targets/vault/server/unseal.ts';
import { isFailure } from '../../support/failure.ts';
import { openStore, realEnvironment, storePlace } from '../../support/file-store.ts';
import { localCluster } from '../../support/local-cluster.ts';
import type { LocalCluster } from '../../support/local-cluster.ts';
import { openBaoMissing, waitFor } from '../../support/openbao.ts';

const names = ['n1', 'n2', 'n3'];

describe('a cluster that Keywright runs', { skip: openBaoMissing }, () => {
  test('comes up, records from the start, survives restarts of one, two and all peers and the loss of its leader', async (t) => {
    const { cluster, shares, identities } = await broughtUp(t);
    const client = rootClient(t, cluster);
    await quickenVoting(client);
    await waitFor('three voters', async () => isComplete(await clusterState(client), names));
    const state = await clusterState(client);
    assert.equal(state.failureTolerance, 1);
    assert.deepEqual(
      (await raftMembers(client)).toSorted((one, other) => (one < other ? -1 : 1)),
      names,
    );

    // Audit is on before the first secret, and everything is readable by its account alone.
    const [first] = cluster.peers;
    assert.match(await readFile(first!.files.auditFile, 'utf8'), /"path":"sys\/storage\/raft\/autopilot\/state"/);
    for (const file of [first!.files.keyFile, first!.files.configFile, first!.files.auditFile]) {
      assert.equal((await stat(file)).mode & 0o077, 0, file);
    }

    // The holders' shares are in home, each readable by its holder alone, and no share or token lies anywhere in clear.
    const kept = await cluster.records.read();
    assert.equal(kept?.shares.length, 3);
    for (const [at, { armored }] of (kept?.shares ?? []).entries()) {
      const decrypter = new Decrypter();
      decrypter.addIdentity(identities[at]!);
      const plain = Buffer.from(await decrypter.decrypt(armor.decode(armored))).toString();
      assert.ok(shares[at]!.equals(new Secret(plain)));
    }

    await client.request({ method: 'POST', path: 'sys/mounts/kv', body: { type: 'kv' } });
    const works = async (): Promise<void> => {
      const value = String(Date.now());
      await client.request({ method: 'POST', path: 'kv/x', body: { value }, repeat: 'safe' });
      assert.equal((await client.readIfPresent('kv/x'))?.data['value'], value);
    };
    await works();

    for (const few of [[0], [1, 2], [0, 1, 2]]) {
      const some = few.map((at) => cluster.peers[at]!);
      await Promise.all(some.map((peer) => peer.stop()));
      for (const peer of some) {
        assert.deepEqual(await runningPeer(peer.files), undefined);
        const { adopted } = await peer.start();
        assert.equal(adopted, false);
        assert.equal((await peerHealth(peer.api)).state, 'sealed');
        assert.equal((await peer.start()).adopted, true);
      }
      await cluster.unsealAll(shares);
      await works();
      await waitFor('all to vote again', async () => isComplete(await clusterState(client), names));
    }

    const leader = await leaderOf(cluster);
    const begun = performance.now();
    await leader.kill();
    await works();
    assert.ok(performance.now() - begun < 6000, `${performance.now() - begun} ms without a leader`);
    await leader.start();
    await cluster.unsealAll(shares);
  });

  test('each state of a peer is told apart', async (t) => {
    const cluster = await localCluster(t);
    const [first, second, third] = cluster.peers;
    assert.equal((await peerHealth(first!.api)).state, 'unreachable');
    await Promise.all(cluster.peers.map((peer) => peer.start()));
    assert.equal((await peerHealth(first!.api)).state, 'uninitialised');
    const { holders } = await keyHolders();
    const { shares = [] } = await initialize({ ...options(cluster), keyShares: { threshold: 2, holders } });
    assert.deepEqual(await peerHealth(first!.api), { state: 'sealed', given: 0, threshold: 2 });
    await first!.api.ask('PUT', 'sys/unseal', { key: shares[0] });
    assert.deepEqual(await peerHealth(first!.api), { state: 'sealed', given: 1, threshold: 2 });

    const wrong = [
      new Secret(Buffer.alloc(33, 7).toString('base64')),
      new Secret(Buffer.alloc(33, 9).toString('base64')),
    ];
    await assert.rejects(unseal(first!.api, wrong), isFailure('vault-share-wrong', /n1/));
    await assert.rejects(unseal(first!.api, shares.slice(0, 1)), isFailure('vault-shares-missing', /needs 2 shares/));
    await cluster.unsealAll(shares);
    await waitFor('a leader', async () => (await peerHealth(first!.api)).state === 'active');
    assert.deepEqual(await peerHealth(second!.api), { state: 'standby', leader: first!.address });

    const client = rootClient(t, cluster);
    await quickenVoting(client);
    await waitFor('three voters', async () => isComplete(await clusterState(client), names));

    await rm(first!.files.auditFile);
    // Every write to it fails, as on a full disk.
    await symlink('/dev/full', first!.files.auditFile);
    await reloadPeer(first!.files);
    await waitFor(
      'the full audit disk to be noticed',
      async () => (await peerHealth(first!.api)).state === 'auditBlocked',
    );
    await rm(first!.files.auditFile);
    await reloadPeer(first!.files);
    await waitFor('the leader to heal', async () => (await peerHealth(first!.api)).state === 'active');

    const body = { server_id: third!.files.nodeId };
    await client.request({ method: 'POST', path: 'sys/storage/raft/remove-peer', body });
    // At once, while autopilot still counts it. Its own health does not tell.
    assert.ok(!(await raftMembers(client)).includes('n3'));
    assert.notEqual((await peerHealth(third!.api)).state, 'sealed');

    await first!.stop();
    await waitFor('the end of the majority', async () => (await peerHealth(second!.api)).state === 'leaderless');
  });

  test('two initialisers on fresh peers make one cluster, whatever peers they name first', async (t) => {
    const cluster = await localCluster(t, 2);
    await Promise.all(cluster.peers.map((peer) => peer.start()));
    const { holders } = await keyHolders();
    const keyShares = { threshold: 2, holders };
    const other = new BootstrapRecords(await openStore(await storePlace(t)), { fleet: 'other', store: 'main' });
    const results = await Promise.allSettled([
      initialize({ ...options(cluster), keyShares }),
      initialize({ ...options(cluster), peers: cluster.apis.toReversed(), keyShares }),
      // One with a home of its own cannot be stopped by the claim, but by the peer.
      initialize({ ...options(cluster), peers: cluster.apis.toReversed(), keyShares, records: other }),
    ]);
    const won = results.filter((result) => result.status === 'fulfilled');
    assert.equal(
      won.length,
      1,
      JSON.stringify(results.map((result) => result.status === 'rejected' && result.reason.code)),
    );
    const [winner] = won;
    await cluster.unsealAll(winner?.value.shares ?? []);
    const ids = await Promise.all(cluster.apis.map(async (api) => api.ask('GET', 'sys/seal-status')));
    const clusters = new Set(ids.map((status) => ('data' in status ? status.data['cluster_id'] : '')));
    assert.equal(clusters.size, 1);
  });

  test('a second run finds what the first one made; keys of somebody else are refused', async (t) => {
    const { cluster } = await broughtUp(t, 1);
    const { holders } = await keyHolders();
    const again = await initialize({ ...options(cluster), keyShares: { threshold: 2, holders } });
    assert.equal(again.shares, undefined);
    assert.equal(again.bootstrap.state, 'initialised');
    const strangers = new BootstrapRecords(await openStore(await storePlace(t)), { fleet: 'other', store: 'main' });
    const foreign = initialize({ ...options(cluster), records: strangers, keyShares: { threshold: 2, holders } });
    await assert.rejects(foreign, isFailure('vault-init-foreign', /not by this fleet/));
  });

  test('nothing is initialised while a peer cannot be asked', async (t) => {
    const cluster = await localCluster(t, 2);
    await cluster.peers[0]!.start();
    const { holders } = await keyHolders();
    const attempt = initialize({ ...options(cluster), keyShares: { threshold: 2, holders } });
    await assert.rejects(attempt, isFailure('vault-peer-unreachable', /n2/));
    assert.equal(await cluster.records.read(), undefined);
    assert.equal((await peerHealth(cluster.apis[0]!)).state, 'uninitialised');
  });

  test('what an initialiser that died left behind is taken up or begun anew', async (t) => {
    const cluster = await localCluster(t, 1);
    await cluster.peers[0]!.start();
    const { holders } = await keyHolders();
    const keyShares = { threshold: 2, holders };
    // Died after its claim.
    await cluster.records.claim('n1');
    await assert.rejects(initialize({ ...options(cluster), keyShares }), isFailure('vault-init-claimed'));
    // Died while the server answered.
    await cluster.apis[0]!.ask('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 }, 60_000);
    await assert.rejects(initialize({ ...options(cluster), keyShares }), isFailure('vault-init-unfinished'));
    const { shares = [] } = await initializeUnderLock({ ...options(cluster), keyShares }, () => cluster.empty());
    await cluster.unsealAll(shares);
    await waitFor('a leader', async () => (await peerHealth(cluster.apis[0]!)).state === 'active');
    await cluster.empty();
    await assert.rejects(
      initialize({ ...options(cluster), keyShares }),
      isFailure('vault-data-lost', /all its peers are empty/),
    );
  });

  test('a claim without more is taken over by who holds the lock', async (t) => {
    const cluster = await localCluster(t, 1);
    await cluster.peers[0]!.start();
    const { holders } = await keyHolders();
    await cluster.records.claim('n1');
    const never = (): Promise<void> => assert.fail('nothing had to be emptied');
    const done = await initializeUnderLock({ ...options(cluster), keyShares: { threshold: 2, holders } }, never);
    assert.equal(done.shares?.length, 3);
  });

  test('shares that cannot be are refused before anything is made', async (t) => {
    const cluster = await localCluster(t, 1);
    await cluster.peers[0]!.start();
    const { holders } = await keyHolders();
    for (const keyShares of [
      { threshold: 1, holders },
      { threshold: 4, holders },
      { threshold: 1, holders: [] },
    ]) {
      await assert.rejects(initialize({ ...options(cluster), keyShares }), isFailure('vault-key-shares'));
    }
    const bad = { threshold: 2, holders: ['age1nonsense', ...holders] };
    await assert.rejects(initialize({ ...options(cluster), keyShares: bad }), isFailure('backup-recipient-invalid'));
    assert.equal((await peerHealth(cluster.apis[0]!)).state, 'uninitialised');
  });

  test("Keywright gets an identity of its own, the root token dies, and the holders' shares bring one back", async (t) => {
    const { cluster, shares, identities, holders } = await broughtUp(t, 1);
    const bootstrap = (await cluster.records.read())!;
    const where = { fleet: 'test', store: 'main', environment: realEnvironment };
    const authority = await homeAuthority(cluster.home, where);
    assert.equal((await homeAuthority(cluster.home, where)).certificatePem, authority.certificatePem);
    const certificate = (): ReturnType<typeof identityCertificate> => identityCertificate(authority, where);
    let armored = '';
    const identity = {
      fleet: 'test',
      client: clientOptions(cluster),
      rootToken: bootstrap.rootToken!,
      authorityPem: authority.certificatePem,
      certificate,
      mounts: { kv: ['secret'], database: ['database'], pki: ['pki'], transit: [] },
      keepBreakGlass: async (credential: Parameters<typeof sealBreakGlass>[0]) => {
        armored = await sealBreakGlass(credential, holders);
      },
    };
    await createKeywrightIdentity(identity);
    // Again, as after a crash that lost the note of it.
    await createKeywrightIdentity(identity);
    const forgotten = await cluster.records.forgetRootToken(bootstrap);
    assert.equal(forgotten.rootToken, undefined);
    assert.equal((await cluster.records.read())?.rootToken, undefined);
    assert.equal((await cluster.home.read('keywright/test/stores/main/bootstrap', bootstrap.version)).state, 'absent');

    const dead = rootClient(t, cluster, bootstrap.rootToken);
    await assert.rejects(dead.request({ method: 'GET', path: 'sys/mounts' }), isFailure('vault-token-refused'));

    const own = identityClient(clientOptions(cluster), certificate);
    t.after(() => own.close());
    await own.request({ method: 'POST', path: 'sys/mounts/secret', body: { type: 'kv', options: { version: '2' } } });
    await own.request({ method: 'POST', path: 'secret/data/x', body: { data: { a: '1' } }, repeat: 'safe' });
    await own.request({ method: 'POST', path: 'sys/auth/approle', body: { type: 'approle' } });
    for (const call of [
      { method: 'PUT', path: 'sys/seal' },
      { method: 'PUT', path: 'sys/step-down' },
      { method: 'PUT', path: 'sys/policies/acl/keywright', body: { policy: 'path "*" { capabilities = ["sudo"] }' } },
      { method: 'DELETE', path: 'sys/auth/keywright-break-glass' },
      { method: 'POST', path: 'auth/keywright/certs/another', body: {} },
      { method: 'GET', path: 'auth/keywright-break-glass/role/root/role-id' },
      { method: 'POST', path: 'sys/storage/raft/remove-peer', body: { server_id: 'n1' } },
      { method: 'PUT', path: 'sys/generate-root-token/attempt', body: {} },
    ] as const) {
      await assert.rejects(own.request(call), isFailure('vault-permission-denied'), call.path);
    }

    // Any holder can read the way back in; alone it opens nothing.
    const decrypter = new Decrypter();
    decrypter.addIdentity(identities[2]!);
    const credential = parseBreakGlass(
      new Secret(Buffer.from(await decrypter.decrypt(armor.decode(armored))).toString()),
    );
    const glass = clientOptions(cluster);
    await assert.rejects(generateRootToken(glass, credential, shares.slice(0, 1)), isFailure('vault-shares-missing'));
    const foreign = [
      new Secret(Buffer.alloc(33, 1).toString('base64')),
      new Secret(Buffer.alloc(33, 2).toString('base64')),
    ];
    await assert.rejects(generateRootToken(glass, credential, foreign), isFailure('vault-share-wrong'));
    const fresh = await generateRootToken(glass, credential, shares);
    const root = rootClient(t, cluster, fresh);
    assert.deepEqual((await root.capabilities(['sys/seal'])).get('sys/seal'), ['root']);
    await root.request({ method: 'POST', path: 'auth/token/revoke-self', body: {} });
  });

  test('a peer that does not start is reported with its log', async (t) => {
    const cluster = await localCluster(t, 2);
    const [first, second] = cluster.peers;
    await first!.start();
    const taken = (await readFile(second!.files.configFile, 'utf8')).replaceAll(
      second!.address.slice('https://'.length),
      first!.address.slice('https://'.length),
    );
    await writeFile(second!.files.configFile, taken);
    await assert.rejects(
      second!.start(),
      isFailure('port-taken', /n2 did not start \(exit code 1\); its log ends with:[^]*address already in use/),
    );
    await writeFile(second!.files.configFile, 'storage "cotton" {}');
    await assert.rejects(second!.start(), isFailure('server-did-not-start', /n2 did not start[^]*cotton/));
    const absent = startPeer(peerFolder(second!.files.folder), {
      binary: '/nonexistent/bao',
      signal: t.signal,
      answers: async () => false,
    });
    await assert.rejects(absent, isFailure('server-did-not-start', /ENOENT/));
  });

  test('a lost or stale pid file does not lead to a second server or a wrong process', async (t) => {
    const cluster = await localCluster(t, 1);
    const [peer] = cluster.peers;
    const { pid } = await peer!.start();
    await rm(peer!.files.pidFile);
    assert.deepEqual(await peer!.start(), { pid, adopted: true });
    await peer!.stop();
    await writeFile(peer!.files.pidFile, `${process.pid}\n`);
    assert.equal(await runningPeer(peer!.files), undefined);
    assert.equal(await peer!.stop(), false);
  });
});

interface BroughtUp {
  readonly cluster: LocalCluster;
  readonly shares: readonly Secret[];
  readonly identities: readonly string[];
  readonly holders: readonly string[];
}

async function broughtUp(t: Parameters<typeof localCluster>[0], count = 3): Promise<BroughtUp> {
  const cluster = await localCluster(t, count);
  await Promise.all(cluster.peers.map((peer) => peer.start()));
  const { holders, identities } = await keyHolders();
  const { shares = [], bootstrap } = await initialize({ ...options(cluster), keyShares: { threshold: 2, holders } });
  assert.equal(shares.length, 3);
  rootTokens.set(cluster, bootstrap.rootToken!);
  await cluster.unsealAll(shares);
  return { cluster, shares, identities, holders };
}

const rootTokens = new WeakMap<LocalCluster, Secret>();

async function keyHolders(): Promise<{ holders: string[]; identities: string[] }> {
  const identities = await Promise.all([1, 2, 3].map(() => generateX25519Identity()));
  return { identities, holders: await Promise.all(identities.map((identity) => identityToRecipient(identity))) };
}

function options(cluster: LocalCluster): { store: string; peers: LocalCluster['apis']; records: BootstrapRecords } {
  return { store: 'main', peers: cluster.apis, records: cluster.records };
}

function clientOptions(cluster: LocalCluster): Omit<ConstructorParameters<typeof VaultClient>[0], 'login'> {
  const addresses = cluster.peers.map((peer) => peer.address);
  return { store: 'main', addresses, ca: cluster.authority.certificatePem, environment: realEnvironment };
}

function rootClient(t: Parameters<typeof localCluster>[0], cluster: LocalCluster, token?: Secret): VaultClient {
  const login = {
    name: 'the root token',
    login: async (ask: Parameters<ReturnType<typeof tokenLogin>['login']>[0]) =>
      tokenLogin(token ?? rootTokens.get(cluster) ?? (await cluster.records.read())!.rootToken!, 'root').login(ask),
  };
  const client = new VaultClient({ ...clientOptions(cluster), login });
  t.after(() => client.close());
  return client;
}

async function leaderOf(cluster: LocalCluster): Promise<LocalCluster['peers'][number]> {
  for (const peer of cluster.peers) {
    if ((await peerHealth(peer.api)).state === 'active') {
      return peer;
    }
  }
  throw new Error('no peer is active');
}
