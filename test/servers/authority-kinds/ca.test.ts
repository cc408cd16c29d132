import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { validateTrust } from '../../../src/authority/validate.ts';
import { Failure } from '../../../src/model/failure.ts';
import { targetId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { CaSpec } from '../../../src/targets/authority/authority.spec.ts';
import { bundleKind } from '../../../src/targets/authority/bundle.ts';
import { caKind } from '../../../src/targets/authority/ca.ts';
import { authorityTarget } from '../../../src/targets/authority/target.ts';
import { authorityBench, bundle, intermediate, root, stranger } from '../../support/authority-bench.ts';
import { openssl, opensslMissing } from '../../support/openssl.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';

const allow = [{ rule: 'adopt-existing', reason: 'a test' }];

test('root and intermediate are made once and a second apply changes nothing', async (t) => {
  const { bench, box, path, applyAll } = await authorityBench(t);
  assert.deepEqual(await applyAll([]), [
    'create authority/local/ca/root',
    'create authority/local/ca/intermediate',
    'create authority/local/bundle/trust',
    'create authority/local/crl/crl',
  ]);
  const before = await valuesOf(box, `${path}/root`);
  assert.deepEqual(await applyAll([]), []);
  assert.deepEqual(await valuesOf(box, `${path}/root`), before);
  const outputs = bench.records.get(root.id)?.outputs;
  assert.equal(outputs?.fingerprint, readCertificate(before['tls.crt'] ?? '').fingerprint);
  assert.match(String(outputs?.subject), /CN=local root/);
  assert.ok(!JSON.stringify([...bench.records.values()]).includes('PRIVATE'));
});

test('openssl accepts intermediate and bundle strictly', { skip: opensslMissing }, async (t) => {
  const { box, path, applyAll } = await authorityBench(t);
  await applyAll([]);
  const trusted = (await valuesOf(box, `${path}/bundle`))['ca.crt'] ?? '';
  const made = (await valuesOf(box, `${path}/intermediate`))['tls.crt'] ?? '';
  const answer = await openssl(['verify', '-x509_strict', '-CAfile', 'ca.crt', 'i.crt'], {
    'ca.crt': trusted,
    'i.crt': made,
  });
  assert.ok(answer.ok, answer.output);
  assert.deepEqual(validateTrust({ trusted }, new Date()), []);
});

test('another key, ttl or subject, and the coming end, need an operation and change nothing', async (t) => {
  const { bench, box, path, session, applyAll } = await authorityBench(t);
  await applyAll([]);
  const before = await valuesOf(box, `${path}/root`);
  for (const change of [
    { key: 'rsa2048' },
    { ttlMilliseconds: 86_400_000 },
    { subject: { commonName: 'another' } },
  ] as Partial<CaSpec>[]) {
    const changed: Resource<CaSpec> = { ...root, spec: { ...root.spec, ...change } };
    const [planned] = await bench.plan(caKind, session, [changed]);
    assert.equal(planned?.action, 'operation');
    assert.equal(planned?.needs, 'keywright rotate authority/local');
  }
  bench.now = () => new Date(Date.now() + 245 * 86_400_000);
  const [ofRoot, ofIntermediate] = await bench.plan(caKind, session, [root, intermediate]);
  assert.equal(ofRoot?.action, 'none');
  assert.equal(ofIntermediate?.action, 'operation');
  assert.match(ofIntermediate?.reason ?? '', /^ends on /);
  assert.deepEqual(await valuesOf(box, `${path}/root`), before);
});

test('a CA that was changed by hand is put back as verifiers hold it', async (t) => {
  const { bench, box, path, session, applyAll } = await authorityBench(t);
  await applyAll([]);
  const before = await valuesOf(box, `${path}/intermediate`);
  await putByHand(box, `${path}/intermediate`, { 'tls.key': 'garbage' });
  const [change] = await bench.mustApply(caKind, session, [intermediate, root]);
  assert.equal(change?.action, 'update');
  assert.deepEqual(await valuesOf(box, `${path}/intermediate`), before);
  assert.deepEqual(await applyAll([]), []);
});

test('a CA that was deleted by hand is brought back', async (t) => {
  const { box, path, applyAll } = await authorityBench(t);
  await applyAll([]);
  const before = await valuesOf(box, `${path}/root`);
  await box.delete(`${path}/root`);
  assert.deepEqual(await applyAll([]), ['update authority/local/ca/root']);
  assert.deepEqual(await valuesOf(box, `${path}/root`), before);
});

test('a lost inventory makes no CA anew', async (t) => {
  const { bench, box, path, applyAll } = await authorityBench(t);
  await applyAll([]);
  const before = await valuesOf(box, `${path}/root`);
  bench.records.clear();
  await applyAll([]);
  assert.deepEqual(await valuesOf(box, `${path}/root`), before);
});

test('two that make the same CA at once end up with one', async (t) => {
  const { bench, session } = await authorityBench(t);
  const results = await Promise.all(Array.from({ length: 3 }, () => bench.apply(caKind, session, [root])));
  const versions = results.map((result) => {
    const applied = result.get(root.id)?.applied;
    return applied?.outcome === 'done' ? applied.record?.version : 'failed';
  });
  assert.equal(new Set(versions).size, 1);
  assert.ok(!versions.includes('failed'));
});

test('an unmarked entry is refused; with leave it is adopted as it is when it is a CA', async (t) => {
  const { bench, box, path, session } = await authorityBench(t);
  const { ca, leaf } = await stranger();
  const put = ({ certificatePem, privateKey }: typeof ca): Promise<unknown> =>
    box.write({
      path: `${path}/root`,
      data: new Map([
        ['tls.crt', new Secret(certificatePem)],
        ['tls.key', privateKey],
      ]),
    });
  await put(leaf);
  const [refused] = await bench.plan(caKind, session, [root]);
  assert.equal(refused?.refusal?.code, 'adopt-existing');
  const [unusable] = await bench.plan(caKind, session, [{ ...root, allow }]);
  assert.equal(unusable?.refusal?.code, 'ca-unusable');
  assert.match(unusable?.reason ?? '', /no certificate authority/);
  await put(ca);
  const [change] = await bench.mustApply(caKind, session, [{ ...root, allow }]);
  assert.equal(change?.action, 'adopt');
  assert.equal((await valuesOf(box, `${path}/root`))['tls.crt'], ca.certificatePem);
  assert.deepEqual(await bench.mustApply(caKind, session, [{ ...root, allow }]), []);
});

test('leaving the fleet keeps the key and lifts the mark', async (t) => {
  const { bench, box, path, session, applyAll } = await authorityBench(t);
  await applyAll([]);
  const before = await valuesOf(box, `${path}/root`);
  const [change] = await bench.mustApply(caKind, session, [intermediate]);
  assert.equal(change?.action, 'retain');
  assert.deepEqual(await valuesOf(box, `${path}/root`), before);
  assert.deepEqual((await box.list(`${path}/root`))[0]?.metadata, {});
});

test('a bundle that was changed by hand, or lacks a root, is written anew', async (t) => {
  const { bench, box, path, session, applyAll } = await authorityBench(t);
  await applyAll([]);
  const before = await valuesOf(box, `${path}/bundle`);
  const { ca } = await stranger();
  await putByHand(box, `${path}/bundle`, { 'ca.crt': `${before['ca.crt']}${ca.certificatePem}` });
  const [change] = await bench.mustApply(bundleKind, session, [bundle]);
  assert.match(change?.reason ?? '', /changed by hand/);
  assert.deepEqual(await valuesOf(box, `${path}/bundle`), before);
  assert.equal(bench.records.get(bundle.id)?.outputs?.pem, before['ca.crt']);
  assert.deepEqual(await bench.mustApply(bundleKind, session, [bundle]), []);

  const both = {
    ...bundle,
    spec: { ...bundle.spec, roots: [...bundle.spec.roots, { path: `${path}/intermediate`, version: 'x' }] },
  };
  await bench.mustApply(bundleKind, session, [both]);
  assert.equal((await valuesOf(box, `${path}/bundle`))['ca.crt']?.match(/BEGIN CERTIFICATE/g)?.length, 2);
});

test('an authority whose store is still to be made is not there yet', async (t) => {
  const { bench, box } = await authorityBench(t);
  const target = {
    id: targetId('authority', 'local'),
    kind: 'authority',
    spec: { name: 'local', store: 'later', path: 'x' },
    dependsOn: [],
  } as const;
  const notMade = (): never => {
    throw new Failure({ code: 'store-not-made', message: 'store later is not made yet' });
  };
  const answer = await authorityTarget.connect(target, { ...bench.context, store: async () => notMade() });
  assert.equal(answer.state, 'notYet');
  const there = await authorityTarget.connect({ ...target, spec: { ...target.spec, store: 'box' } }, bench.context);
  assert.equal(there.state, 'present');
  assert.equal(there.state === 'present' && (await authorityTarget.identity(there.seen)), await box.identity());
});
