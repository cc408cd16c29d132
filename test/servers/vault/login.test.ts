import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { appRoleLogin } from '../../../src/stores/vault/login/app-role.ts';
import { certificateLogin } from '../../../src/stores/vault/login/certificate.ts';
import { jwtLogin } from '../../../src/stores/vault/login/jwt.ts';
import { tokenFileLogin } from '../../../src/stores/vault/login/token-file.ts';
import { Secret } from '../../../src/model/secret.ts';
import { failureOf, isFailure } from '../../support/failure.ts';
import { openBaoMissing, openBaoOfSuite, testAuthority, testCertificate, waitFor } from '../../support/openbao.ts';
import { clientOf, tokenWith } from '../../support/vault-client.ts';

const store = 'main';

describe('logging in to a Vault', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  before(async () => {
    const bao = server();
    await bao.ask('POST', 'sys/auth/approle', { type: 'approle' });
    await bao.ask('POST', 'sys/auth/cert', { type: 'cert' });
    await bao.ask('PUT', 'sys/policies/acl/reader', { policy: 'path "sys/mounts" { capabilities = ["read"] }' });
  });

  describe('by a token file', () => {
    test('a file that was replaced is read again when its token ends', async (t) => {
      const bao = server();
      const { file } = await folderOf(t, 'token');
      const first = await tokenWith(bao, 'reader', 'path "sys/mounts" { capabilities = ["read"] }');
      await writeFile(file, `${first.expose()}\n`);
      const client = clientOf(t, bao, { login: tokenFileLogin({ store, file }) });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      assert.deepEqual(client.policies, ['default', 'reader']);
      await bao.ask('POST', 'auth/token/revoke', { token: first.expose() });
      await assert.rejects(
        client.request({ method: 'GET', path: 'sys/mounts' }),
        isFailure('vault-token-refused', /token file/),
      );
      const second = await tokenWith(bao, 'reader', 'path "sys/mounts" { capabilities = ["read"] }');
      await writeFile(file, second.expose());
      await client.request({ method: 'GET', path: 'sys/mounts' });
    });

    test('a missing and an empty file are named', async (t) => {
      const { file } = await folderOf(t, 'token');
      const client = clientOf(t, server(), { login: tokenFileLogin({ store, file }) });
      await assert.rejects(
        client.request({ method: 'GET', path: 'sys/mounts' }),
        isFailure('vault-login-file', /ENOENT/),
      );
      await writeFile(file, '\n');
      await assert.rejects(
        client.request({ method: 'GET', path: 'sys/mounts' }),
        isFailure('vault-login-file', /is empty/),
      );
    });

    test('a token without policy default works, though it may not look itself up', async (t) => {
      const bao = server();
      const { file } = await folderOf(t, 'token');
      const token = await tokenWith(bao, 'reader', 'path "sys/mounts" { capabilities = ["read"] }', {
        no_default_policy: true,
      });
      await writeFile(file, token.expose());
      const client = clientOf(t, bao, { login: tokenFileLogin({ store, file }) });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      const denied = await failureOf(client.request({ method: 'GET', path: 'sys/auth' }));
      assert.equal(denied.code, 'vault-permission-denied');
      assert.match(denied.message, /lacks read/);
    });
  });

  test('a token that a login made ends with the session; one that a file holds is somebody else’s', async (t) => {
    const bao = server();
    const { file } = await folderOf(t, 'token');
    const held = await tokenWith(bao, 'reader', 'path "sys/mounts" { capabilities = ["read"] }');
    await writeFile(file, held.expose());
    const ofApproles = async (): Promise<number> => {
      const accessors = await bao.ask('LIST', 'auth/token/accessors');
      const found = await Promise.all(
        ((accessors.body ?? {})['data']['keys'] as string[]).map((accessor) =>
          bao.ask('POST', 'auth/token/lookup-accessor', { accessor }),
        ),
      );
      return found.filter(({ body }) => body?.['data']['path'] === 'auth/approle/login').length;
    };
    const before = await ofApproles();
    for (const login of [appRoleLogin(await appRole(t, bao, 'ending', {})), tokenFileLogin({ store, file })]) {
      const client = clientOf(t, bao, { login });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      await client.end();
      await assert.rejects(client.request({ method: 'GET', path: 'sys/mounts' }), /is closed/);
    }
    assert.equal(await ofApproles(), before);
    const { status } = await bao.ask('POST', 'auth/token/lookup', { token: held.expose() });
    assert.equal(status, 200);
  });

  describe('by AppRole', () => {
    test('a revoked token is replaced by another login, in the middle of the work', async (t) => {
      const bao = server();
      const client = clientOf(t, bao, { login: appRoleLogin(await appRole(t, bao, 'plain', {})) });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      const accessors = await bao.ask('LIST', 'auth/token/accessors');
      for (const accessor of (accessors.body ?? {})['data']['keys'] as string[]) {
        const found = await bao.ask('POST', 'auth/token/lookup-accessor', { accessor });
        if (found.body?.['data']['path'] === 'auth/approle/login') {
          await bao.ask('POST', 'auth/token/revoke-accessor', { accessor });
        }
      }
      await Promise.all(Array.from({ length: 20 }, () => client.request({ method: 'GET', path: 'sys/mounts' })));
    });

    test('a token of three seconds is renewed, and replaced when renewal has an end', async (t) => {
      const bao = server();
      const login = appRoleLogin(await appRole(t, bao, 'short', { token_ttl: '3s', token_max_ttl: '6s' }));
      let logins = 0;
      const counted = { ...login, login: (ask: Parameters<typeof login.login>[0]) => (logins++, login.login(ask)) };
      const client = clientOf(t, bao, { login: counted });
      client.keepToken();
      const start = Date.now();
      await waitFor('ten seconds of work', async () => {
        await client.request({ method: 'GET', path: 'sys/mounts' });
        return Date.now() - start > 10_000;
      });
      assert.ok(logins >= 2 && logins <= 5, `${logins} logins in ten seconds`);
    });

    test('an idle client keeps a periodic token alive', async (t) => {
      const bao = server();
      const login = appRoleLogin(await appRole(t, bao, 'periodic', { token_period: '2s' }));
      let logins = 0;
      const counted = { ...login, login: (ask: Parameters<typeof login.login>[0]) => (logins++, login.login(ask)) };
      const client = clientOf(t, bao, { login: counted });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      client.keepToken();
      const start = Date.now();
      await waitFor('seven idle seconds', async () => Date.now() - start > 7000);
      await client.request({ method: 'GET', path: 'sys/mounts' });
      assert.equal(logins, 1);
    });

    test('a wrapped secret id is unwrapped once and its file keeps what was inside', async (t) => {
      const bao = server();
      const files = await appRole(t, bao, 'wrapped', {}, { 'X-Vault-Wrap-TTL': '60s' });
      const wrapping = await readFile(files.secretIdFile, 'utf8');
      const client = clientOf(t, bao, { login: appRoleLogin(files) });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      const kept = await readFile(files.secretIdFile, 'utf8');
      assert.notEqual(kept, wrapping);
      assert.equal((await stat(files.secretIdFile)).mode & 0o777, 0o600);
      const next = clientOf(t, bao, { login: appRoleLogin(files) });
      await next.request({ method: 'GET', path: 'sys/mounts' });
    });

    test('a wrapping token that was used before, or made elsewhere, is refused with what to do', async (t) => {
      const bao = server();
      const used = await appRole(t, bao, 'used', {}, { 'X-Vault-Wrap-TTL': '60s' });
      const token = (await readFile(used.secretIdFile, 'utf8')).trim();
      await bao.ask('POST', 'sys/wrapping/unwrap', undefined, { token });
      const client = clientOf(t, bao, { login: appRoleLogin(used) });
      await assert.rejects(
        client.request({ method: 'GET', path: 'sys/mounts' }),
        isFailure('vault-login-failed', /invalid role or secret ID/),
      );

      const foreign = await bao.ask(
        'POST',
        'sys/wrapping/wrap',
        { secret_id: 'x' },
        { headers: { 'X-Vault-Wrap-TTL': '60s' } },
      );
      await writeFile(used.secretIdFile, foreign.body?.['wrap_info']['token'] as string);
      const other = clientOf(t, bao, { login: appRoleLogin(used) });
      const refused = await failureOf(other.request({ method: 'GET', path: 'sys/mounts' }));
      assert.match(refused.message, /made at sys\/wrapping\/wrap, not by this AppRole/);
    });

    test('no secret id appears in a message', async (t) => {
      const bao = server();
      const files = await appRole(t, bao, 'quiet', {});
      await writeFile(files.secretIdFile, 'canary-secret-id');
      const client = clientOf(t, bao, { login: appRoleLogin(files) });
      const refused = await failureOf(client.request({ method: 'GET', path: 'sys/mounts' }));
      assert.equal(refused.code, 'vault-login-failed');
      assert.ok(!JSON.stringify([refused.message, refused.details]).includes('canary-secret-id'));
    });
  });

  describe('by client certificate', () => {
    test('a certificate of the authority that the role names logs in, renewed files are used, another is refused', async (t) => {
      const bao = server();
      const authority = await testAuthority('people of a test');
      await bao.ask('POST', 'auth/cert/certs/keywright', {
        certificate: authority.certificatePem,
        allowed_common_names: ['keywright'],
        token_policies: ['reader'],
        token_ttl: '1s',
        token_max_ttl: '1s',
      });
      let shown = await testCertificate(authority, 'keywright');
      const login = certificateLogin({ store, role: 'keywright', load: async () => shown });
      const client = clientOf(t, bao, { login });
      await client.request({ method: 'GET', path: 'sys/mounts' });
      const before = shown.serial;
      shown = await testCertificate(authority, 'keywright');
      assert.notEqual(shown.serial, before);
      const start = Date.now();
      await waitFor('the first token to end', async () => Date.now() - start > 1500);
      await client.request({ method: 'GET', path: 'sys/mounts' });

      const stranger = await testCertificate(await testAuthority('strangers'), 'keywright');
      const refused = clientOf(t, bao, {
        login: certificateLogin({ store, role: 'keywright', load: async () => stranger }),
      });
      await assert.rejects(
        refused.request({ method: 'GET', path: 'sys/mounts' }),
        isFailure('vault-login-failed', /client certificate/),
      );
    });
  });

  test('a login at a mount that is not there is told as a failed login', async (t) => {
    const jwt = async (): Promise<Secret> => new Secret('canary-jwt-of-nobody');
    const login = jwtLogin({ store, method: 'kubernetes', mount: 'kubernetes-a', role: 'x', jwt });
    const refused = await failureOf(clientOf(t, server(), { login }).request({ method: 'GET', path: 'sys/mounts' }));
    assert.equal(refused.code, 'vault-login-failed');
    assert.match(refused.message, /Kubernetes \(auth\/kubernetes-a, role x\) failed: permission denied/);
    assert.ok(!JSON.stringify([refused.message, refused.details]).includes('canary-jwt'));
  });
});

async function folderOf(t: TestContext, name: string): Promise<{ folder: string; file: string }> {
  const folder = await mkdtemp('/tmp/kwt-login-');
  t.after(() => rm(folder, { recursive: true }));
  return { folder, file: join(folder, name) };
}

/** A role with policy `reader` and files that log in to it. */
async function appRole(
  t: TestContext,
  bao: ReturnType<ReturnType<typeof openBaoOfSuite>>,
  role: string,
  settings: object,
  headers: Record<string, string> = {},
): Promise<Parameters<typeof appRoleLogin>[0]> {
  const { folder } = await folderOf(t, '');
  await bao.ask('POST', `auth/approle/role/${role}`, { token_policies: ['reader'], ...settings });
  const roleId = await bao.ask('GET', `auth/approle/role/${role}/role-id`);
  const made = await bao.ask('POST', `auth/approle/role/${role}/secret-id`, {}, { headers });
  const files = { store, roleIdFile: join(folder, 'role-id'), secretIdFile: join(folder, 'secret-id') };
  await writeFile(files.roleIdFile, roleId.body?.['data']['role_id'] as string);
  const body = made.body ?? {};
  const secretId = (body['wrap_info'] === null ? body['data']['secret_id'] : body['wrap_info']['token']) as string;
  await writeFile(files.secretIdFile, secretId, { mode: 0o600 });
  return files;
}
