import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import { Secret } from '../../../src/model/secret.ts';
import { certificateLogin } from '../../../src/stores/vault/login/certificate.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import { secretKind } from '../../../src/targets/store/secret.ts';
import type { SecretSpec } from '../../../src/targets/store/secret.spec.ts';
import { appRoleKind } from '../../../src/targets/vault/app-role.ts';
import type { AppRoleSpec } from '../../../src/targets/vault/app-role.spec.ts';
import { authMountKind } from '../../../src/targets/vault/auth-mount.ts';
import type { AuthMountSpec } from '../../../src/targets/vault/auth-mount.spec.ts';
import { certRoleKind } from '../../../src/targets/vault/cert-role.ts';
import type { CertRoleSpec } from '../../../src/targets/vault/cert-role.spec.ts';
import { mountKind } from '../../../src/targets/vault/mount.ts';
import type { MountSpec } from '../../../src/targets/vault/mount.spec.ts';
import { policyKind } from '../../../src/targets/vault/policy.ts';
import type { PolicySpec } from '../../../src/targets/vault/policy.spec.ts';
import { isFailure } from '../../support/failure.ts';
import { resource } from '../../support/kinds.ts';
import { notOpenBao, openBaoMissing, openBaoOfSuite, testAuthority, testCertificate } from '../../support/openbao.ts';
import { policyLanguage } from '../../../src/cli/policy-language.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';
import { vaultBench } from '../../support/vault-bench.ts';
import { clientOf, tokenWith } from '../../support/vault-client.ts';
import { entry } from '../stores/contract.ts';

const store = targetId('store', 'main');
const allow = [{ rule: 'adopt-existing', reason: 'a test' }];

function idOf(kind: string, ...names: string[]): ResourceId {
  return resourceId(store, kind, ...names);
}

describe('what Keywright keeps in a Vault', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  describe('entries', () => {
    test('are made once; a second plan reads no value and needs no right to', async (t) => {
      const bao = server();
      const { bench, main, mount } = await vaultBench(t, bao);
      const app = resource<SecretSpec>(idOf('secret', 'apps', 'orders'), {
        store: 'main',
        path: 'apps/orders',
        keys: { password: { generate: { password: 24 } }, url: { template: 'postgres://u:{password}@h/d' } },
      });
      assert.equal((await bench.mustApply(secretKind, main, [app]))[0]?.action, 'create');
      const first = await valuesOf(main, 'apps/orders');
      assert.equal(first.password?.length, 24);
      const rules = `path "${mount}/metadata/*" { capabilities = ["read", "list"] }
                     path "${mount}/detailed-metadata/*" { capabilities = ["list", "scan"] }`;
      const blind = clientOf(t, bao, { login: tokenLogin(await tokenWith(bao, `blind-${mount}`, rules), 'no reader') });
      const { VaultStore } = await import('../../../src/stores/vault/backend.ts');
      const seeing = await VaultStore.open({ client: blind, mount, now: () => new Date() });
      await assert.rejects(seeing.read('apps/orders'), isFailure('vault-permission-denied'));
      const plan = await bench.plan(secretKind, seeing, [app]);
      assert.deepEqual(
        plan.map(({ action }) => action),
        ['none'],
      );

      await putByHand(main, 'apps/orders', { url: 'x' });
      assert.equal((await bench.mustApply(secretKind, main, [app]))[0]?.action, 'update');
      assert.deepEqual(await valuesOf(main, 'apps/orders'), first);
      bench.records.clear();
      assert.deepEqual(await bench.mustApply(secretKind, main, [app]), []);
      assert.deepEqual(await valuesOf(main, 'apps/orders'), first);
    });
  });

  describe('mounts', () => {
    test('a mount is made with its tuning, found unchanged, and mended when tuned by hand', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const path = `made/${unique}`;
      const kv = { maxVersions: 5, casRequired: true, deleteVersionAfterSeconds: 5400 };
      const mount = resource<MountSpec>(idOf('mount', 'made', unique), { path, type: 'kv', maxLeaseSeconds: 3600, kv });
      const [made] = await bench.mustApply(mountKind, main, [mount]);
      assert.equal(made?.action, 'create');
      assert.match(String(bench.records.get(mount.id)?.outputs?.accessor), /^kv_/);
      assert.deepEqual(await bench.mustApply(mountKind, main, [mount]), []);

      await bao.ask('POST', `sys/mounts/${path}/tune`, { max_lease_ttl: '9h', default_lease_ttl: '1h' });
      await bao.ask('POST', `${path}/config`, { max_versions: 50, cas_required: false, delete_version_after: '0s' });
      const [drift] = await bench.plan(mountKind, main, [mount]);
      assert.deepEqual(drift?.fields, [
        { field: 'default lease', before: '1h', after: "the system's" },
        { field: 'maximum lease', before: '9h', after: '1h' },
        { field: 'versions kept', before: '50', after: '5' },
        { field: 'check-and-set required', before: 'false', after: 'true' },
        { field: 'versions deleted after', before: 'never', after: '90m' },
      ]);
      await bench.mustApply(mountKind, main, [mount]);
      assert.deepEqual(await bench.mustApply(mountKind, main, [mount]), []);

      await bao.ask('POST', `sys/mounts/${path}/tune`, { description: 'for the orders team' });
      const [renamed] = await bench.plan(mountKind, main, [mount]);
      assert.deepEqual([renamed?.action, renamed?.fields.map(({ field }) => field)], ['update', ['mark']]);
      await bench.mustApply(mountKind, main, [mount]);
      assert.deepEqual(await bench.mustApply(mountKind, main, [mount]), []);
      bench.records.clear();
      assert.deepEqual(
        (await bench.plan(mountKind, main, [mount])).map(({ action }) => action),
        ['none'],
      );
    });

    test('one that is there already is only taken over by leave, and another engine never', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const path = `theirs-${unique}`;
      await bao.ask('POST', `sys/mounts/${path}`, {
        type: 'kv',
        options: { version: '2' },
        description: 'their words',
      });
      const spec: MountSpec = { path, type: 'kv' };
      const [refused] = await bench.plan(mountKind, main, [resource(idOf('mount', path), spec)]);
      assert.equal(refused?.refusal?.code, 'adopt-existing');
      const allowed = resource(idOf('mount', path), spec, { allow });
      assert.equal((await bench.mustApply(mountKind, main, [allowed]))[0]?.action, 'adopt');
      const { body } = await bao.ask('GET', 'sys/mounts');
      assert.equal(body?.['data'][`${path}/`].description, `their words\nkeywright fleet=test id=${allowed.id}`);
      const other = await vaultBench(t, bao, { fleet: 'another' });
      const [foreign] = await other.bench.plan(mountKind, main, [allowed]);
      assert.equal(foreign?.refusal?.code, 'foreign-mark');
      const [kind] = await bench.plan(mountKind, main, [
        resource<MountSpec>(idOf('mount', path), { path, type: 'pki' }, { allow }),
      ]);
      assert.equal(kind?.refusal?.code, 'mount-type');
    });

    test('what leaves the fleet is kept without its mark; a removal says how many entries would be lost', async (t) => {
      const bao = server();
      const { bench, main, mount, unique } = await vaultBench(t, bao);
      const kept = resource<MountSpec>(idOf('mount', `kept-${unique}`), { path: `kept-${unique}`, type: 'transit' });
      const lost = resource<MountSpec>(
        idOf('mount', mount),
        { path: mount, type: 'kv' },
        { allow, reclaimPolicy: 'delete' },
      );
      await bench.mustApply(mountKind, main, [kept, lost]);
      await bao.ask('POST', `kept-${unique}/keys/orders`, {});
      for (const name of ['a', 'b', 'c/d']) {
        await main.write(entry(name, { k: 'v' }));
      }
      const plan = await bench.plan(mountKind, main, []);
      assert.deepEqual(
        plan.map(({ action, reason }) => [action, reason]),
        [
          ['retain', 'left the fleet; it is kept, and holds 1 key'],
          ['remove', 'left the fleet; with it 3 entries would be lost'],
        ],
      );
      await bench.mustApply(mountKind, main, []);
      const { body } = await bao.ask('GET', 'sys/mounts');
      assert.equal(body?.['data'][`kept-${unique}/`].description, '');
      assert.equal(body?.['data'][`${mount}/`], undefined);

      // Somebody asks for the deletion of what was kept: its mark is lifted, the open intent makes it ours.
      const record = bench.records.get(kept.id);
      assert.equal(record?.state, 'retained');
      bench.records.set(kept.id, { ...record, state: 'intended', reclaimPolicy: 'delete' });
      const [asked] = await bench.mustApply(mountKind, main, []);
      assert.equal(asked?.reason, 'left the fleet; with it 1 key would be lost');
      const after = await bao.ask('GET', 'sys/mounts');
      assert.equal(after.body?.['data'][`kept-${unique}/`], undefined);
    });
  });

  describe('policies', () => {
    const policies = policyKind(policyLanguage);
    const policy = (name: string, rules: PolicySpec['rules'], extra: Parameters<typeof resource>[2] = {}) =>
      resource<PolicySpec>(idOf('policy', name), { name, rules }, extra);
    const reads = (path: string): PolicySpec['rules'] => [{ path, capabilities: ['read'] }];

    test('are made, found unchanged, and mended when widened or deleted by hand', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const name = `reader-${unique}`;
      const wanted = policy(name, reads('secret/data/apps/*'));
      assert.equal((await bench.mustApply(policies, main, [wanted]))[0]?.action, 'create');
      assert.deepEqual(await bench.mustApply(policies, main, [wanted]), []);
      assert.equal(bench.records.get(wanted.id)?.version, '1');

      const text = (await bao.ask('GET', `sys/policies/acl/${name}`)).body?.['data'].policy as string;
      await bao.ask('PUT', `sys/policies/acl/${name}`, { policy: text.replace('"read"', '"read", "update"') });
      const [drift] = await bench.plan(policies, main, [wanted]);
      assert.deepEqual(
        drift?.fields.map(({ field, before, after }) => [field, before, after]),
        [['rights on secret/data/apps/*', 'read, update', 'read']],
      );
      const note = notOpenBao === false ? /^edited by hand since \d{4}-\d\d-\d\d \(version 2\)$/ : /^$/;
      assert.match(drift?.fields[0]?.note ?? '', note);
      await bench.mustApply(policies, main, [wanted]);
      const token = await bao.ask('POST', 'auth/token/create', { policies: [name] });
      const path = 'secret/data/apps/orders';
      const can = await bao.ask('POST', 'sys/capabilities', {
        token: token.body?.['auth'].client_token,
        paths: [path],
      });
      assert.deepEqual(can.body?.['data'][path], ['read']);

      await bao.ask('DELETE', `sys/policies/acl/${name}`);
      assert.deepEqual(
        (await bench.mustApply(policies, main, [wanted])).map(({ action }) => action),
        ['create'],
      );
      // Another spelling of the same rights is nobody's drift.
      const spelled = `# keywright fleet=test id=${wanted.id}\npath "secret/data/apps/*" {\n capabilities=["read"] }`;
      await bao.ask('PUT', `sys/policies/acl/${name}`, { policy: spelled });
      assert.deepEqual(await bench.mustApply(policies, main, [wanted]), []);
    });

    test('of three hundred, all are read in one request, and one by one where there is no such list', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const many = Array.from({ length: 300 }, (_, at) => policy(`p${at}-${unique}`, reads(`secret/data/${at}/*`)));
      await bench.mustApply(policies, main, many);
      const count = (): number =>
        bao.peers[0]!.audit()
          .split('\n')
          .filter((line) => line.includes('"type":"request"')).length;
      const before = count();
      const all = await bench.plan(policies, main, many);
      assert.ok(all.every(({ action }) => action === 'none'));
      assert.equal(count() - before, notOpenBao === false ? 1 : 2 + many.length);
      const rules = 'path "sys/policies/acl/*" { capabilities = ["read"] }';
      const plain = await vaultBench(t, bao, {
        client: { login: tokenLogin(await tokenWith(bao, `plain-${unique}`, rules), 'plain') },
      });
      assert.deepEqual(await bench.plan(policies, plain.main, many), all);
    });

    test('what was made by hand is only taken over by leave, and keeps its words', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const name = `theirs-${unique}`;
      await bao.ask('PUT', `sys/policies/acl/${name}`, {
        policy: '# their words\npath "x" { capabilities = ["read"] }',
      });
      const [refused] = await bench.plan(policies, main, [policy(name, reads('y'))]);
      assert.equal(refused?.refusal?.code, 'adopt-existing');
      const allowed = policy(name, reads('y'), { allow, reclaimPolicy: 'retain' });
      assert.equal((await bench.mustApply(policies, main, [allowed]))[0]?.action, 'adopt');
      const text = async (): Promise<string> =>
        (await bao.ask('GET', `sys/policies/acl/${name}`)).body?.['data'].policy;
      assert.match(await text(), new RegExp(`^# their words\\n# keywright fleet=test id=${allowed.id}\\npath "y"`));
      assert.equal((await bench.mustApply(policies, main, []))[0]?.action, 'retain');
      assert.match(await text(), /^# their words\npath "y"/);
    });

    test('what leaves the fleet is removed; an edit between plan and apply is a conflict, not lost', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const name = `gone-${unique}`;
      await bench.mustApply(policies, main, [policy(name, reads('x'))]);
      const slow: typeof policies = {
        ...policies,
        async *apply(session, changes, io) {
          await bao.ask('PUT', `sys/policies/acl/${name}`, { policy: 'path "z" { capabilities = ["read"] }' });
          yield* policies.apply(session, changes, io);
        },
      };
      const results = await bench.apply(slow, main, [policy(name, reads('y'))]);
      const [result] = results.values();
      assert.ok(result?.applied.outcome === 'failed');
      assert.match(result.applied.error.message, /check-and-set|changed by somebody else/);
      const marked = `# keywright fleet=test id=${idOf('policy', name)}\npath "x" {}`;
      await bao.ask('PUT', `sys/policies/acl/${name}`, { policy: marked });
      assert.equal((await bench.mustApply(policies, main, []))[0]?.action, 'remove');
      assert.equal((await bao.ask('GET', `sys/policies/acl/${name}`)).status, 404);
    });
  });

  describe('login methods and roles', () => {
    test('an AppRole is made, found unchanged, mended when widened by hand, and logs in', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const path = `approle-${unique}`;
      const method = resource<AuthMountSpec>(idOf('auth-mount', path), {
        path,
        type: 'approle',
        maxLeaseSeconds: 7200,
      });
      const role = resource<AppRoleSpec>(idOf('app-role', path, 'orders'), {
        mount: path,
        role: 'orders',
        token: { policies: ['orders', 'another'], ttlSeconds: 3600, maxTtlSeconds: 7200 },
        secretIdUses: 3,
      });
      // Both are planned before either is there.
      assert.deepEqual(
        (await bench.plan(appRoleKind, main, [role])).map(({ action }) => action),
        ['create'],
      );
      await bench.mustApply(authMountKind, main, [method]);
      await bench.mustApply(appRoleKind, main, [role]);
      assert.deepEqual(await bench.mustApply(authMountKind, main, [method]), []);
      assert.deepEqual(await bench.mustApply(appRoleKind, main, [role]), []);
      assert.match(String(bench.records.get(role.id)?.outputs?.roleId), /^[\da-f-]{36}$/);

      await bao.ask('POST', `auth/${path}/role/orders`, {
        token_policies: ['orders', 'another', 'admin'],
        token_period: '24h',
        secret_id_num_uses: 0,
        token_no_default_policy: true,
      });
      await bao.ask('POST', `sys/auth/${path}/tune`, { max_lease_ttl: '900h' });
      assert.deepEqual((await bench.plan(authMountKind, main, [method]))[0]?.fields, [
        { field: 'maximum token life', before: '900h', after: '2h' },
      ]);
      assert.deepEqual((await bench.plan(appRoleKind, main, [role]))[0]?.fields, [
        { field: 'token policies', before: 'admin, another, orders', after: 'another, orders' },
        { field: 'token period', before: '1d', after: 'none' },
        { field: 'token no default policy', before: 'true', after: 'false' },
        { field: 'secret id num uses', before: '0', after: '3' },
      ]);
      await bench.mustApply(appRoleKind, main, [role]);
      bench.records.clear();
      // A lost inventory: the method bears our mark, so the role in it is ours.
      assert.deepEqual(
        (await bench.plan(appRoleKind, main, [role])).map(({ action }) => action),
        ['none'],
      );

      const secretId = await bao.ask('POST', `auth/${path}/role/orders/secret-id`, {});
      const roleId = await bao.ask('GET', `auth/${path}/role/orders/role-id`);
      const login = await bao.ask('POST', `auth/${path}/login`, {
        role_id: roleId.body?.['data'].role_id,
        secret_id: secretId.body?.['data'].secret_id,
      });
      assert.deepEqual(login.body?.['auth'].token_policies, ['another', 'default', 'orders']);
    });

    test('a role in a method of somebody else is only taken over by leave', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const path = `theirs-${unique}`;
      await bao.ask('POST', `sys/auth/${path}`, { type: 'approle' });
      await bao.ask('POST', `auth/${path}/role/orders`, { token_policies: ['x'] });
      const spec: AppRoleSpec = { mount: path, role: 'orders', token: { policies: ['x'], ttlSeconds: 0 } };
      const id = idOf('app-role', path, 'orders');
      const [refused] = await bench.plan(appRoleKind, main, [resource(id, spec)]);
      assert.equal(refused?.refusal?.code, 'adopt-existing');
      const [adopted] = await bench.mustApply(appRoleKind, main, [resource(id, spec, { allow })]);
      assert.equal(adopted?.action, 'adopt');
      assert.deepEqual(await bench.mustApply(appRoleKind, main, [resource(id, spec)]), []);
    });

    test('what leaves the fleet is removed', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const path = `gone-${unique}`;
      const method = resource<AuthMountSpec>(idOf('auth-mount', path), { path, type: 'approle' });
      const role = (name: string) =>
        resource<AppRoleSpec>(idOf('app-role', path, name), {
          mount: path,
          role: name,
          token: { policies: [], ttlSeconds: 60 },
        });
      await bench.mustApply(authMountKind, main, [method]);
      await bench.mustApply(appRoleKind, main, [role('a'), role('b')]);
      const [removal] = await bench.mustApply(appRoleKind, main, [role('a')]);
      assert.equal(removal?.action, 'remove');
      assert.deepEqual((await bao.ask('LIST', `auth/${path}/role`)).body?.['data'].keys, ['a']);
      const [gone] = await bench.mustApply(authMountKind, main, []);
      assert.match(gone?.reason ?? '', /every token that it gave out ends/);
      // With the method the role went too, so there is nothing left to remove.
      assert.deepEqual(await bench.plan(appRoleKind, main, []), []);
    });

    test('a certificate role takes the authority from a store, and follows it', async (t) => {
      const bao = server();
      const { bench, main, unique } = await vaultBench(t, bao);
      const path = `cert-${unique}`;
      const box = await bench.open('box');
      const [first, second] = await Promise.all([testAuthority('first'), testAuthority('second')]);
      await box.write(entry('authorities/infra', { 'ca.crt': first.certificatePem }));
      const method = resource<AuthMountSpec>(idOf('auth-mount', path), { path, type: 'cert' });
      const role = resource<CertRoleSpec>(idOf('cert-role', path, 'orders'), {
        mount: path,
        role: 'orders',
        token: { policies: ['default'], ttlSeconds: 60 },
        authority: { store: 'box', path: 'authorities/infra', key: 'ca.crt', version: '1' },
        commonNames: ['orders'],
      });
      await bench.mustApply(authMountKind, main, [method]);
      await bench.mustApply(certRoleKind, main, [role]);
      assert.deepEqual(await bench.mustApply(certRoleKind, main, [role]), []);
      const loginWith = async (authority: typeof first, name: string): Promise<void> => {
        const shown = await testCertificate(authority, name);
        const login = certificateLogin({ store: 'main', mount: path, role: 'orders', load: async () => shown });
        await clientOf(t, bao, { login }).request({ method: 'GET', path: 'auth/token/lookup-self' });
      };
      await loginWith(first, 'orders');
      await assert.rejects(loginWith(first, 'another'), isFailure('vault-login-failed'));
      await assert.rejects(loginWith(second, 'orders'), isFailure('vault-login-failed'));

      await bao.ask('POST', `auth/${path}/certs/orders`, {
        certificate: second.certificatePem,
        allowed_dns_sans: ['*'],
      });
      assert.deepEqual(
        (await bench.plan(certRoleKind, main, [role]))[0]?.fields.map(({ field }) => field),
        ['allowed dns sans', 'authority'],
      );
      await bench.mustApply(certRoleKind, main, [role]);
      await assert.rejects(loginWith(second, 'orders'), isFailure('vault-login-failed'));
      await loginWith(first, 'orders');
    });

    test('a right that is missing is told per role, the others go on', async (t) => {
      const bao = server();
      const { unique } = await vaultBench(t, bao);
      const path = `partly-${unique}`;
      const rules = `path "sys/auth" { capabilities = ["read"] }
                     path "sys/auth/*" { capabilities = ["create", "update", "sudo"] }
                     path "auth/${path}/role/a*" { capabilities = ["create", "read", "update"] }
                     path "auth/${path}/role/b" { capabilities = ["read"] }`;
      const token = await tokenWith(bao, `partly-${unique}`, rules);
      const { bench, main } = await vaultBench(t, bao, {
        client: { login: tokenLogin(new Secret(token.expose()), 'partly') },
      });
      const role = (name: string) =>
        resource<AppRoleSpec>(idOf('app-role', path, name), {
          mount: path,
          role: name,
          token: { policies: [], ttlSeconds: 60 },
        });
      await bench.mustApply(authMountKind, main, [
        resource<AuthMountSpec>(idOf('auth-mount', path), { path, type: 'approle' }),
      ]);
      const results = await bench.apply(appRoleKind, main, [role('b'), role('a')]);
      assert.equal(results.get(role('a').id)?.applied.outcome, 'done');
      const failed = results.get(role('b').id)?.applied;
      assert.ok(failed?.outcome === 'failed');
      assert.match(failed.error.message, /role\/b: the token lacks create or update/);
    });
  });
});
