import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { InventoryRecord } from '../../../src/engine/interfaces.ts';
import type { Evidence } from '../../../src/model/claim.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { encryptionKeyKind } from '../../../src/targets/vault/encryption-key.ts';
import type { EncryptionKeySpec } from '../../../src/targets/vault/encryption-key.spec.ts';
import { mountKind } from '../../../src/targets/vault/mount.ts';
import type { MountSpec } from '../../../src/targets/vault/mount.spec.ts';
import { resource } from '../../support/kinds.ts';
import { notOpenBao, openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { prove } from '../../support/proof-bench.ts';
import { vaultBench } from '../../support/vault-bench.ts';
import type { VaultBench } from '../../support/vault-bench.ts';

const store = targetId('store', 'main');

describe('encryption keys in the transit engine of a Vault', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  async function transit(t: TestContext): Promise<
    Omit<VaultBench, 'mount'> & {
      readonly mount: string;
      key(name: string, type?: string, extra?: Parameters<typeof resource>[2]): Resource<EncryptionKeySpec>;
      works(name: string): Promise<Evidence>;
    }
  > {
    const bench = await vaultBench(t, server());
    const mount = `transit-${bench.unique}`;
    const spec: MountSpec = { path: mount, type: 'transit' };
    await bench.bench.mustApply(mountKind, bench.main, [resource(resourceId(store, 'mount', mount), spec)]);
    return {
      ...bench,
      mount,
      key: (name, type = 'aes256-gcm96', extra = {}) =>
        resource<EncryptionKeySpec>(
          resourceId(store, 'encryption-key', mount, name),
          { mount, name, path: name, type },
          extra,
        ),
      works: (name) => prove(bench.bench.context, 'encryption-key-works', { store: 'main', mount, name }),
    };
  }

  test('every type is made once, used, and cannot be taken out', async (t) => {
    const { bench, main, key, works } = await transit(t);
    const types = ['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305', 'ed25519', 'ecdsa-p256', 'rsa-2048'];
    const keys = types.map((type) => key(`k.${type}`, type));
    const changes = await bench.mustApply(encryptionKeyKind, main, keys);
    assert.deepEqual(new Set(changes.map(({ action }) => action)), new Set(['create']));
    assert.deepEqual(await bench.mustApply(encryptionKeyKind, main, keys), []);
    assert.equal(bench.records.get(keys[0]?.id as never)?.outputs?.version, '1');
    for (const type of types) {
      const { verdict, seen } = await works(`k.${type}`);
      assert.equal(verdict, 'held', seen);
      assert.match(seen, /(encrypted and decrypted|signed and verified) a random text; its export was refused/);
    }
    bench.records.clear();
    assert.deepEqual(await bench.mustApply(encryptionKeyKind, main, keys), []);
  });

  test('settings that were changed by hand are found and mended; versions made by hand are taken note of', async (t) => {
    const bao = server();
    const { bench, main, mount, key } = await transit(t);
    const app = key('app');
    await bench.mustApply(encryptionKeyKind, main, [app]);
    await bao.ask('POST', `${mount}/keys/app/rotate`);
    const changed = { deletion_allowed: true, auto_rotate_period: '24h', min_decryption_version: 2 };
    await bao.ask('POST', `${mount}/keys/app/config`, changed);
    const [drift] = await bench.plan(encryptionKeyKind, main, [app]);
    assert.deepEqual(
      drift?.fields.map(({ field, before, after }) => `${field}: ${before} → ${after}`),
      [
        'deletion allowed: true → false',
        'auto rotate period: 1d → none',
        'min decryption version: 2 → 1',
        'version: 1 → 2',
      ],
    );
    await bench.mustApply(encryptionKeyKind, main, [app]);
    assert.deepEqual(await bench.mustApply(encryptionKeyKind, main, [app]), []);
  });

  test('one that was deleted softly is brought back', { skip: notOpenBao }, async (t) => {
    const { bench, main, mount, key, works } = await transit(t);
    await bench.mustApply(encryptionKeyKind, main, [key('app')]);
    await server().ask('DELETE', `${mount}/keys/app/soft-delete`);
    assert.match((await works('app')).seen, /deleted softly/);
    await bench.mustApply(encryptionKeyKind, main, [key('app')]);
    assert.equal((await works('app')).verdict, 'held');
  });

  test('another type, an export by hand and a bad name are refused, with the way out', async (t) => {
    const bao = server();
    const { bench, main, mount, key, works } = await transit(t);
    await bench.mustApply(encryptionKeyKind, main, [key('app')]);
    const [type] = await bench.plan(encryptionKeyKind, main, [key('app', 'ed25519')]);
    assert.equal(type?.refusal?.code, 'encryption-key-type');
    assert.match(type?.refusal?.remedy ?? '', /give the entry app another path/);
    const [name] = await bench.plan(encryptionKeyKind, main, [key('a@b'), key('app')]);
    assert.equal(name?.refusal?.code, 'encryption-key-name');
    await bao.ask('POST', `${mount}/keys/app/config`, { exportable: true });
    const [exposed] = await bench.plan(encryptionKeyKind, main, [key('app')]);
    assert.equal(exposed?.refusal?.code, 'encryption-key-exposed');
    assert.match((await works('app')).seen, /can be exported/);
    assert.equal((await works('none')).verdict, 'broken');
  });

  test('one that is gone is never made anew: it could not read what the old one encrypted', async (t) => {
    const bao = server();
    const { bench, main, mount, key } = await transit(t);
    await bench.mustApply(encryptionKeyKind, main, [key('app')]);
    await bao.ask('POST', `${mount}/keys/app/config`, { deletion_allowed: true });
    await bao.ask('DELETE', `${mount}/keys/app`);
    const [lost] = await bench.plan(encryptionKeyKind, main, [key('app')]);
    assert.equal(lost?.refusal?.code, 'encryption-key-lost');
    // A run that was killed between intent and record goes on.
    bench.records.set(key('app').id, { ...(bench.records.get(key('app').id) as InventoryRecord), state: 'intended' });
    assert.equal((await bench.mustApply(encryptionKeyKind, main, [key('app')]))[0]?.action, 'create');
  });

  test('one that is there in somebody else’s engine is only taken over by leave', async (t) => {
    const bao = server();
    const { bench, main, unique } = await vaultBench(t, bao);
    const mount = `theirs-${unique}`;
    await bao.ask('POST', `sys/mounts/${mount}`, { type: 'transit' });
    await bao.ask('POST', `${mount}/keys/app`, {});
    const spec: EncryptionKeySpec = { mount, name: 'app', path: 'app', type: 'aes256-gcm96' };
    const id = resourceId(store, 'encryption-key', mount, 'app');
    const [refused] = await bench.plan(encryptionKeyKind, main, [resource(id, spec)]);
    assert.equal(refused?.refusal?.code, 'adopt-existing');
    const allow = [{ rule: 'adopt-existing', reason: 'a test' }];
    assert.equal((await bench.mustApply(encryptionKeyKind, main, [resource(id, spec, { allow })]))[0]?.action, 'adopt');
    assert.deepEqual(await bench.mustApply(encryptionKeyKind, main, [resource(id, spec, { allow })]), []);
  });

  test('leaving the fleet keeps it; reclaimPolicy delete destroys it', async (t) => {
    const bao = server();
    const { bench, main, mount, key } = await transit(t);
    await bench.mustApply(encryptionKeyKind, main, [key('kept'), key('gone', 'ed25519', { reclaimPolicy: 'delete' })]);
    const actions = (await bench.mustApply(encryptionKeyKind, main, [])).map(({ action }) => action);
    assert.deepEqual(actions.toSorted(), ['remove', 'retain']);
    assert.deepEqual((await bao.ask('LIST', `${mount}/keys`)).body?.['data'].keys, ['kept']);
    // It comes back together with its engine, which was let go of, too.
    await bao.ask('POST', `sys/mounts/${mount}/tune`, { description: '' });
    const back = await bench.mustApply(encryptionKeyKind, main, [key('kept')]);
    assert.deepEqual(
      back.map(({ action, reason }) => [action, reason]),
      [['adopt', 'was kept when it left the fleet']],
    );
    assert.deepEqual(await bench.mustApply(encryptionKeyKind, main, [key('kept')]), []);
  });
});
