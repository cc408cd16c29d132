import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { measureClaims } from '../../../src/proofs/measure-claims.ts';
import { policyEvaluator } from '../../../src/cli/policy-language.ts';
import { claimId } from '../../../src/model/claim.ts';
import type { RulePoliciesSpec, StoreIdentitySpec, StoreLogin } from '../../../src/proofs/vault.spec.ts';
import type { PolicyRule } from '../../../src/targets/vault/policy.spec.ts';
import { notOpenBao, openBaoMissing, openBaoOfSuite, startOpenBao, waitFor } from '../../support/openbao.ts';
import { prove } from '../../support/proof-bench.ts';
import { vaultBench } from '../../support/vault-bench.ts';
import { entry } from '../stores/contract.ts';

describe('what a consumer may do in a Vault, measured with its own login', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  /** A role `orders` with a policy that reads entry `a` and nothing else, and its delivered folder. */
  async function aConsumer(t: TestContext) {
    const bao = server();
    const { bench, main, mount: kv, unique } = await vaultBench(t, bao);
    await main.write(entry('a', { k: 'v' }));
    await main.write(entry('guarded/b', { k: 'v' }));
    const [mount, policy] = [`approle-${unique}`, `orders-${unique}`];
    const rules: PolicyRule[] = [{ path: `${kv}/data/a`, capabilities: ['read'] }];
    const writePolicy = (text = ''): Promise<unknown> =>
      bao.ask('PUT', `sys/policies/acl/${policy}`, {
        policy: `path "${kv}/data/a" { capabilities = ["read"] }\n${text}`,
      });
    await writePolicy();
    await bao.ask('POST', `sys/auth/${mount}`, { type: 'approle' });
    await bao.ask('POST', `auth/${mount}/role/orders`, { token_policies: [policy], token_ttl: 600 });
    const secret = await bao.ask('POST', `auth/${mount}/role/orders/secret-id`, {});
    const role = await bao.ask('GET', `auth/${mount}/role/orders/role-id`);
    const folder = join(bench.folder, 'delivered');
    await mkdir(folder);
    const files = {
      addresses: bao.address,
      'ca.crt': bao.ca,
      mount,
      'role-id': role.body?.['data'].role_id as string,
      'secret-id': secret.body?.['data'].secret_id as string,
    };
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), content);
    }
    const login: StoreLogin = {
      consumer: 'orders',
      store: 'main',
      directory: folder,
      method: 'appRole',
      mount,
      role: 'orders',
      policy,
      rules,
    };
    const identity: StoreIdentitySpec = {
      ...login,
      ttlSeconds: 600,
      mounts: { kv, database: 'database', transit: 'transit' },
      reads: [{ entry: `${kv}/data/a` }],
      writes: [],
      others: [],
    };
    const rule = (isAllowed: boolean, own: readonly PolicyRule[] = rules): RulePoliciesSpec => ({
      rule: 'guarded',
      store: 'main',
      kv,
      pattern: 'guarded/**',
      paths: [],
      identities: [{ ...login, rules: own, isAllowed }],
    });
    return { bao, bench, kv, unique, folder, files, mount, identity, rule, writePolicy };
  }

  test('a Rule holds where neither the server nor the policy of the fleet lets in whom it forbids', async (t) => {
    const { bench, rule } = await aConsumer(t);
    const evidence = await prove(bench.context, 'rule-policies', rule(false));
    assert.equal(evidence.verdict, 'held', evidence.seen);
    assert.match(
      evidence.seen,
      /orders may do nothing: 2 entries by the fleet's policies, 12 paths by the server's word/,
    );
  });

  test('a Rule is broken when the server lets in whom it forbids', async (t) => {
    const { bench, kv, rule, writePolicy } = await aConsumer(t);
    await writePolicy(`path "${kv}/data/guarded/+" { capabilities = ["read"] }`);
    const evidence = await prove(bench.context, 'rule-policies', rule(false));
    assert.equal(evidence.verdict, 'broken');
    assert.match(evidence.seen, /the server gives orders read on .*\/data\/guarded\/b/);
  });

  test('a Rule is broken when the policy of the fleet would let in whom it forbids, whatever the server has', async (t) => {
    const { bench, kv, rule } = await aConsumer(t);
    const wide: PolicyRule[] = [{ path: `${kv}/data/guarded/*`, capabilities: ['read'] }];
    const evidence = await prove(bench.context, 'rule-policies', rule(false, wide));
    assert.equal(evidence.verdict, 'broken');
    assert.match(evidence.seen, /of the fleet gives orders read on .*\/data\/guarded\/b/);
  });

  test('a Rule is broken when server and fleet disagree, also about whom it lets in', async (t) => {
    const { bench, kv, rule, writePolicy } = await aConsumer(t);
    const wide: PolicyRule[] = [{ path: `${kv}/data/guarded/*`, capabilities: ['read'] }];
    const none = await prove(bench.context, 'rule-policies', rule(true, wide));
    assert.equal(none.verdict, 'broken');
    assert.match(none.seen, /the server gives orders deny, and the fleet's policy read/);
    await writePolicy(`path "${kv}/data/guarded/*" { capabilities = ["read"] }`);
    const agreed = await prove({ ...bench.context }, 'rule-policies', rule(true, wide));
    assert.equal(agreed.verdict, 'held', agreed.seen);
  });

  test('policies of others that reach it, or that cannot be read, are named', async (t) => {
    const { bao, bench, kv, unique, rule } = await aConsumer(t);
    await bao.ask('PUT', `sys/policies/acl/wide-${unique}`, { policy: `path "${kv}/*" { capabilities = ["read"] }` });
    await bao.ask('PUT', `sys/policies/acl/far-${unique}`, { policy: 'path "other/*" { capabilities = ["read"] }' });
    const text = 'path "x" {\n  capabilities = ["read"]\n  comment = <<EOF\nwords\nEOF\n}';
    await bao.ask('PUT', `sys/policies/acl/odd-${unique}`, { policy: text });
    const { seen, verdict } = await prove(bench.context, 'rule-policies', rule(false));
    assert.equal(verdict, 'held');
    assert.match(seen, new RegExp(`odd-${unique}, wide-${unique}`));
    assert.doesNotMatch(seen, new RegExp(`far-${unique}`));
  });

  test('a login that fails is tried once, however many claims need it: more would lock the role', async (t) => {
    const { bao, bench, folder, mount, identity } = await aConsumer(t);
    await writeFile(join(folder, 'secret-id'), 'wrong');
    const kinds = ['store-login', 'store-reads', 'store-refused-others', 'store-refused-list', 'store-refused-sys'];
    const claims = kinds.map((kind) => ({
      id: claimId('Test/test', kind),
      kind,
      sentence: kind,
      group: 'test',
      restsOn: [],
      spec: identity,
      document: 'Test/test',
    }));
    const evidence = await measureClaims(
      claims,
      { run: bench.context, policies: policyEvaluator },
      { concurrency: 3, timeoutMilliseconds: 20_000 },
    );
    assert.deepEqual(
      evidence.map(({ verdict }) => verdict),
      ['broken', 'unknown', 'unknown', 'unknown', 'unknown'],
    );
    const logins = bao.peers[0]!.audit()
      .split('\n')
      .filter((line) => line.includes('"type":"request"') && line.includes(`auth/${mount}/login`));
    assert.equal(logins.length, 1);
  });

  test('a missing file breaks the login; nothing of the others is held for it', async (t) => {
    const { bench, folder, identity } = await aConsumer(t);
    await rm(join(folder, 'role-id'));
    const login = await prove(bench.context, 'store-login', identity);
    assert.deepEqual([login.verdict, login.seen.endsWith('role-id is not there')], ['broken', true]);
    assert.equal((await prove(bench.context, 'store-reads', identity)).verdict, 'unknown');
  });

  test('the token of the measurement is dead afterwards', async (t) => {
    const { bao, bench, mount, identity } = await aConsumer(t);
    const count = async (): Promise<number> => {
      const { body } = await bao.ask('LIST', `sys/leases/lookup/auth/${mount}/login/`);
      return (body?.['data']?.keys ?? []).length;
    };
    assert.equal((await prove(bench.context, 'store-reads', identity)).verdict, 'held');
    await waitFor('the token to be revoked', async () => (await count()) === 0, 5);
  });
});

test('a server without an audit device is told', { skip: openBaoMissing }, async (t) => {
  const bao = await startOpenBao(t, { peers: 1 });
  const { bench } = await vaultBench(t, bao);
  const before = await prove(bench.context, 'store-audited', { store: 'main' });
  assert.deepEqual([before.verdict, /audit device log \(file\)/.test(before.seen)], ['held', true], before.seen);
  const [peer] = bao.peers;
  assert.ok(peer);
  if (notOpenBao !== false) {
    await bao.ask('DELETE', 'sys/audit/log');
  }
  const file = join(peer.folder, 'server.hcl');
  const config = await readFile(file, 'utf8');
  await writeFile(file, config.replace(/audit "file" "log" \{[^}]*\{[^}]*\}\s*\}/, ''));
  process.kill(peer.pid, 'SIGHUP');
  await waitFor('the audit device to go', async () => {
    const { body } = await bao.ask('GET', 'sys/audit');
    return body?.['data']?.['log/'] === undefined;
  });
  const after = await prove(bench.context, 'store-audited', { store: 'main' });
  assert.equal(after.verdict, 'broken');
});
