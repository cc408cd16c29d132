import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { readCrls } from '../../../src/authority/crl.ts';
import { requestCertificate } from '../../../src/authority/request.ts';
import { validatePath } from '../../../src/authority/validate.ts';
import type { InventoryRecord } from '../../../src/engine/interfaces.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { SecretBackend } from '../../../src/stores/backend.ts';
import { caKind } from '../../../src/targets/authority/ca.ts';
import { certificateKind } from '../../../src/targets/authority/certificate.ts';
import { crlKind } from '../../../src/targets/authority/crl.ts';
import { revokeSerial } from '../../../src/targets/authority/revocation.ts';
import { mountKind } from '../../../src/targets/vault/mount.ts';
import { pkiConfigKind } from '../../../src/targets/vault/pki-config.ts';
import { pkiRoleKind } from '../../../src/targets/vault/pki-role.ts';
import { authorityIn, stranger } from '../../support/authority-bench.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { openssl, opensslMissing } from '../../support/openssl.ts';
import { pkiBench } from '../../support/pki-bench.ts';
import type { PkiBench } from '../../support/pki-bench.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';

const { root, intermediate, crl, certificate } = authorityIn('main');
const { path } = root.spec;
const day = 86_400_000;

async function valueOf(store: SecretBackend, entry: string, key: string): Promise<string> {
  return (await valuesOf(store, entry))[key] ?? '';
}

describe('an authority in the PKI engine of a Vault', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  /** Id of an issuer, as the server has it now. */
  async function issuerId({ mount }: PkiBench, name: string): Promise<string> {
    const { body } = await server().ask('LIST', `${mount}/issuers`);
    const found = Object.entries(body?.['data'].key_info as Record<string, { issuer_name: string }>);
    return found.find(([, issuer]) => issuer.issuer_name === name)?.[0] ?? '';
  }

  test('is made once, its keys inside; a second apply changes nothing', async (t) => {
    const { bench, main, mount, applyAll } = await pkiBench(t, server());
    const app = certificate('app', { usage: 'client', commonName: 'app_login', hosts: [] });
    assert.deepEqual((await applyAll([certificate('pg'), app])).toSorted(), [
      'create authority/local/bundle/trust',
      'create authority/local/ca/intermediate',
      'create authority/local/ca/root',
      'create authority/local/certificate/app',
      'create authority/local/certificate/pg',
      'create authority/local/crl/crl',
      `create store/main/mount/${mount}`,
      `create store/main/pki-role/${mount}/local-client`,
      `create store/main/pki-role/${mount}/local-server`,
      `update store/main/pki-config/${mount}`,
    ]);
    assert.deepEqual(await applyAll([certificate('pg'), app]), []);
    for (const name of ['root', 'intermediate']) {
      assert.deepEqual(Object.keys(await valuesOf(main, `${path}/${name}`)), ['tls.crt']);
    }
    const made = readCertificate(await valueOf(main, `${path}/root`, 'tls.crt'));
    assert.match(made.subject.text, /local root [0-9a-f]{8}/);
    assert.match(made.subject.text, /O=Example/);
    assert.equal(made.pathLength, 1);
    assert.equal(readCertificate(await valueOf(main, `${path}/intermediate`, 'tls.crt')).pathLength, 0);
    assert.equal(bench.records.get(root.id)?.outputs?.fingerprint, made.fingerprint);
    bench.records.clear();
    await applyAll([certificate('pg'), app]);
    assert.equal(readCertificate(await valueOf(main, `${path}/root`, 'tls.crt')).fingerprint, made.fingerprint);
  });

  test('signs leaves that every verifier accepts, with keys that the server never had', async (t) => {
    const { main, applyAll } = await pkiBench(t, server());
    await applyAll([certificate('pg')]);
    const held = await valuesOf(main, 'certificates/pg');
    const crls = await valueOf(main, `${path}/crl`, 'crl.pem');
    const question = {
      presented: held['tls.crt'] ?? '',
      trusted: held['ca.crt'] ?? '',
      purpose: 'server',
      hosts: ['pg.localhost'],
      privateKey: new Secret(held['tls.key'] ?? ''),
      crls,
    } as const;
    assert.deepEqual(validatePath(question, new Date()), []);
    assert.equal(readCrls(crls).length, 2);
    for (const list of readCrls(crls)) {
      const role = list.issuer.text.includes('root') ? 'root' : 'intermediate';
      const ca = readCertificate(await valueOf(main, `${path}/${role}`, 'tls.crt'));
      assert.ok(list.nextUpdate !== undefined && list.nextUpdate >= ca.notAfter);
    }
    if (opensslMissing === false) {
      const answer = await openssl(
        ['verify', '-x509_strict', '-crl_check_all', '-CAfile', 'ca.crt', '-CRLfile', 'l.pem', '-untrusted', 'c', 'c'],
        { 'ca.crt': question.trusted, 'l.pem': crls, c: question.presented },
      );
      assert.ok(answer.ok, answer.output);
    }
  });

  test('every kind of key is made by the engine and in leaves', async (t) => {
    const { bench, main, session, mounted, config, role } = await pkiBench(t, server());
    await bench.mustApply(mountKind, main, [mounted]);
    await bench.mustApply(pkiConfigKind, main, [config]);
    const rsaRoot = { ...root, spec: { ...root.spec, key: 'rsa3072' } } as const;
    const rsaIntermediate = { ...intermediate, spec: { ...intermediate.spec, key: 'ecdsaP384' } } as const;
    await bench.mustApply(caKind, session, [rsaRoot]);
    await bench.mustApply(caKind, session, [rsaRoot, rsaIntermediate]);
    const roles = [role('both', ['pg.localhost'], { key: 'rsa2048', addresses: ['127.0.0.1', '::1'] })];
    await bench.mustApply(pkiRoleKind, main, roles);
    assert.deepEqual(await bench.mustApply(pkiRoleKind, main, roles), []);
    const { bundle } = authorityIn('main');
    const { bundleKind } = await import('../../../src/targets/authority/bundle.ts');
    await bench.mustApply(bundleKind, session, [bundle]);
    const hosts = ['pg.localhost', '127.0.0.1', '::1'];
    const pg = certificate('pg', { usage: 'both', key: 'rsa2048', hosts });
    await bench.mustApply(certificateKind, session, [pg]);
    assert.deepEqual(await bench.mustApply(certificateKind, session, [pg]), []);
    assert.deepEqual(readCertificate(await valueOf(main, pg.spec.path, 'tls.crt')).hosts, hosts);
  });

  describe('its roles', () => {
    test('sign for the names of the fleet and for no others', async (t) => {
      const bao = server();
      const { mount, applyAll } = await pkiBench(t, bao);
      const wild = certificate('wild', { hosts: ['*.dev.localhost'], commonName: '*.dev.localhost' });
      const app = certificate('app', { usage: 'client', commonName: 'app_login', hosts: [] });
      await applyAll([certificate('pg'), wild, app]);
      const { csrPem } = await requestCertificate('ecdsaP256');
      const sign = async (role: string, names: object): Promise<number> =>
        (await (await bao.active()).ask('POST', `${mount}/sign/local-${role}`, { csr: csrPem, ...names })).status;
      assert.equal(await sign('server', { common_name: 'pg.localhost' }), 200);
      assert.equal(await sign('server', { common_name: '*.dev.localhost' }), 200);
      assert.equal(await sign('client', { common_name: 'app_login' }), 200);
      for (const names of [
        { common_name: 'other.localhost' },
        { common_name: 'a.dev.localhost' },
        { common_name: 'sub.pg.localhost' },
        { common_name: '*.pg.localhost' },
        { common_name: 'localhost' },
        { common_name: 'pg.localhost', alt_names: 'other.localhost' },
        { common_name: 'pg.localhost', ip_sans: '127.0.0.1' },
        { common_name: 'pg.localhost', uri_sans: 'spiffe://pg' },
        { common_name: 'app_login' },
      ]) {
        assert.equal(await sign('server', names), 400, JSON.stringify(names));
      }
      assert.equal(await sign('client', { common_name: 'pg.localhost' }), 400);
      assert.equal(await sign('client', { common_name: 'postgres' }), 400);
    });

    test('widened by hand, or given another life, are found and mended; a new host is let in first', async (t) => {
      const bao = server();
      const { bench, main, mount, role, applyAll } = await pkiBench(t, bao);
      await applyAll([certificate('pg')]);
      const wanted = role('server', ['pg.localhost']);
      await bao.ask('PATCH', `${mount}/roles/local-server`, { allow_any_name: true, max_ttl: '9000h' }, merge);
      const [drift] = await bench.plan(pkiRoleKind, main, [wanted]);
      assert.deepEqual(drift?.fields, [
        { field: 'allow any name', before: 'true', after: 'false' },
        { field: 'max ttl', before: '375d', after: '1y' },
      ]);
      await bench.mustApply(pkiRoleKind, main, [wanted]);
      assert.deepEqual(await bench.mustApply(pkiRoleKind, main, [wanted]), []);
      const more = certificate('pg', { hosts: ['pg.localhost', 'new.localhost'] });
      assert.deepEqual(await applyAll([more]), [
        `update store/main/pki-role/${mount}/local-server`,
        'update authority/local/certificate/pg',
      ]);
      await bench.mustApply(pkiRoleKind, main, []);
      assert.equal((await bao.ask('GET', `${mount}/roles/local-server`)).status, 404);
    });
  });

  test('settings of the engine that were changed by hand are found and mended', async (t) => {
    const bao = server();
    const { bench, main, mount, config, applyAll } = await pkiBench(t, bao);
    await applyAll([]);
    await bao.ask('POST', `${mount}/config/crl`, { expiry: '80h', auto_rebuild: true });
    await bao.ask('POST', `${mount}/config/auto-tidy`, { enabled: false });
    const [drift] = await bench.plan(pkiConfigKind, main, [config]);
    assert.deepEqual(
      drift?.fields.map(({ field, before, after }) => `${field}: ${before} → ${after}`),
      ['expiry: 80h → 87600h', 'auto rebuild: true → false', 'enabled: false → true'],
    );
    await bench.mustApply(pkiConfigKind, main, [config]);
    assert.deepEqual(await bench.mustApply(pkiConfigKind, main, [config]), []);
    const [list] = readCrls((await bao.ask('GET', `${mount}/issuer/local-root/crl`)).body?.['data'].crl as string);
    const ca = readCertificate(await valueOf(main, `${path}/root`, 'tls.crt'));
    assert.ok(list?.nextUpdate !== undefined && list.nextUpdate >= ca.notAfter);
    assert.equal((await bench.plan(pkiConfigKind, main, []))[0]?.action, 'retain');
  });

  describe('a CA that was changed by hand', () => {
    test('in the engine: its settings are found and mended', async (t) => {
      const bao = server();
      const pki = await pkiBench(t, bao);
      await pki.applyAll([]);
      const id = await issuerId(pki, 'local-intermediate');
      const changes = { issuer_name: 'mine', leaf_not_after_behavior: 'permit', usage: ['read-only'] };
      await bao.ask('PATCH', `${pki.mount}/issuer/${id}`, changes, merge);
      const [change] = (await pki.bench.plan(caKind, pki.session, [root, intermediate])).filter(
        ({ action }) => action !== 'none',
      );
      assert.equal(change?.action, 'update');
      assert.deepEqual(
        change?.fields.map(({ field, before, after }) => `${field}: ${before} → ${after}`),
        [
          'issuer name: mine → local-intermediate',
          'leaf not after behavior: permit → truncate',
          'usage: read-only → crl-signing, issuing-certificates, ocsp-signing, read-only',
        ],
      );
      assert.deepEqual(await pki.applyAll([]), ['update authority/local/ca/intermediate']);
      assert.deepEqual(await pki.applyAll([]), []);
    });

    test('removed from the engine, its certificate is put back; without its key nothing is made anew', async (t) => {
      const bao = server();
      const pki = await pkiBench(t, bao);
      await pki.applyAll([]);
      const id = await issuerId(pki, 'local-intermediate');
      await bao.ask('DELETE', `${pki.mount}/issuer/${id}`);
      assert.deepEqual(await pki.applyAll([certificate('pg')]), [
        `create store/main/pki-role/${pki.mount}/local-server`,
        'update authority/local/ca/intermediate',
        'create authority/local/certificate/pg',
      ]);
      await bao.ask('DELETE', `${pki.mount}/issuer/${await issuerId(pki, 'local-intermediate')}`);
      await bao.ask('DELETE', `${pki.mount}/key/local-intermediate`);
      const [change] = await pki.bench.plan(caKind, pki.session, [intermediate, root]);
      assert.equal(change?.action, 'operation');
      assert.equal(change?.reason, 'its key is not in the PKI engine any more');
    });

    test('in its entry, or without it: what the engine has is written again', async (t) => {
      const { main, applyAll } = await pkiBench(t, server());
      await applyAll([]);
      const entry = `${path}/intermediate`;
      const before = await valuesOf(main, entry);
      const { ca } = await stranger();
      await putByHand(main, entry, { 'tls.crt': ca.certificatePem });
      assert.deepEqual(await applyAll([]), ['update authority/local/ca/intermediate']);
      assert.deepEqual(await valuesOf(main, entry), before);
      await main.delete(entry);
      assert.deepEqual(await applyAll([]), ['update authority/local/ca/intermediate']);
      await main.destroy(entry);
      assert.deepEqual(await applyAll([]), ['update authority/local/ca/intermediate']);
      assert.deepEqual(await valuesOf(main, entry), before);
      assert.deepEqual(await applyAll([]), []);
    });
  });

  test('a run that was killed while it made a CA is continued, and nothing is made twice', async (t) => {
    const bao = server();
    const pki = await pkiBench(t, bao);
    const { bench, main, mount, session, applyAll } = pki;
    await applyAll([]);
    const before = [await valuesOf(main, `${path}/root`), await valuesOf(main, `${path}/intermediate`)];
    // As if killed after the engine had made it: no entry, no name for what was imported, only the intent.
    for (const { id, spec } of [root, intermediate]) {
      await main.destroy(`${path}/${spec.role}`);
      bench.records.set(id, { ...(bench.records.get(id) as InventoryRecord), state: 'intended' });
    }
    const id = await issuerId(pki, 'local-intermediate');
    await bao.ask('PATCH', `${mount}/issuer/${id}`, { issuer_name: '' }, merge);
    await bench.mustApply(caKind, session, [root]);
    await applyAll([]);
    assert.deepEqual([await valuesOf(main, `${path}/root`), await valuesOf(main, `${path}/intermediate`)], before);
    const { body } = await bao.ask('LIST', `${mount}/issuers`);
    assert.equal(body?.['data'].keys.length, 2);
  });

  test('two that make the same CA at once end up with one', async (t) => {
    const { bench, main, mount, session, mounted } = await pkiBench(t, server());
    await bench.mustApply(mountKind, main, [mounted]);
    const threeAtOnce = async (): Promise<void> => {
      const results = await Promise.all(Array.from({ length: 3 }, () => bench.apply(caKind, session, [root])));
      const versions = results.map((result) => {
        const applied = result.get(root.id)?.applied;
        return applied?.outcome === 'done' ? applied.record?.version : applied?.error.message;
      });
      assert.equal(new Set(versions).size, 1, versions.join());
    };
    await threeAtOnce();
    // Also where one that began earlier has come as far as the engine.
    await main.destroy(`${path}/root`);
    await threeAtOnce();
    assert.equal((await server().ask('LIST', `${mount}/issuers`)).body?.['data'].keys.length, 1);
  });

  test('an issuer that somebody else made is only taken over by leave', async (t) => {
    const bao = server();
    const { bench, main, mount, session, mounted } = await pkiBench(t, bao);
    await bench.mustApply(mountKind, main, [mounted]);
    await bao.ask('POST', `${mount}/issuers/generate/root/internal`, {
      common_name: 'theirs',
      issuer_name: 'local-root',
    });
    const [refused] = await bench.plan(caKind, session, [root]);
    assert.equal(refused?.refusal?.code, 'adopt-existing');
    const allowed = { ...root, allow: [{ rule: 'adopt-existing', reason: 'a test' }] };
    assert.equal((await bench.mustApply(caKind, session, [allowed]))[0]?.action, 'adopt');
    assert.match(String(bench.records.get(root.id)?.outputs?.subject), /theirs/);
    assert.deepEqual(await bench.mustApply(caKind, session, [allowed]), []);
  });

  test('a certificate that leaves, or is revoked by command, stands in our lists and in the engine’s own', async (t) => {
    const bao = server();
    const { bench, main, mount, session, applyAll } = await pkiBench(t, bao);
    await applyAll([certificate('pg'), certificate('gone')]);
    const serials = ['pg', 'gone'].map((name) => String(bench.records.get(certificate(name).id)?.outputs?.serial));
    await applyAll([certificate('pg')]);
    const guard = (): void => {};
    await revokeSerial({ backend: main, authorityPath: path, serial: serials[0] ?? '', now: new Date(), guard });
    assert.deepEqual(await applyAll([certificate('pg')]), [
      'update authority/local/certificate/pg',
      'update authority/local/crl/crl',
    ]);
    const ours = readCrls(await valueOf(main, `${path}/crl`, 'crl.pem')).flatMap(({ revoked }) => revoked);
    assert.deepEqual(ours.map(({ serial }) => serial).toSorted(), serials.toSorted());
    const { body } = await bao.ask('GET', `${mount}/issuer/local-intermediate/crl`);
    const theirs = readCrls(body?.['data'].crl as string).flatMap(({ revoked }) => revoked);
    assert.deepEqual(theirs.map(({ serial }) => serial).toSorted(), serials.toSorted());
    assert.deepEqual(await bench.mustApply(crlKind, session, [crl([certificate('pg').id])]), []);
  });

  test('a leaf is cut to the end of its CA, an intermediate to that of its root', async (t) => {
    const { bench, main, session, mounted, role, applyAll } = await pkiBench(t, server());
    await bench.mustApply(mountKind, main, [mounted]);
    const short = { ...root, spec: { ...root.spec, ttlMilliseconds: 2 * day } };
    await bench.mustApply(caKind, session, [short]);
    await bench.mustApply(caKind, session, [short, intermediate]);
    const end = Date.parse(String(bench.records.get(root.id)?.outputs?.notAfter));
    assert.ok(Date.parse(String(bench.records.get(intermediate.id)?.outputs?.notAfter)) <= end + 1000);
    await applyAll([]);
    await bench.mustApply(pkiRoleKind, main, [role('server', ['pg.localhost'])]);
    await bench.mustApply(certificateKind, session, [certificate('pg')]);
    assert.ok(Date.parse(String(bench.records.get(certificate('pg').id)?.outputs?.notAfter)) <= end + 1000);
  });

  test('leaving the fleet keeps the keys and lifts the mark; reclaimPolicy delete destroys both', async (t) => {
    const bao = server();
    const { bench, main, mount, session, applyAll } = await pkiBench(t, bao);
    await applyAll([]);
    const [kept] = await bench.mustApply(caKind, session, [intermediate]);
    assert.equal(kept?.action, 'retain');
    assert.deepEqual((await main.list(`${path}/root`))[0]?.metadata, {});
    assert.equal((await bao.ask('LIST', `${mount}/keys`)).body?.['data'].keys.length, 2);
    await bench.mustApply(caKind, session, [{ ...intermediate, reclaimPolicy: 'delete' }]);
    const record = bench.records.get(intermediate.id) as InventoryRecord;
    bench.records.set(intermediate.id, { ...record, reclaimPolicy: 'delete' });
    const [gone] = await bench.mustApply(caKind, session, []);
    assert.equal(gone?.action, 'remove');
    assert.equal((await main.list(`${path}/intermediate`)).length, 0);
    const { body } = await bao.ask('LIST', `${mount}/keys`);
    assert.deepEqual(
      Object.values(body?.['data'].key_info as Record<string, { key_name: string }>).map((key) => key.key_name),
      ['local-root'],
    );
  });
});

const merge = { headers: { 'Content-Type': 'application/merge-patch+json' } };
