import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openFileStore } from '../../../src/stores/file/open.ts';
import type { SecretBackend } from '../../../src/stores/backend.ts';
import { readRegistry } from '../../../src/targets/authority/registry.ts';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { applyDelivery, deliveryFleet } from '../../support/delivery-fleet.ts';
import { environmentAt } from '../../support/environment.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';

const program = fileURLToPath(new URL('../../support/delivery-fleet.ts', import.meta.url));

async function fleetFolder(t: { after(cleanUp: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp('/tmp/kwt-delivery-');
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function withStore<T>(folder: string, use: (store: SecretBackend) => Promise<T>): Promise<T> {
  const answer = await openFileStore({
    name: 'box',
    folder: join(folder, 'box'),
    identityFile: join(folder, '.keywright/key.txt'),
    mayCreate: false,
    environment: environmentAt(new Date()),
  });
  assert.equal(answer.state, 'present');
  const store = (answer as { readonly seen: SecretBackend }).seen;
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function delivered(folder: string, name: string): Promise<string> {
  return readFile(join(folder, '.keywright/site-a/consumers/orders', name), 'utf8');
}

test('a fleet comes up in dependency order, and a second apply changes nothing', async (t) => {
  const folder = await fleetFolder(t);
  const first = await applyDelivery(folder);
  assert.deepEqual(
    first.result?.failed.map(({ id, error }) => `${id} ${error.message}`),
    [],
  );
  assert.equal(first.result?.done.length, deliveryFleet().length);
  const second = await applyDelivery(folder);
  assert.deepEqual(
    second.plan.plan.changes.map(({ id, change }) => `${change.action} ${id} ${change.reason ?? ''}`),
    [],
  );
  assert.equal(second.result, undefined);
  const password = await withStore(folder, async (store) => (await valuesOf(store, 'logins/3')).password);
  assert.equal(await delivered(folder, 'd3/password'), password);
});

test('a value put by hand flows on to what copies it and to the files', async (t) => {
  const folder = await fleetFolder(t);
  await applyDelivery(folder);
  await withStore(folder, (store) => putByHand(store, 'logins/2', { password: 'by/hand' }));
  const { result } = await applyDelivery(folder);
  assert.deepEqual(result?.done.map(({ id }) => id).sort(), [
    'site/site-a/directory/orders/d2',
    'store/box/secret/databases%2F2',
    'store/box/secret/logins%2F2',
  ]);
  assert.equal(await delivered(folder, 'd2/uri'), 'postgresql://app_2:by%2Fhand@db/orders');
  assert.deepEqual((await applyDelivery(folder)).plan.plan.changes, []);
});

test('what leaves the fleet is removed or kept by kind, and its certificate revoked', async (t) => {
  const folder = await fleetFolder(t);
  await applyDelivery(folder);
  const serial = await withStore(
    folder,
    async (store) => readCertificate((await valuesOf(store, 'certificates/c0'))['tls.crt'] ?? '').serial,
  );
  const fewer = deliveryFleet()
    .filter(({ id }) => !/c0$|d0$|%2F0$/.test(id))
    .map((each) =>
      each.kind === 'crl'
        ? {
            ...each,
            spec: {
              ...(each.spec as object),
              active: ['c1', 'c2', 'c3', 'c4', 'c5'].map((name) => `authority/local/certificate/${name}`),
            },
          }
        : each,
    );
  const { result } = await applyDelivery(folder, fewer);
  assert.deepEqual(result?.failed, []);
  const done = Object.fromEntries(result?.done.map(({ id, change }) => [id, change.action]) ?? []);
  assert.equal(done['site/site-a/directory/orders/d0'], 'remove');
  assert.equal(done['authority/local/certificate/c0'], 'remove');
  assert.equal(done['store/box/secret/logins%2F0'], 'retain');
  assert.equal(done['authority/local/crl/crl'], 'update');
  await withStore(folder, async (store) => {
    const crl = await valuesOf(store, 'keywright/test/authorities/local/crl');
    assert.ok(crl.revoked?.includes(serial));
    assert.ok('password' in (await valuesOf(store, 'logins/0')));
  });
  assert.deepEqual((await applyDelivery(folder, fewer)).plan.plan.changes, []);
});

test('killed at random moments, apply converges: nothing is made twice, nothing is lost', async (t) => {
  const folder = await fleetFolder(t);
  const passwords = new Map<string, string>();
  for (let kill = 0; kill < 25; kill++) {
    const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'exit') as Promise<[number | null]>;
    await Promise.race([ended, delay(150 + Math.random() * 900)]);
    child.kill('SIGKILL');
    const [code] = await ended;
    assert.ok(code === null || code === 0, `ended with ${code}`);
    // A value that was there once is there for ever.
    await withStore(folder, async (store) => {
      for (const { path } of (await store.list('logins')).filter(({ deleted }) => !deleted)) {
        const { password = '' } = await valuesOf(store, path);
        assert.equal(passwords.get(path) ?? password, password, path);
        passwords.set(path, password);
      }
    }).catch((error: unknown) => {
      // Killed before there was a store.
      if (passwords.size > 0) {
        throw error;
      }
    });
  }
  const { result } = await applyDelivery(folder);
  assert.deepEqual(result?.failed ?? [], []);
  assert.deepEqual((await applyDelivery(folder)).plan.plan.changes, []);
  await withStore(folder, async (store) => {
    const entry = await store.read('keywright/test/authorities/local/issued');
    const known = new Set(readRegistry(entry.state === 'present' ? entry.seen : undefined).map(({ serial }) => serial));
    for (let index = 0; index < 6; index++) {
      const { 'tls.crt': chain = '' } = await valuesOf(store, `certificates/c${index}`);
      assert.ok(known.has(readCertificate(chain).serial), `c${index} could not be revoked`);
      assert.equal(await delivered(folder, `d${index}/tls.crt`), chain);
      assert.equal(await delivered(folder, `d${index}/password`), passwords.get(`logins/${index}`));
    }
  });
});
