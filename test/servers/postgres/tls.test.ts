import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { clientCertificateKind } from '../../../src/targets/postgres/client-certificate.ts';
import type { ClientCertificateSpec, TlsSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { servedFingerprint } from '../../../src/targets/postgres/served.ts';
import { tlsKind } from '../../../src/targets/postgres/tls.ts';
import { listServers, stopAllServers } from '../../../src/targets/process/servers.ts';
import { resource } from '../../support/kinds.ts';
import { processKind, processResource } from '../../support/local-site.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, put } from '../../support/postgres-bench.ts';
import { putLeaf, putServerTls, runningSite, testPki } from '../../support/running-site.ts';

const options = { skip: postgresMissing };
const id = pgId('tls', 'server');
const tls = (spec: TlsSpec): Resource<TlsSpec> => resource(id, spec);
const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);

test('a server speaks TLS with what the store holds, and is left alone the second time', options, async (t) => {
  const { bench, store, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const { spec, fingerprint } = await putServerTls(store, await testPki(), 'orders-a');
  assert.deepEqual(actions(await bench.mustApply(tlsKind, session, [tls(spec)])), ['create']);
  assert.equal(await servedFingerprint(session), fingerprint);
  assert.deepEqual(actions(await bench.plan(tlsKind, session, [tls(spec)])), ['none']);
  const folder = join(session.server.certificatesFolder, 'server');
  const uid = session.server.account?.uid ?? process.getuid?.();
  for (const name of ['tls.key', 'tls.crt', 'ca.crt', 'crl.pem']) {
    const stat = statSync(join(folder, name));
    assert.equal(stat.mode & 0o777, 0o600, name);
    assert.equal(stat.uid, uid, name);
  }
  const [ssl] = await session.query('postgres', `SELECT current_setting('ssl_min_protocol_version') AS minimum`);
  assert.equal(ssl?.['minimum'], 'TLSv1.3');
});

test('a renewed certificate is served without a restart, and one generation is kept', options, async (t) => {
  const { bench, site, store, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const pki = await testPki();
  await bench.mustApply(tlsKind, session, [tls((await putServerTls(store, pki, 'orders-a')).spec)]);
  const [before] = await listServers(site);
  let last = '';
  for (let round = 0; round < 3; round++) {
    const { spec, fingerprint } = await putServerTls(store, pki, 'orders-a');
    const [change] = await bench.plan(tlsKind, session, [tls(spec)]);
    assert.match(change?.fields[0]?.after ?? '', /^version /);
    await bench.mustApply(tlsKind, session, [tls(spec)]);
    assert.equal(await servedFingerprint(session), fingerprint);
    last = fingerprint;
  }
  const folder = join(session.server.certificatesFolder, 'server');
  const generations = readdirSync(folder).filter((name) => /^\.\.\d/.test(name));
  assert.equal(generations.length, 2);
  assert.ok(generations.includes(readlinkSync(join(folder, '..data'))));
  assert.equal((await listServers(site))[0]?.pid, before?.pid);
  await stopAllServers(site);
  await bench.mustApply(processKind, site, [processResource('orders-a')]);
  assert.equal(await servedFingerprint(session), last, 'it starts again with the same files');
});

test('files and settings changed by hand are changed back', options, async (t) => {
  const { bench, store, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const pki = await testPki();
  const { spec, fingerprint } = await putServerTls(store, pki, 'orders-a');
  await bench.mustApply(tlsKind, session, [tls(spec)]);
  const folder = join(session.server.certificatesFolder, 'server');
  const other = await putLeaf(store, 'other', await testPki('Other'), { usage: 'server', hosts: ['elsewhere'] });
  const entry = await store.read('other');
  assert.ok(entry.state === 'present' && other.version !== '');
  const byHand: readonly [string, () => Promise<unknown>][] = [
    [
      'files',
      async () => {
        writeFileSync(join(folder, 'tls.crt'), entry.seen.data.get('tls.crt')?.expose() ?? '');
        writeFileSync(join(folder, 'tls.key'), entry.seen.data.get('tls.key')?.expose() ?? '');
        await session.reload();
        while ((await servedFingerprint(session)) === fingerprint) {
          // The reload takes a moment to be served.
        }
      },
    ],
    ['TLS settings', async () => session.execute('postgres', 'ALTER SYSTEM SET ssl = off', 'SELECT pg_reload_conf()')],
    [
      'TLS settings',
      async () => {
        const file = join(session.server.dataDirectory, 'keywright-tls.conf');
        writeFileSync(file, readFileSync(file, 'utf8').replace('TLSv1.3', 'TLSv1.2'));
        await session.reload();
      },
    ],
  ];
  for (const [field, change] of byHand) {
    await change();
    session.forget();
    const [planned] = await bench.plan(tlsKind, session, [tls(spec)]);
    assert.ok(
      planned?.fields.some((each) => each.field === field),
      JSON.stringify(planned),
    );
    await bench.mustApply(tlsKind, session, [tls(spec)]);
    assert.equal(await servedFingerprint(session), fingerprint);
    assert.deepEqual(actions(await bench.plan(tlsKind, session, [tls(spec)])), ['none'], field);
  }
});

test('what PostgreSQL or its clients would refuse is not written', options, async (t) => {
  const { bench, store, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const pki = await testPki();
  const { spec, fingerprint } = await putServerTls(store, pki, 'orders-a');
  await bench.mustApply(tlsKind, session, [tls(spec)]);
  const entry = await store.read(spec.certificate.path);
  const stranger = await testPki('Stranger');
  assert.ok(entry.state === 'present');
  const value = (key: string): string => entry.seen.data.get(key)?.expose() ?? '';
  const cases: readonly [string, Record<string, string>, RegExp][] = [
    ['key of another', { 'tls.key': stranger.root.privateKey.expose() }, /private key does not belong/],
    [
      'leaf without its intermediate',
      { 'tls.crt': value('tls.crt').split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? '' },
      /was issued by .*intermediate/,
    ],
    ['no certificate', { 'tls.crt': 'nonsense' }, /chain is empty/],
  ];
  for (const [name, replaced, message] of cases) {
    const version = await put(store, spec.certificate.path, {
      'tls.crt': value('tls.crt'),
      'tls.key': value('tls.key'),
      'ca.crt': value('ca.crt'),
      ...replaced,
    });
    const wanted = tls({ ...spec, certificate: { ...spec.certificate, version } });
    await assert.rejects(bench.mustApply(tlsKind, session, [wanted]), (error) => {
      assert.ok(error instanceof Failure, name);
      assert.equal(error.code, 'certificate-unfit', name);
      assert.match(error.message, message, name);
      return true;
    });
    assert.equal(await servedFingerprint(session), fingerprint, name);
  }
  const bundle = await put(store, 'authority/bundle', {
    'ca.crt': pki.root.certificatePem + stranger.root.certificatePem,
  });
  const wanted = tls({ ...spec, bundle: { ...spec.bundle, version: bundle } });
  await put(store, spec.certificate.path, {
    'tls.crt': value('tls.crt'),
    'tls.key': value('tls.key'),
    'ca.crt': value('ca.crt'),
  });
  await assert.rejects(bench.mustApply(tlsKind, session, [wanted]), /revocation list/, 'a CA without its CRL');
});

test('a reload that PostgreSQL refuses puts the files before back and shows the log', options, async (t) => {
  const { bench, store, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const pki = await testPki();
  const { spec, fingerprint } = await putServerTls(store, pki, 'orders-a');
  await bench.mustApply(tlsKind, session, [tls(spec)]);
  await session.execute('postgres', `ALTER SYSTEM SET ssl_groups = 'no-such-group'`);
  const renewed = await putServerTls(store, pki, 'orders-a');
  await assert.rejects(bench.mustApply(tlsKind, session, [tls(renewed.spec)]), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, 'certificate-not-served');
    assert.match(error.message, /could not set group names|SSL configuration was not reloaded/);
    return true;
  });
  await session.execute('postgres', 'ALTER SYSTEM RESET ssl_groups');
  await session.reload();
  assert.equal(await servedFingerprint(session), fingerprint);
  assert.deepEqual(actions(await bench.mustApply(tlsKind, session, [tls(renewed.spec)])), ['update']);
  assert.equal(await servedFingerprint(session), renewed.fingerprint);
});

test("a client's certificate is laid out for the server, renewed, mended and removed", options, async (t) => {
  const { bench, store, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const pki = await testPki();
  const wanted = async (): Promise<Resource<ClientCertificateSpec>> => {
    const path = 'certificates/replicator';
    const { version } = await putLeaf(store, path, pki, { usage: 'client', commonName: 'replicator' });
    return resource(pgId('client-certificate', 'replication'), { certificate: { store: 'box', path, version } });
  };
  const first = await wanted();
  assert.deepEqual(actions(await bench.mustApply(clientCertificateKind, session, [first])), ['create']);
  const directory = String(bench.records.get(first.id)?.outputs?.['directory']);
  const file = join(directory, 'tls.key');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(file).uid, session.server.account?.uid ?? process.getuid?.());
  assert.deepEqual(actions(await bench.plan(clientCertificateKind, session, [first])), ['none']);
  const before = readFileSync(file, 'utf8');
  const second = await wanted();
  assert.deepEqual(actions(await bench.mustApply(clientCertificateKind, session, [second])), ['update']);
  assert.notEqual(readFileSync(file, 'utf8'), before);
  writeFileSync(file, before);
  const [change] = await bench.plan(clientCertificateKind, session, [second]);
  assert.equal(change?.fields[0]?.note, 'changed by hand');
  await bench.mustApply(clientCertificateKind, session, [second]);
  assert.notEqual(readFileSync(file, 'utf8'), before);
  assert.deepEqual(actions(await bench.mustApply(clientCertificateKind, session, [])), ['remove']);
  assert.throws(() => statSync(directory), { code: 'ENOENT' });
});
