import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { EvidenceJson } from '../../src/cli/render/evidence.ts';
import { copyOfExample, fleetOf, notHeld, processesOf, type TestFleet } from '../support/fleet.ts';
import { openBaoMissing } from '../support/openbao.ts';
import { asRoot, leaderOf, withBao, withPeers } from '../support/own-openbao.ts';

/** A store with three peers and a few entries, and nothing else. */
function smallFleet(server: string): string {
  const document = (kind: string, name: string, spec: string): string =>
    `apiVersion: keywright.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
  return [
    document('Fleet', 'small', '{ home: box, defaults: { store: main, authority: edge } }'),
    document('Site', 'here', '{ local: { directory: .keywright/here } }'),
    document('Store', 'box', '{ file: { path: box, identityFile: .keywright/key.txt } }'),
    document('Authority', 'edge', '{ pki: { store: box } }'),
    document('Store', 'main', `{ vault: { ca: { authority: edge }, server: ${server} } }`),
    document(
      'SecretTree',
      'apps',
      `{ path: apps, entries: [${['a', 'b', 'c'].map((path) => `{ path: ${path}, keys: { key: { generate: { hex: 16 } } } }`).join(', ')}] }`,
    ),
  ].join('---\n');
}

describe('a fleet that runs its own OpenBao', { skip: openBaoMissing }, () => {
  test('comes up, is proven, keeps all it holds over a restart, and leaves no process', async (t) => {
    const fleet = await copyOfExample(t, 'two-sites-openbao', withBao);
    const first = await fleet.run('up', '--once');
    assert.equal(first.code, 0, `${first.stdout}\n${first.stderr}`);
    const path = join(fleet.folder, '.keywright', 'evidence.json');
    const evidence = JSON.parse(await readFile(path, 'utf8')) as EvidenceJson;
    assert.deepEqual(notHeld(evidence), []);
    assert.ok(evidence.summary.held >= 60, `${evidence.summary.held} claims held`);
    const folders = await withPeers(fleet, async (peers) => peers.map(({ files }) => files.folder));
    assert.equal(folders.length, 3);
    for (const folder of folders) {
      assert.deepEqual(await processesOf(folder), []);
    }

    const status = await fleet.run('status');
    assert.equal(status.code, 3, status.stderr);
    assert.match(status.stdout, /main\/n1 +stopped[^]*could not be asked\n +main: store main is stopped/);

    const before = await delivered(fleet);
    const plan = await fleet.run('plan');
    assert.match(plan.stdout, /store main is stopped/);
    assert.doesNotMatch(plan.stdout, /^ *\+/m);
    const second = await fleet.must('up', '--once');
    assert.doesNotMatch(second, /[1-9]\d* created/);
    assert.deepEqual(await delivered(fleet), before);
  });

  test('takes over what the file store held, and recreates nothing', async (t) => {
    const fleet = await copyOfExample(t, 'two-sites', withBao);
    await fleet.must('apply');
    const before = await delivered(fleet);
    const text = fileURLToPath(new URL('../../examples/two-sites-openbao/fleet.yaml', import.meta.url));
    await writeFile(join(fleet.folder, 'fleet.yaml'), await readFile(text, 'utf8'));
    await fleet.must('apply', '--allow-removals', '80');
    assert.deepEqual(await delivered(fleet), before);
    const plan = await fleet.run('plan');
    assert.equal(plan.code, 0, plan.stdout);
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });

  test('a sealed peer, a stopped peer and a strange certificate are noticed, each by its claim, and mended', async (t) => {
    const fleet = await fleetOf(t, smallFleet('{ site: here }'), withBao);
    await fleet.must('apply');
    await withPeers(fleet, async (peers) => {
      const standby = peers.find(({ nodeId }) => nodeId === 'n3');
      process.kill(standby?.pid as number, 'SIGKILL');
      await gone(standby?.pid as number);
      assert.deepEqual(withoutVotes(notHeld(await fleet.verify())), [
        'broken Store/main#peers-unsealed',
        'unknown Store/main#peers-served-certificate',
      ]);
      const plan = await fleet.run('plan');
      assert.equal(plan.code, 2);
      assert.match(plan.stdout, /peer n3 +stopped → active or standby/);
    });
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);

    await withPeers(fleet, async ([first, second]) => {
      // The second peer shows the certificate of the first: of the right authority, and not its own.
      for (const file of ['certificateFile', 'keyFile'] as const) {
        await writeFile(second?.files[file] ?? '', await readFile(first?.files[file] ?? ''));
      }
      process.kill(second?.pid as number, 'SIGHUP');
      let found: string[] = [];
      for (const end = Date.now() + 30_000; found.length === 0 && Date.now() < end;) {
        found = notHeld(await fleet.verify('--claim', 'Store/main#peers-served-certificate'));
      }
      assert.deepEqual(found, ['broken Store/main#peers-served-certificate']);
      assert.match((await fleet.run('plan')).stdout, /peer n2, certificate/);
    });
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });

  test('data that is deleted under a running peer, even under all of them, is noticed and comes back', async (t) => {
    const fleet = await fleetOf(t, smallFleet('{ site: here }'), withBao);
    await fleet.must('apply');
    const show = ['--key', 'key', '--show', '--to-pipe'];
    const before = await fleet.must('secret', 'get', 'main/apps/a', ...show);
    await withPeers(fleet, async (peers) => {
      for (const { files } of peers) {
        await rm(files.dataDirectory, { recursive: true });
      }
    });
    assert.deepEqual(notHeld(await fleet.verify()), ['broken Store/main#peers-vote']);
    assert.match((await fleet.run('plan')).stdout, /peer n2, data was deleted under it/);
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
    await fleet.must('down');
    await fleet.must('apply');
    assert.equal(await fleet.must('secret', 'get', 'main/apps/a', ...show), before);
  });

  test('a peer taken out, a moved audit log and a widened identity are noticed, each by its claim', async (t) => {
    const fleet = await fleetOf(t, smallFleet('{ site: here }'), withBao);
    await fleet.must('apply');
    const key = '.keywright/key.txt';
    await asRoot(fleet, key, async (root) => {
      const outside = await withPeers(fleet, async (peers) => {
        const { nodeId } = await leaderOf(peers);
        return peers.find((peer) => peer.nodeId !== nodeId)?.nodeId ?? '';
      });
      await root.request({ method: 'POST', path: 'sys/storage/raft/remove-peer', body: { server_id: outside } });
      // It goes on answering as a healthy standby, until it notices.
      const broken = notHeld(await fleet.verify('--claim', 'Store/main#peers-vote'));
      assert.deepEqual(broken, ['broken Store/main#peers-vote']);
    });
    const plan = await fleet.run('plan');
    assert.equal(plan.code, 2, plan.stdout);
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);

    await withPeers(fleet, async (peers) => {
      const leader = await leaderOf(peers);
      // It goes on writing into the file under its new name.
      await rename(leader.files.auditFile, `${leader.files.auditFile}.moved`);
      assert.deepEqual(notHeld(await fleet.verify()), ['broken Store/main#audit-records']);
      await rename(`${leader.files.auditFile}.moved`, leader.files.auditFile);
    });

    const path = 'sys/policies/acl/keywright';
    await asRoot(fleet, key, async (root) => {
      const { data } = await root.request({ method: 'GET', path });
      const policy = String(data['policy']);
      await root.request({
        method: 'POST',
        path,
        body: { policy: `${policy}\npath "sys/seal" { capabilities = ["update", "sudo"] }\n` },
      });
      const seen = notHeld(await fleet.verify('--claim', 'Store/main#own-identity'));
      assert.deepEqual(seen, ['broken Store/main#own-identity']);
      await root.request({ method: 'POST', path, body: { policy } });
    });
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });

  test('a cluster grows by itself, and shrinks once somebody has taken a peer out of it', async (t) => {
    const fleet = await fleetOf(t, smallFleet('{ site: here }'), withBao);
    await fleet.must('apply');
    const file = join(fleet.folder, 'fleet.yaml');
    await writeFile(file, smallFleet('{ site: here, replicas: 4 }'));
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);

    await writeFile(file, smallFleet('{ site: here, replicas: 3 }'));
    const refused = await fleet.run('apply', '--allow-removals', '1');
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(refused.stderr, /bao operator raft\s+remove-peer n4/);
    await asRoot(fleet, '.keywright/key.txt', (root) =>
      root.request({ method: 'POST', path: 'sys/storage/raft/remove-peer', body: { server_id: 'n4' } }),
    );
    assert.match((await fleet.run('plan')).stdout, /peer n4 +taken out of the cluster → stopped/);
    await fleet.must('apply', '--allow-removals', '1');
    assert.equal((await fleet.run('plan')).code, 0);
    await withPeers(fleet, async (peers) => {
      assert.equal(peers.find(({ nodeId }) => nodeId === 'n4')?.pid, undefined);
    });
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });

  test('a changed configuration restarts one peer after the other, and is in force', async (t) => {
    const fleet = await fleetOf(t, smallFleet('{ site: here }'), withBao);
    await fleet.must('apply');
    const before = await withPeers(fleet, async (peers) => peers.map(({ pid }) => pid));
    await writeFile(join(fleet.folder, 'fleet.yaml'), smallFleet('{ site: here, audit: [file, stdout] }'));
    assert.match((await fleet.run('plan')).stdout, /peer n1, configuration/);
    const { code, stderr } = await fleet.run('apply');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /restarted n1, n2, n3/);
    await withPeers(fleet, async (peers) => {
      assert.ok(peers.every(({ pid }) => pid !== undefined && !before.includes(pid)));
    });
    const { claims } = await fleet.verify();
    assert.match(claims.find(({ id }) => id === 'Store/main#audit-records')?.seen ?? '', /recorded by file and stdout/);
    assert.equal((await fleet.run('plan')).code, 0);
  });

  test('a leader that dies while an apply writes is not noticed by the apply, or a second one finishes', async (t) => {
    const fleet = await fleetOf(t, smallFleet('{ site: here }'), withBao);
    await fleet.must('apply');
    const text = await readFile(join(fleet.folder, 'fleet.yaml'), 'utf8');
    const many = Array.from({ length: 200 }, (_, i) => `{ path: many/${i}, keys: { key: { generate: { hex: 16 } } } }`);
    await writeFile(join(fleet.folder, 'fleet.yaml'), text.replace('entries: [', `entries: [${many.join(', ')}, `));
    await withPeers(fleet, async (peers) => {
      const leader = await leaderOf(peers);
      const applying = fleet.start('apply');
      await listed(fleet, leader.address);
      process.kill(leader.pid as number, 'SIGKILL');
      const { code, stdout, stderr } = await applying.ended;
      assert.ok(code === 0 || code === 1 || code === 3, `${stdout}\n${stderr}`);
    });
    await fleet.must('apply');
    const plan = await fleet.run('plan');
    assert.equal(plan.code, 0, plan.stdout);
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });

  test('a peer that dies while the fleet is kept is started and unsealed again', async (t) => {
    const fleet = await fleetOf(t, smallFleet('{ site: here }'), withBao);
    const up = fleet.start('up');
    await up.saw(/Keeping the fleet/);
    await withPeers(fleet, async (peers) => {
      const leader = await leaderOf(peers);
      process.kill(leader.pid as number, 'SIGKILL');
      await up.saw(/vault-server main.* mended/);
    });
    await withPeers(fleet, async (peers) => {
      assert.ok(peers.every(({ pid }) => pid !== undefined));
      await leaderOf(peers);
    });
    up.kill('SIGINT');
    const { code, stdout } = await up.ended;
    assert.equal(code, 130, stdout);
    assert.match(stdout, /Stopped main\/n1, main\/n2, main\/n3/);
  });

  test('a store that leaves the fleet gives its entries back first, is stopped and kept, and deleted only when asked', async (t) => {
    const own = smallFleet('{ site: here }');
    const fleet = await fleetOf(t, own, withBao);
    await fleet.must('apply');
    const show = ['--key', 'key', '--show', '--to-pipe'];
    const before = await fleet.must('secret', 'get', 'main/apps/a', ...show);
    const without = own
      .split('---\n')
      .filter((text) => !text.includes('name: main'))
      .join('---\n')
      .replace('store: main', 'store: box');
    await writeFile(join(fleet.folder, 'fleet.yaml'), without);
    await fleet.must('apply', '--allow-removals', '20');
    assert.equal(await fleet.must('secret', 'get', 'box/apps/a', ...show), before);
    await withPeers(fleet, async (peers) =>
      assert.deepEqual(
        peers.filter(({ pid }) => pid !== undefined),
        [],
      ),
    );
    assert.match(await fleet.must('status'), /site\/here\/vault-server\/main/);
    assert.equal((await fleet.run('plan')).code, 0);

    await fleet.must('delete', 'site/here/vault-server/main', '--yes-delete-data');
    await withPeers(fleet, async (peers) => assert.equal(peers.length, 0));
    await writeFile(join(fleet.folder, 'fleet.yaml'), own);
    await fleet.must('apply', '--allow-removals', '20');
    assert.equal(await fleet.must('secret', 'get', 'main/apps/a', ...show), before);
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });

  test('holders of shares unseal it with their identities, and get a root token when all else fails', async (t) => {
    const identities = await Promise.all([1, 2, 3].map(() => generateX25519Identity()));
    const holders = await Promise.all(identities.map((identity) => identityToRecipient(identity)));
    const fleet = await fleetOf(
      t,
      smallFleet(`{ site: here, keyShares: { threshold: 2, holders: [${holders.join(', ')}] } }`),
      withBao,
    );
    for (const [at, identity] of identities.entries()) {
      await writeFile(join(fleet.folder, `holder-${at + 1}.txt`), `# a holder\n${identity}\n`, { mode: 0o600 });
    }
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);

    // The keys were given away at the beginning: other holders are not taken for a fact.
    const file = join(fleet.folder, 'fleet.yaml');
    const text = await readFile(file, 'utf8');
    for (const other of [text.replace('threshold: 2', 'threshold: 3'), smallFleet('{ site: here }')]) {
      await writeFile(file, other);
      const plan = await fleet.run('plan');
      assert.equal(plan.code, 2, plan.stdout);
      assert.match(plan.stdout, /! vault-server main[^]*key shares 2 of 3/);
      assert.equal((await fleet.run('apply')).code, 2);
      assert.deepEqual(notHeld(await fleet.verify()), ['broken Store/main#keys-sealed']);
    }
    await writeFile(file, text);
    await fleet.must('down');

    const sealed = await fleet.run('apply');
    assert.equal(sealed.code, 1, sealed.stdout);
    assert.match(sealed.stderr, /store main is sealed \(peer n1, peer n2, peer n3\)[^]*keywright unseal main/);
    const one = await fleet.run('unseal', 'main', '--identity', 'holder-1.txt');
    assert.equal(one.code, 2, one.stderr);
    assert.match(one.stdout, /main\/n1 +sealed, 1 of 2 shares given/);
    await fleet.must('unseal', 'main', '--identity', 'holder-3.txt');
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);

    const shown = await fleet.must('store', 'shares', 'main');
    assert.equal(shown.match(/BEGIN AGE ENCRYPTED FILE/g)?.length, 3);
    const refused = await fleet.run('store', 'root-token', 'main', '--identity', 'holder-1.txt', '--show', '--to-pipe');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /2 shares are needed/);
    await asRoot(fleet, 'holder-1.txt,holder-2.txt', async (root) => {
      const { data } = await root.request({ method: 'GET', path: 'auth/token/lookup-self' });
      assert.deepEqual(data['policies'], ['root']);
      // As long as it lives, the claim that there is none is broken.
      assert.deepEqual(notHeld(await fleet.verify()), ['broken Store/main#keys-sealed']);
      // Keywright's own way in is gone: it says what brings it back.
      await root.request({ method: 'DELETE', path: 'sys/auth/keywright' });
      await root.request({ method: 'DELETE', path: 'sys/policies/acl/keywright' });
    });
    const locked = await fleet.run('apply');
    assert.equal(locked.code, 3);
    const asked = await fleet.run('secret', 'list', 'main/');
    assert.match(asked.stderr, /failed: permission denied[^]*keywright store restore-identity main/);
    await fleet.must('store', 'restore-identity', 'main', '--identity', 'holder-1.txt,holder-2.txt');
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
    // The way back in was made anew with it.
    await fleet.must('store', 'restore-identity', 'main', '--identity', 'holder-2.txt,holder-3.txt');
    assert.deepEqual(notHeld(await fleet.verify()), []);

    // Whoever keeps the fleet waits for the holders instead of stopping what they are to unseal.
    await fleet.must('down');
    const up = fleet.start('up');
    await up.saw(/Waiting for the key holders/);
    await fleet.must('unseal', 'main', '--identity', 'holder-1.txt,holder-3.txt');
    await up.saw(/Keeping the fleet/);
    assert.deepEqual(notHeld(await fleet.verify()), []);
    up.kill('SIGINT');
    await up.ended;
  });
});

/** Values that consumers hold, by what must not change. */
function delivered(fleet: TestFleet): Promise<string[]> {
  const read = (secret: string, key: string): Promise<string> =>
    readFile(join(fleet.delivered('site-a', 'orders', secret), key), 'utf8');
  return Promise.all([
    read('app', 'api-key'),
    read('app', 'jwt-secret'),
    read('orders-app', 'username'),
    read('orders-app', 'password'),
    read('billing', 'tls.crt'),
    read('billing', 'tls.key'),
  ]);
}

/** The leader's autopilot notices a lost peer some seconds later. */
function withoutVotes(claims: readonly string[]): string[] {
  return claims.filter((each) => each !== 'broken Store/main#peers-vote');
}

async function gone(pid: number): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
  }
  throw new Error(`process ${pid} does not end`);
}

/** Waits until an apply has written some of the many entries. */
async function listed(fleet: TestFleet, address: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const { stdout } = await fleet.run('secret', 'list', 'main/apps/many');
    if ((stdout.match(/apps\/many\//g)?.length ?? 0) >= 5) {
      return;
    }
  }
  throw new Error(`nothing was written at ${address}`);
}
