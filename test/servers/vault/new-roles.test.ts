import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { VaultStore } from '../../../src/stores/vault/backend.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import { appRoleKind } from '../../../src/targets/vault/app-role.ts';
import type { AppRoleSpec } from '../../../src/targets/vault/app-role.spec.ts';
import { realEnvironment } from '../../support/file-store.ts';
import { resource } from '../../support/kinds.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import type { OpenBao } from '../../support/openbao.ts';
import { vaultBench } from '../../support/vault-bench.ts';
import { clientOf, tokenWith } from '../../support/vault-client.ts';

function rolesIn(mount: string, count: number): Resource<AppRoleSpec>[] {
  return Array.from({ length: count }, (_, at) => {
    const role = `service-${at}`;
    const spec = { mount, role, token: { policies: ['x'], ttlSeconds: 60 } };
    return resource<AppRoleSpec>(resourceId(targetId('store', 'main'), 'app-role', mount, role), spec);
  });
}

/** Requests below a login method since the test began. */
function requests(bao: OpenBao, mount: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of bao.peers[0]!.audit().trimEnd().split('\n')) {
    const { type, request } = JSON.parse(line) as { type: string; request: { path: string; operation: string } };
    if (type === 'request' && request.path.startsWith(`auth/${mount}/`)) {
      counts[request.operation] = (counts[request.operation] ?? 0) + 1;
    }
  }
  return counts;
}

describe('many new roles', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  test('take one list and one write each, and their ids are known', async (t) => {
    const bao = server();
    const { bench, main, unique } = await vaultBench(t, bao);
    const mount = `many-${unique}`;
    await bao.ask('POST', `sys/auth/${mount}`, { type: 'approle' });
    const roles = rolesIn(mount, 30);
    await bench.mustApply(appRoleKind, main, roles);
    assert.deepEqual(requests(bao, mount), { list: 1, create: 30 });
    const ids = roles.map(({ id }) => String(bench.records.get(id)?.outputs?.['roleId']));
    assert.equal(new Set(ids).size, 30);
    for (const at of [0, 17]) {
      const told = await bao.ask('GET', `auth/${mount}/role/service-${at}/role-id`);
      assert.equal(told.body?.['data'].role_id, ids[at]);
      assert.match(ids[at] ?? '', /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    }
    // A role keeps its id when it changes, also when the inventory was lost.
    bench.records.clear();
    await bao.ask('POST', `sys/auth/${mount}/tune`, { description: `keywright fleet=test id=store/main/auth-mount/x` });
    const longer = roles.map((role) => ({
      ...role,
      spec: { ...role.spec, token: { ...role.spec.token, ttlSeconds: 90 } },
    }));
    await bench.mustApply(appRoleKind, main, longer);
    assert.deepEqual(
      roles.map(({ id }) => bench.records.get(id)?.outputs?.['roleId']),
      ids,
    );
  });

  test('are asked for one by one by who may not list them', async (t) => {
    const bao = server();
    const { bench, mount: kv, unique } = await vaultBench(t, bao);
    const mount = `unlisted-${unique}`;
    await bao.ask('POST', `sys/auth/${mount}`, { type: 'approle' });
    const rules = `path "sys/auth" { capabilities = ["read"] }
      path "auth/${mount}/role/*" { capabilities = ["create", "read", "update"] }`;
    const login = tokenLogin(await tokenWith(bao, `unlisted-${unique}`, rules), 'a token that may not list');
    const client = clientOf(t, bao, { login });
    const main = await VaultStore.open({ client, mount: kv, now: realEnvironment.now });
    const changes = await bench.mustApply(appRoleKind, main, rolesIn(mount, 12));
    assert.deepEqual(new Set(changes.map(({ action }) => action)), new Set(['create']));
  });
});
