import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { validatePath } from '../../../src/authority/validate.ts';
import { Secret } from '../../../src/model/secret.ts';
import { certificateKind } from '../../../src/targets/authority/certificate.ts';
import type { CertificateSpec } from '../../../src/targets/authority/authority.spec.ts';
import { crlKind } from '../../../src/targets/authority/crl.ts';
import { readRegistry } from '../../../src/targets/authority/registry.ts';
import { revokeSerial } from '../../../src/targets/authority/revocation.ts';
import { authorityBench, certificate, crl, stranger } from '../../support/authority-bench.ts';
import type { AuthorityBench } from '../../support/authority-bench.ts';
import { openssl, opensslMissing } from '../../support/openssl.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';

const day = 86_400_000;
const orders = certificate('orders');

async function serialOf({ box }: AuthorityBench, path = 'certificates/orders'): Promise<string> {
  return readCertificate((await valuesOf(box, path))['tls.crt'] ?? '').serial;
}

async function registryOf({ box, path }: AuthorityBench): Promise<Record<string, string | undefined>> {
  const answer = await box.read(`${path}/issued`);
  const issued = readRegistry(answer.state === 'present' ? answer.seen : undefined);
  return Object.fromEntries(
    issued.map(({ serial, id, revokedAt }) => [serial, revokedAt === undefined ? id : 'revoked']),
  );
}

test('a certificate is issued once, accepted by every verifier, and a second apply changes nothing', async (t) => {
  const all = await authorityBench(t);
  const client = certificate('billing', { usage: 'client', hosts: [], commonName: 'billing' });
  await all.applyAll([orders, client]);
  const values = await valuesOf(all.box, 'certificates/orders');
  assert.deepEqual(Object.keys(values).sort(), ['ca.crt', 'tls.crt', 'tls.key']);
  assert.deepEqual(
    validatePath(
      {
        presented: values['tls.crt'] ?? '',
        trusted: values['ca.crt'] ?? '',
        purpose: 'server',
        hosts: ['orders.localhost'],
        privateKey: new Secret(values['tls.key'] ?? ''),
        crls: (await valuesOf(all.box, `${all.path}/crl`))['crl.pem'],
      },
      new Date(),
    ),
    [],
  );
  const outputs = all.bench.records.get(orders.id)?.outputs;
  assert.deepEqual(Object.keys(outputs ?? {}).sort(), ['fingerprint', 'issuer', 'notAfter', 'serial', 'version']);
  assert.equal(outputs?.serial, await serialOf(all));
  assert.deepEqual(await all.applyAll([orders, client]), []);
  assert.deepEqual(await valuesOf(all.box, 'certificates/orders'), values);
});

test('openssl accepts the chain strictly, with the revocation lists', { skip: opensslMissing }, async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([orders]);
  const values = await valuesOf(all.box, 'certificates/orders');
  const answer = await openssl(
    [
      'verify',
      '-x509_strict',
      '-crl_check_all',
      '-CRLfile',
      'crl',
      '-CAfile',
      'ca',
      '-untrusted',
      'crt',
      '-verify_hostname',
      'orders.localhost',
      'crt',
    ],
    {
      ca: values['ca.crt'] ?? '',
      crt: values['tls.crt'] ?? '',
      crl: (await valuesOf(all.box, `${all.path}/crl`))['crl.pem'] ?? '',
    },
  );
  assert.ok(answer.ok, answer.output);
});

test('it is renewed when due, at an instant of its own, and the old one is not revoked', async (t) => {
  const all = await authorityBench(t);
  const others = Array.from({ length: 8 }, (_, index) => certificate(`c${index}`));
  await all.applyAll([orders, ...others]);
  const before = await serialOf(all);
  const start = Date.now();
  const renewedOn: number[] = [];
  for (const each of [18, 18.5, 19, 19.25, 19.5, 19.75, 20, 20.5]) {
    all.bench.now = () => new Date(start + each * day);
    renewedOn.push(
      (await all.bench.plan(certificateKind, all.session, [orders, ...others])).filter(
        ({ action }) => action === 'update',
      ).length,
    );
  }
  assert.equal(renewedOn[0], 0);
  assert.equal(renewedOn.at(-1), 9);
  assert.ok(new Set(renewedOn).size > 3, `all at once: ${renewedOn.join(' ')}`);
  const [change] = await all.bench.mustApply(certificateKind, all.session, [orders, ...others]);
  assert.match(change?.reason ?? '', /is due for renewal/);
  const after = await serialOf(all);
  assert.notEqual(after, before);
  assert.deepEqual(await all.bench.mustApply(certificateKind, all.session, [orders, ...others]), []);
  assert.deepEqual(await all.bench.mustApply(crlKind, all.session, [crl([orders, ...others].map(({ id }) => id))]), []);
  assert.equal((await registryOf(all))[before], orders.id);
});

test('other hosts, common name, purpose, key or a shorter ttl issue it anew, and say why', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([orders]);
  for (const [change, reason] of [
    [{ hosts: ['orders.localhost', '127.0.0.1'] }, /other hosts/],
    [{ commonName: 'another' }, /names orders.localhost, not another/],
    [{ usage: 'both' }, /another purpose/],
    [{ key: 'ecdsaP384' }, /key is not ecdsaP384/],
    [{ ttlMilliseconds: 5 * day, renewBeforeMilliseconds: day }, /longer than declared/],
  ] as [Partial<CertificateSpec>, RegExp][]) {
    const changed = { ...orders, spec: { ...orders.spec, ...change } };
    const [planned] = await all.bench.plan(certificateKind, all.session, [changed]);
    assert.equal(planned?.action, 'update');
    assert.match(planned?.reason ?? '', reason);
    await all.bench.mustApply(certificateKind, all.session, [changed]);
    assert.deepEqual(await all.bench.mustApply(certificateKind, all.session, [changed]), []);
    await all.bench.mustApply(certificateKind, all.session, [orders]);
  }
  const longer = { ...orders, spec: { ...orders.spec, ttlMilliseconds: 60 * day } };
  assert.deepEqual(await all.bench.mustApply(certificateKind, all.session, [longer]), []);
});

test('an entry that was changed by hand, in whatever way, is issued anew', async (t) => {
  const all = await authorityBench(t);
  const { leaf } = await stranger(['orders.localhost']);
  const theirs = { certificate: leaf.certificatePem, key: leaf.privateKey.expose() };
  for (const change of [
    { 'tls.key': theirs.key },
    { 'tls.crt': theirs.certificate, 'tls.key': theirs.key },
    { 'tls.crt': 'garbage' },
    { 'tls.crt': undefined },
    { 'tls.key': undefined },
    { extra: 'x' },
  ]) {
    await all.applyAll([orders]);
    const before = await serialOf(all);
    await putByHand(all.box, 'certificates/orders', change);
    const [applied] = await all.bench.mustApply(certificateKind, all.session, [orders]);
    assert.match(applied?.reason ?? '', /changed by hand/);
    assert.notEqual(await serialOf(all), before);
    assert.deepEqual(Object.keys(await valuesOf(all.box, 'certificates/orders')).sort(), [
      'ca.crt',
      'tls.crt',
      'tls.key',
    ]);
  }
  await all.box.delete('certificates/orders');
  const [deleted] = await all.bench.mustApply(certificateKind, all.session, [orders]);
  assert.match(deleted?.reason ?? '', /deleted by hand/);
  assert.deepEqual(await all.applyAll([orders]), []);
});

test('another bundle is put beside the same leaf and key', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([orders]);
  const before = await valuesOf(all.box, 'certificates/orders');
  const both = (await valuesOf(all.box, `${all.path}/bundle`))['ca.crt'] + (await stranger()).ca.certificatePem;
  await all.box.write({ path: `${all.path}/bundle`, data: new Map([['ca.crt', new Secret(both)]]) });
  const [change] = await all.bench.mustApply(certificateKind, all.session, [orders]);
  assert.match(change?.reason ?? '', /bundle or chain/);
  assert.deepEqual(await valuesOf(all.box, 'certificates/orders'), { ...before, 'ca.crt': both });
});

test('a certificate that leaves the fleet is removed and revoked; the others are not', async (t) => {
  const all = await authorityBench(t);
  const billing = certificate('billing', { usage: 'client', hosts: [], commonName: 'billing' });
  await all.applyAll([orders, billing]);
  const serial = await serialOf(all, 'certificates/billing');
  const changes = await all.applyAll([orders]);
  assert.deepEqual(changes, ['remove authority/local/certificate/billing', 'update authority/local/crl/crl']);
  assert.deepEqual(
    (await all.box.list('certificates')).map(({ path }) => path),
    ['certificates/orders'],
  );
  const values = await valuesOf(all.box, `${all.path}/crl`);
  assert.deepEqual(
    (JSON.parse(values.revoked ?? '') as { serial: string }[]).map((each) => each.serial),
    [serial],
  );
  assert.equal((await registryOf(all))[serial], 'revoked');
  assert.deepEqual(await all.applyAll([orders]), []);

  // It comes back with another serial; the old one stays revoked.
  await all.applyAll([orders, billing]);
  assert.notEqual(await serialOf(all, 'certificates/billing'), serial);
  assert.equal((await registryOf(all))[serial], 'revoked');
  assert.deepEqual(await all.applyAll([orders, billing]), []);
});

test('PostgreSQL’s library and ours see a revoked certificate as revoked', { skip: opensslMissing }, async (t) => {
  const all = await authorityBench(t);
  const billing = certificate('billing', { usage: 'client', hosts: [], commonName: 'billing' });
  await all.applyAll([orders, billing]);
  const values = await valuesOf(all.box, 'certificates/billing');
  await all.applyAll([orders]);
  const crls = (await valuesOf(all.box, `${all.path}/crl`))['crl.pem'] ?? '';
  const answer = await openssl(
    ['verify', '-crl_check_all', '-CRLfile', 'crl', '-CAfile', 'ca', '-untrusted', 'crt', 'crt'],
    { ca: values['ca.crt'] ?? '', crt: values['tls.crt'] ?? '', crl: crls },
  );
  assert.match(answer.output, /certificate revoked/);
  const findings = validatePath(
    { presented: values['tls.crt'] ?? '', trusted: values['ca.crt'] ?? '', purpose: 'client', crls },
    new Date(),
  );
  assert.deepEqual(
    findings.map(({ reason }) => reason),
    ['revoked'],
  );
});

test('a serial that is revoked by command is published, and its owner gets a new certificate', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([orders]);
  const serial = await serialOf(all);
  const ask = (asked: string): Promise<string | undefined> =>
    revokeSerial({ backend: all.box, authorityPath: all.path, serial: asked, now: new Date(), guard: () => {} });
  assert.equal(await ask('00ff'), undefined);
  assert.equal(await ask(serial), orders.id);
  assert.equal(await ask(serial), orders.id);
  assert.deepEqual(await all.applyAll([orders]), [
    'update authority/local/certificate/orders',
    'update authority/local/crl/crl',
  ]);
  assert.notEqual(await serialOf(all), serial);
  assert.deepEqual(await all.applyAll([orders]), []);
});

test('what has expired leaves the registry', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([orders]);
  const first = await serialOf(all);
  const start = Date.now();
  all.bench.now = () => new Date(start + 25 * day);
  await all.bench.mustApply(certificateKind, all.session, [orders]);
  assert.ok(first in (await registryOf(all)));
  all.bench.now = () => new Date(start + 50 * day);
  await all.bench.mustApply(certificateKind, all.session, [orders]);
  assert.ok(!(first in (await registryOf(all))));
});

test('revocation lists: empty at first, one per CA, as long as the CA; damaged ones are made anew', async (t) => {
  const all = await authorityBench(t);
  const billing = certificate('billing', { usage: 'client', hosts: [], commonName: 'billing' });
  await all.applyAll([orders, billing]);
  const lists = crl([orders.id]);
  await all.bench.mustApply(crlKind, all.session, [lists]);
  const before = await valuesOf(all.box, `${all.path}/crl`);
  assert.equal(before['crl.pem']?.match(/BEGIN X509 CRL/g)?.length, 2);
  for (const damage of [
    { 'crl.pem': 'garbage' },
    { 'crl.pem': undefined },
    { revoked: '[]' },
    { revoked: undefined },
  ]) {
    await putByHand(all.box, `${all.path}/crl`, damage);
    const [change] = await all.bench.mustApply(crlKind, all.session, [lists]);
    assert.match(change?.reason ?? '', /changed by hand/);
    assert.equal((await valuesOf(all.box, `${all.path}/crl`)).revoked, before.revoked);
    assert.deepEqual(await all.bench.mustApply(crlKind, all.session, [lists]), []);
  }
  await all.box.delete(`${all.path}/crl`);
  await all.bench.mustApply(crlKind, all.session, [lists]);
  assert.equal((await valuesOf(all.box, `${all.path}/crl`)).revoked, before.revoked);
});

test('a lost registry entry is made again from the certificates that are there', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([orders]);
  await all.box.destroy(`${all.path}/issued`);
  const [change] = await all.bench.mustApply(certificateKind, all.session, [orders]);
  assert.match(change?.reason ?? '', /registered/);
  assert.deepEqual(await registryOf(all), { [await serialOf(all)]: orders.id });
});

test('foreign and unmarked entries are refused; an unmarked one is replaced when that is allowed', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([]);
  const allow = [{ rule: 'adopt-existing', reason: 'a test' }];
  await all.box.write({
    path: 'certificates/orders',
    data: new Map([['tls.crt', new Secret('theirs')]]),
    metadata: { keywright: 'fleet=other id=x' },
  });
  const [foreign] = await all.bench.plan(certificateKind, all.session, [{ ...orders, allow }]);
  assert.equal(foreign?.refusal?.code, 'foreign-mark');
  await all.box.writeMetadata('certificates/orders', {});
  const [unmarked] = await all.bench.plan(certificateKind, all.session, [orders]);
  assert.equal(unmarked?.refusal?.code, 'adopt-existing');
  const [change] = await all.bench.mustApply(certificateKind, all.session, [{ ...orders, allow }]);
  assert.equal(change?.action, 'adopt');
  assert.deepEqual(await all.applyAll([orders]), []);
});

test('many at once are registered in one write, and two runs at once lose none', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([]);
  const halves = [0, 1].map((half) => Array.from({ length: 20 }, (_, index) => certificate(`c${half}-${index}`)));
  await Promise.all(halves.map((half) => all.bench.apply(certificateKind, all.session, half)));
  assert.equal(Object.keys(await registryOf(all)).length, 40);
  assert.equal((await all.box.list('certificates')).length, 40);
});

test('two that renew the same certificate at once end up with one, whole', async (t) => {
  const all = await authorityBench(t);
  await all.applyAll([orders]);
  await putByHand(all.box, 'certificates/orders', { 'tls.key': 'x' });
  const results = await Promise.all([1, 2, 3].map(() => all.bench.apply(certificateKind, all.session, [orders])));
  const serials = results.map((result) => {
    const applied = result.get(orders.id)?.applied;
    return applied?.outcome === 'done' ? applied.record?.outputs?.serial : applied?.error.message;
  });
  assert.deepEqual([...new Set(serials)], [await serialOf(all)]);
});

test('an entry that was made by a run killed before its record is found by its mark and removed', async (t) => {
  const all = await authorityBench(t);
  const billing = certificate('billing');
  await all.applyAll([orders, billing]);
  const record = all.bench.records.get(billing.id);
  assert.ok(record !== undefined);
  all.bench.records.set(billing.id, { ...record, state: 'intended', removal: undefined });
  assert.deepEqual(
    (await all.bench.plan(certificateKind, all.session, [orders])).map(({ action, id }) => `${action} ${id}`),
    ['none authority/local/certificate/orders', 'remove authority/local/certificate/billing'],
  );
  await all.bench.mustApply(certificateKind, all.session, [orders]);
  assert.deepEqual(
    (await all.box.list('certificates')).map(({ path }) => path),
    ['certificates/orders'],
  );
});

test('a certificate that is not among the active ones is revoked at once and stays so, without being issued anew', async (t) => {
  const all = await authorityBench(t);
  const probe = certificate('probe', { usage: 'client', hosts: [], commonName: 'probe' });
  await all.applyAll([orders, probe]);
  const serial = await serialOf(all, 'certificates/probe');
  const lists = crl([orders.id]);
  await all.bench.mustApply(crlKind, all.session, [lists]);
  assert.equal((await registryOf(all))[serial], 'revoked');
  assert.deepEqual(await all.bench.mustApply(certificateKind, all.session, [orders, probe]), []);
  assert.deepEqual(await all.bench.mustApply(crlKind, all.session, [lists]), []);

  // Active again: the old one stays revoked, and its owner gets a new one.
  await all.bench.mustApply(crlKind, all.session, [crl([orders.id, probe.id])]);
  const [change] = await all.bench.mustApply(certificateKind, all.session, [orders, probe]);
  assert.equal(change?.reason, 'was revoked');
  assert.deepEqual(await all.applyAll([orders, probe]), []);
});

test('an entry of a tree is kept when it leaves; back again, it holds no revoked certificate', async (t) => {
  const all = await authorityBench(t);
  const kept = certificate('tree', {}, { reclaimPolicy: undefined });
  await all.applyAll([orders, kept]);
  const serial = await serialOf(all, 'certificates/tree');
  assert.deepEqual(await all.applyAll([orders]), [
    'retain authority/local/certificate/tree',
    'update authority/local/crl/crl',
  ]);
  assert.equal(await serialOf(all, 'certificates/tree'), serial);
  await all.applyAll([orders, kept]);
  assert.notEqual(await serialOf(all, 'certificates/tree'), serial);
  assert.deepEqual(await all.applyAll([orders, kept]), []);
});
