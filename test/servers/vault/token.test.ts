import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { TokenProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import { tokenKind } from '../../../src/targets/vault/token.ts';
import { tokenPath } from '../../../src/targets/vault/token.spec.ts';
import type { TokenSpec } from '../../../src/targets/vault/token.spec.ts';
import { tokenRoleKind } from '../../../src/targets/vault/token-role.ts';
import type { TokenRoleSpec } from '../../../src/targets/vault/token-role.spec.ts';
import { resource } from '../../support/kinds.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { prove } from '../../support/proof-bench.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';
import { vaultBench } from '../../support/vault-bench.ts';

const store = targetId('store', 'main');
const period = 3600;

describe('tokens for programs that can only hold one', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  /** A role and a token for a database that reads its keys below `tde-orders/data`, and nothing else. */
  async function forDatabase(t: TestContext) {
    const bao = server();
    const { bench, main, unique, mount } = await vaultBench(t, bao);
    const policy = `tde-${unique}`;
    const rules = `path "${mount}/data/tde/*" { capabilities = ["read"] }
                   path "${mount}/metadata/tde/" { capabilities = ["list"] }`;
    await bao.ask('PUT', `sys/policies/acl/${policy}`, { policy: rules });
    const role = resource<TokenRoleSpec>(resourceId(store, 'token-role', 'token', policy), {
      role: policy,
      policies: [policy],
      periodSeconds: period,
    });
    const spec: TokenSpec = { role: policy, policies: [policy], periodSeconds: period };
    const token = resource<TokenSpec>(resourceId(store, 'token', 'orders'), spec);
    const path = tokenPath('test', 'orders');
    const probe: TokenProbeSpec = {
      entry: { store: 'main', path },
      policies: [policy],
      periodSeconds: period,
      rights: { [`${mount}/data/tde/orders`]: ['read'], [`${mount}/metadata/tde/`]: ['list'] },
      refused: [
        `${mount}/data/other`,
        `${mount}/metadata/`,
        'sys/mounts',
        'auth/token/create',
        `auth/token/create/${policy}`,
      ],
    };
    const proven = (changed: Partial<TokenProbeSpec> = {}): Promise<Evidence> =>
      prove(bench.context, 'token-least-privilege', { ...probe, ...changed });
    const held = async (): Promise<Record<string, string>> => valuesOf(main, path);
    const status = async (value = ''): Promise<number> => {
      const self = await (await bao.active()).ask('GET', 'auth/token/lookup-self', undefined, { token: value });
      return self.status;
    };
    return { bao, bench, main, mount, policy, role, token, path, proven, held, status };
  }

  test('are made once, stand alone, renew themselves, and may do what their program needs and nothing else', async (t) => {
    const { bench, main, role, token, proven, held, status } = await forDatabase(t);
    assert.equal((await bench.mustApply(tokenRoleKind, main, [role]))[0]?.action, 'create');
    assert.equal((await bench.mustApply(tokenKind, main, [token]))[0]?.action, 'create');
    assert.deepEqual(await bench.mustApply(tokenRoleKind, main, [role]), []);
    assert.deepEqual(await bench.mustApply(tokenKind, main, [token]), []);
    const first = await held();
    assert.equal(await status(first['token']), 200);
    const outputs = bench.records.get(token.id)?.outputs;
    assert.ok(Math.abs(Date.parse(String(outputs?.expires)) - Date.now() - period * 1000) < 20_000);
    assert.ok(!JSON.stringify([...bench.records.values()]).includes(first['token'] ?? '?'));
    const { verdict, seen } = await proven();
    assert.equal(verdict, 'held', seen);
    assert.match(seen, /renewed itself for 3600 s/);
    bench.records.clear();
    await bench.mustApply(tokenRoleKind, main, [{ ...role, allow: [{ rule: 'adopt-existing', reason: 'a test' }] }]);
    assert.deepEqual(await bench.mustApply(tokenKind, main, [token]), []);
    assert.deepEqual(await held(), first);
  });

  test('are renewed when less than a third of their period is left', async (t) => {
    const { bao, bench, main, role, token, held } = await forDatabase(t);
    // A period that grew leaves the token with less than a third of it.
    await bench.mustApply(tokenRoleKind, main, [{ ...role, spec: { ...role.spec, periodSeconds: 60 } }]);
    await bench.mustApply(tokenKind, main, [{ ...token, spec: { ...token.spec, periodSeconds: 60 } }]);
    const first = await held();
    await bench.mustApply(tokenRoleKind, main, [role]);
    const [change] = await bench.mustApply(tokenKind, main, [token]);
    assert.match(change?.reason ?? '', /^is renewed: it ends in /);
    assert.deepEqual(await held(), first);
    const look = await bao.ask('POST', 'auth/token/lookup-accessor', { accessor: first['accessor'] });
    assert.ok(look.body?.['data'].ttl > 3500);
    assert.deepEqual(await bench.mustApply(tokenKind, main, [token]), []);
    // And a shorter one is not waited for.
    await bench.mustApply(tokenRoleKind, main, [{ ...role, spec: { ...role.spec, periodSeconds: 60 } }]);
    await bench.mustApply(tokenKind, main, [{ ...token, spec: { ...token.spec, periodSeconds: 60 } }]);
    const again = await bao.ask('POST', 'auth/token/lookup-accessor', { accessor: first['accessor'] });
    assert.ok(again.body?.['data'].ttl <= 60);
  });

  test('are made anew when revoked by hand, when their entry is damaged, and when other policies are declared', async (t) => {
    const { bao, bench, main, policy, role, token, path, held, status, proven } = await forDatabase(t);
    await bench.mustApply(tokenRoleKind, main, [role]);
    await bench.mustApply(tokenKind, main, [token]);
    const first = await held();
    await bao.ask('POST', 'auth/token/revoke-accessor', { accessor: first['accessor'] });
    assert.equal((await proven()).verdict, 'broken');
    const [gone] = await bench.mustApply(tokenKind, main, [token]);
    assert.equal(gone?.reason, 'it is gone');
    const second = await held();
    assert.equal(await status(second['token']), 200);

    await putByHand(main, path, { token: 'garbage' });
    const [damaged] = await bench.mustApply(tokenKind, main, [token]);
    assert.match(damaged?.reason ?? '', /changed by hand/);
    const third = await held();
    await main.delete(path);
    await bench.mustApply(tokenKind, main, [token]);
    assert.notEqual((await held())['token'], third['token']);

    await bao.ask('PUT', `sys/policies/acl/${policy}-more`, { policy: 'path "x" { capabilities = ["read"] }' });
    const policies = [policy, `${policy}-more`];
    await bench.mustApply(tokenRoleKind, main, [{ ...role, spec: { ...role.spec, policies } }]);
    const fourth = await held();
    const [other] = await bench.mustApply(tokenKind, main, [{ ...token, spec: { ...token.spec, policies } }]);
    assert.match(other?.reason ?? '', /policies are others/);
    // Somebody may still hold the former one, which nobody renews any more.
    assert.equal(await status(fourth['token']), 200);
    assert.match((await proven()).seen, /has the policies/);
  });

  test('a role that was widened by hand is found and mended; the claim sees what a policy allows too much', async (t) => {
    const { bao, bench, main, mount, policy, role, token, proven } = await forDatabase(t);
    await bench.mustApply(tokenRoleKind, main, [role]);
    await bench.mustApply(tokenKind, main, [token]);
    const wider = { allowed_policies: [policy, 'root-like'], orphan: false, token_explicit_max_ttl: '2h' };
    await bao.ask('POST', `auth/token/roles/${policy}`, wider);
    const [drift] = await bench.plan(tokenRoleKind, main, [role]);
    const fields = drift?.fields.map(({ field }) => field) ?? [];
    for (const field of ['allowed policies', 'orphan', 'token explicit max ttl']) {
      assert.ok(fields.includes(field), fields.join());
    }
    await bench.mustApply(tokenRoleKind, main, [role]);
    assert.deepEqual(await bench.mustApply(tokenRoleKind, main, [role]), []);
    const all = `path "${mount}/*" { capabilities = ["read"] }`;
    await bao.ask('PUT', `sys/policies/acl/${policy}`, { policy: all });
    const { verdict, seen } = await proven();
    assert.equal(verdict, 'broken');
    assert.match(seen, /may read on .*, not (list|nothing)/);
    assert.match((await proven({ periodSeconds: 60 })).seen, /a renewal gave/);
  });

  test('are revoked when they leave the fleet; kept ones are renewed by nobody', async (t) => {
    const { bench, main, role, token, path, held, status } = await forDatabase(t);
    await bench.mustApply(tokenRoleKind, main, [role]);
    const kept = resource<TokenSpec>(resourceId(store, 'token', 'kept'), token.spec, { reclaimPolicy: 'retain' });
    await bench.mustApply(tokenKind, main, [token, kept]);
    const { token: value } = await held();
    const actions = (await bench.mustApply(tokenKind, main, [])).map(({ id, action }) => `${action} ${id}`);
    assert.deepEqual(actions.toSorted(), ['remove store/main/token/orders', 'retain store/main/token/kept']);
    assert.equal(await status(value), 403);
    assert.equal((await main.read(path)).state, 'absent');
    assert.equal(await status((await valuesOf(main, tokenPath('test', 'kept')))['token']), 200);
  });

  test('an entry of somebody else is not written over', async (t) => {
    const { bench, main, role, token, path } = await forDatabase(t);
    await bench.mustApply(tokenRoleKind, main, [role]);
    await putByHand(main, path, { token: 'theirs' });
    const [refused] = await bench.plan(tokenKind, main, [token]);
    assert.equal(refused?.refusal?.code, 'adopt-existing');
  });
});
