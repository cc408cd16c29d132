import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { Secret } from '../../../src/model/secret.ts';
import { appRoleLoginKind } from '../../../src/targets/vault/app-role-login.ts';
import type { AppRoleLoginSpec } from '../../../src/targets/vault/app-role-login.spec.ts';
import { appRoleKind } from '../../../src/targets/vault/app-role.ts';
import type { AppRoleSpec } from '../../../src/targets/vault/app-role.spec.ts';
import { authMountKind } from '../../../src/targets/vault/auth-mount.ts';
import type { AuthMountSpec } from '../../../src/targets/vault/auth-mount.spec.ts';
import { certRoleKind } from '../../../src/targets/vault/cert-role.ts';
import type { CertRoleSpec } from '../../../src/targets/vault/cert-role.spec.ts';
import { certificateLogin } from '../../../src/stores/vault/login/certificate.ts';
import { resource } from '../../support/kinds.ts';
import { openBaoMissing, openBaoOfSuite, testAuthority, testCertificate } from '../../support/openbao.ts';
import { vaultBench } from '../../support/vault-bench.ts';
import { clientOf } from '../../support/vault-client.ts';
import { entry } from '../stores/contract.ts';

const store = targetId('store', 'main');

describe('what an AppRole is held by', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  /** A role `orders` in a method of its own, and the entry with its ids. */
  async function aRole(t: TestContext) {
    const bao = server();
    const { bench, main, unique } = await vaultBench(t, bao);
    const box = await bench.open('box');
    const mount = `approle-${unique}`;
    const ids = { 'role-id': `role-${unique}`, 'secret-id': `${unique}-${'s'.repeat(40)}` };
    const { version } = await box.write(entry('logins/orders', ids));
    const method = resource<AuthMountSpec>(resourceId(store, 'auth-mount', mount), { path: mount, type: 'approle' });
    const role = resource<AppRoleSpec>(resourceId(store, 'app-role', mount, 'orders'), {
      mount,
      role: 'orders',
      token: { policies: ['orders'], ttlSeconds: 600 },
    });
    const login = (at: string): Resource<AppRoleLoginSpec> =>
      resource(resourceId(store, 'app-role-login', mount, 'orders'), {
        mount,
        role: 'orders',
        entry: { store: 'box', path: 'logins/orders', version: at },
      });
    await bench.mustApply(authMountKind, main, [method]);
    await bench.mustApply(appRoleKind, main, [role]);
    const logIn = (secretId = ids['secret-id'], roleId = ids['role-id']) =>
      bao.peers[0]!.ask('POST', `auth/${mount}/login`, { role_id: roleId, secret_id: secretId }, { token: null });
    const lookUp = (token: string) => bao.peers[0]!.ask('GET', 'auth/token/lookup-self', undefined, { token });
    const plan = async () => {
      const [change] = await bench.plan(appRoleLoginKind, main, [login(version)]);
      return [change?.action, ...(change?.fields.map(({ field, before }) => `${field}: ${before}`) ?? [])];
    };
    return { bao, bench, main, box, mount, ids, role, version, login, logIn, lookUp, plan };
  }

  test('is registered once, logs in, and is found unchanged, also when the inventory was lost', async (t) => {
    const { bench, main, login, version, logIn, plan } = await aRole(t);
    assert.equal((await bench.mustApply(appRoleLoginKind, main, [login(version)]))[0]?.action, 'create');
    assert.equal((await logIn()).status, 200);
    assert.deepEqual(await plan(), ['none']);
    const { outputs } = bench.records.get(login(version).id) ?? {};
    bench.records.delete(login(version).id);
    assert.equal((await bench.mustApply(appRoleLoginKind, main, [login(version)]))[0]?.action, 'update');
    assert.deepEqual(bench.records.get(login(version).id)?.outputs, outputs);
    assert.deepEqual(await plan(), ['none']);
  });

  test('destroyed by hand it is registered again, and the same ids log in', async (t) => {
    const { bao, bench, main, mount, login, version, logIn, plan } = await aRole(t);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    const accessor = bench.records.get(login(version).id)?.outputs?.['accessor'];
    await bao.ask('POST', `auth/${mount}/role/orders/secret-id-accessor/destroy`, { secret_id_accessor: accessor });
    // A consumer that goes on trying locks the role: then the server refuses right ids, too.
    const tried = await Promise.all(Array.from({ length: 7 }, () => logIn()));
    assert.ok(tried.some(({ status }) => status === 400));
    assert.equal((await logIn()).status, 403);
    assert.deepEqual(await plan(), ['create', 'secret id: destroyed by hand']);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    assert.equal((await logIn()).status, 200);
  });

  test('a second secret id and another role id made by hand are found, and go', async (t) => {
    const { bao, bench, main, mount, login, version, logIn, plan } = await aRole(t);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    const made = await bao.ask('POST', `auth/${mount}/role/orders/secret-id`, {});
    const second = made.body?.['data'].secret_id as string;
    assert.equal((await logIn(second)).status, 200);
    await bao.ask('POST', `auth/${mount}/role/orders/role-id`, { role_id: 'by-hand' });
    assert.deepEqual(await plan(), ['update', 'secret ids made by hand: 1', 'role id: changed by hand']);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    assert.equal((await logIn(second)).status, 400);
    assert.equal((await logIn()).status, 200);
    assert.deepEqual(await plan(), ['none']);
  });

  test('a role that was made anew by hand gets its ids back', async (t) => {
    const { bao, bench, main, mount, login, version, logIn, plan } = await aRole(t);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    await bao.ask('DELETE', `auth/${mount}/role/orders`);
    await bao.ask('POST', `auth/${mount}/role/orders`, { token_policies: ['orders'], token_ttl: 600 });
    assert.deepEqual(await plan(), ['create', 'secret id: destroyed by hand']);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    assert.equal((await logIn()).status, 200);
  });

  test('another secret id in the entry replaces the one before', async (t) => {
    const { bench, main, box, ids, login, version, logIn } = await aRole(t);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    const { version: newer } = await box.write(
      entry('logins/orders', { ...ids, 'secret-id': `new-${'n'.repeat(40)}` }),
    );
    const [change] = await bench.plan(appRoleLoginKind, main, [login(newer)]);
    assert.deepEqual(
      change?.fields.map(({ field }) => field),
      ['entry'],
    );
    await bench.mustApply(appRoleLoginKind, main, [login(newer)]);
    assert.equal((await logIn(`new-${'n'.repeat(40)}`)).status, 200);
    assert.equal((await logIn()).status, 400);
  });

  test('registered, but not recorded because of a crash, it is taken up and not made twice', async (t) => {
    const { bao, bench, main, mount, ids, login, version, logIn } = await aRole(t);
    await bao.ask('POST', `auth/${mount}/role/orders/custom-secret-id`, { secret_id: ids['secret-id'] });
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    assert.equal((await logIn()).status, 200);
    const { body } = await bao.ask('LIST', `auth/${mount}/role/orders/secret-id`);
    assert.equal(body?.['data'].keys.length, 1);
  });

  test('when it leaves, the secret id is destroyed; when the role leaves, its tokens are dead', async (t) => {
    const { bench, main, login, version, logIn, lookUp } = await aRole(t);
    await bench.mustApply(appRoleLoginKind, main, [login(version)]);
    const token = (await logIn()).body?.['auth'].client_token as string;
    assert.equal((await lookUp(token)).status, 200);
    const [left] = await bench.mustApply(appRoleLoginKind, main, []);
    assert.equal(left?.action, 'remove');
    assert.equal((await logIn()).status, 400);
    assert.equal((await lookUp(token)).status, 200);
    await bench.mustApply(appRoleKind, main, []);
    assert.equal((await lookUp(token)).status, 403);
  });

  test('the tokens of a certificate role are dead with it', async (t) => {
    const bao = server();
    const { bench, main, unique } = await vaultBench(t, bao);
    const mount = `cert-${unique}`;
    const box = await bench.open('box');
    const authority = await testAuthority('one');
    await box.write(entry('authorities/infra', { 'ca.crt': authority.certificatePem }));
    const method = resource<AuthMountSpec>(resourceId(store, 'auth-mount', mount), { path: mount, type: 'cert' });
    const role = resource<CertRoleSpec>(resourceId(store, 'cert-role', mount, 'orders'), {
      mount,
      role: 'orders',
      token: { policies: [], ttlSeconds: 600 },
      authority: { store: 'box', path: 'authorities/infra', key: 'ca.crt', version: '1' },
      commonNames: ['orders'],
    });
    await bench.mustApply(authMountKind, main, [method]);
    await bench.mustApply(certRoleKind, main, [role]);
    const shown = await testCertificate(authority, 'orders');
    const login = certificateLogin({ store: 'main', mount, role: 'orders', load: async () => shown });
    const client = clientOf(t, bao, { login });
    const reply = await client.request({ method: 'POST', path: `auth/${mount}/login`, body: { name: 'orders' } });
    const token = new Secret(reply.auth?.clientToken ?? '');
    const lookUp = () => client.request({ method: 'GET', path: 'auth/token/lookup-self', token, accept: [403] });
    assert.equal((await lookUp()).status, 200);
    await bench.mustApply(certRoleKind, main, []);
    assert.equal((await lookUp()).status, 403);
  });
});
