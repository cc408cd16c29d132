import assert from 'node:assert/strict';
import test from 'node:test';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { formatPem } from '../../../src/authority/pem.ts';
import { validatePath, validateTrust } from '../../../src/authority/validate.ts';
import type { Finding } from '../../../src/authority/validate.ts';
import { Secret } from '../../../src/model/secret.ts';
import { certificateCases, day, hierarchy, leafOf } from '../../support/certificate-cases.ts';
import { forge } from '../../support/forged-certificates.ts';
import { issueCrl } from '../../../src/authority/crl.ts';

const reasonsOf = (findings: readonly Finding[]): string[] => findings.map(({ reason }) => reason);

test('a path is judged', async (t) => {
  for (const { name, presented, trusted, purpose, host, crls, reasons } of await certificateCases()) {
    await t.test(`${name}: ${reasons.join(', ') || 'good'}`, () => {
      const findings = validatePath(
        {
          presented: presented.join(''),
          trusted: trusted.join(''),
          purpose,
          hosts: host === undefined ? [] : [host],
          crls: crls?.join(''),
        },
        new Date(),
      );
      assert.deepEqual(reasonsOf(findings), reasons);
    });
  }
});

test('every host that a client may use is looked at', async () => {
  const { root, intermediate } = await hierarchy();
  const leaf = await leafOf(intermediate, { hosts: ['db.example', '127.0.0.1'] });
  const presented = leaf.certificatePem + intermediate.certificatePem;
  const hosts = ['db.example', '127.0.0.1', 'localhost', '::1'];
  const findings = validatePath({ presented, trusted: root.certificatePem, purpose: 'server', hosts }, new Date());
  assert.deepEqual(reasonsOf(findings), ['host-mismatch', 'host-mismatch']);
  assert.match(findings[0]?.sentence ?? '', /is for db\.example, 127\.0\.0\.1, not for localhost$/);
});

test('a key that belongs to another certificate is found', async () => {
  const { root, intermediate } = await hierarchy();
  const [leaf, other] = [await leafOf(intermediate), await leafOf(intermediate)];
  const question = {
    presented: leaf.certificatePem + intermediate.certificatePem,
    trusted: root.certificatePem,
    purpose: 'server',
  } as const;
  assert.deepEqual(validatePath({ ...question, privateKey: leaf.privateKey }, new Date()), []);
  const findings = validatePath({ ...question, privateKey: other.privateKey }, new Date());
  assert.deepEqual(reasonsOf(findings), ['key-mismatch']);
});

test('what cannot be read is a finding that shows nothing of a key', async () => {
  const { root, intermediate } = await hierarchy();
  const { certificatePem } = await leafOf(intermediate);
  const good = {
    presented: certificatePem + intermediate.certificatePem,
    trusted: root.certificatePem,
    purpose: 'server',
  } as const;
  const canary = 'canary-4711';
  const damaged = formatPem({ label: 'CERTIFICATE', der: readCertificate(root.certificatePem).der.slice(0, -1) });
  for (const bad of [
    { trusted: '' },
    { trusted: 'no certificate' },
    { trusted: root.certificatePem + damaged },
    { trusted: root.certificatePem + root.privateKey.expose() },
    { presented: certificatePem.slice(0, -30) },
    { privateKey: new Secret(canary) },
    { crls: '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n' },
  ]) {
    const findings = validatePath({ ...good, ...bad }, new Date());
    assert.deepEqual(reasonsOf(findings), ['unreadable'], JSON.stringify(bad));
    assert.ok(!JSON.stringify(findings).includes(canary));
  }
});

test('without key identifiers, two CAs of one name are ambiguous even when one of them signed', async () => {
  const old = await forge({ name: 'shared name', withoutKeyIdentifiers: true });
  const young = await forge({ name: 'shared name', withoutKeyIdentifiers: true });
  const leaf = await forge({
    name: 'db.example',
    issuer: young,
    withoutKeyIdentifiers: true,
    basicConstraints: { ca: false },
    keyUsages: ['digitalSignature'],
  });
  for (const trusted of [old.certificatePem + young.certificatePem, young.certificatePem + old.certificatePem]) {
    const findings = validatePath({ presented: leaf.certificatePem, trusted, purpose: 'server' }, new Date());
    assert.ok(reasonsOf(findings).includes('issuer-ambiguous'));
  }
});

test('a path is judged at the instant that is handed in', async () => {
  const made = new Date('2049-12-31T23:00:00Z');
  const { root, intermediate } = await hierarchy('infra', 'ecdsaP256', made);
  const leaf = await leafOf(intermediate, { ttlMilliseconds: day }, made);
  const question = {
    presented: leaf.certificatePem + intermediate.certificatePem,
    trusted: root.certificatePem,
    purpose: 'server',
  } as const;
  const at = (milliseconds: number): string[] =>
    reasonsOf(validatePath(question, new Date(made.getTime() + milliseconds)));
  assert.deepEqual(at(0), []);
  assert.deepEqual(at(day), []);
  assert.deepEqual(at(day + 1000), ['expired']);
  assert.deepEqual(at(-300_000), []);
  assert.deepEqual(at(-301_000), ['not-yet-valid', 'not-yet-valid', 'not-yet-valid']);
});

test('a trusted bundle has only CAs, with a current revocation list each', async () => {
  const [one, two] = [await hierarchy(), await hierarchy()];
  const now = new Date();
  const crlOf = (issuer: typeof one.root): Promise<string> =>
    issueCrl({ issuer, revoked: [], number: 1 }, { now: () => now });
  const trusted = one.root.certificatePem + two.root.certificatePem;
  const crls = (await crlOf(one.root)) + (await crlOf(two.root));
  assert.deepEqual(validateTrust({ trusted }, now), []);
  assert.deepEqual(validateTrust({ trusted, crls }, now), []);
  assert.deepEqual(reasonsOf(validateTrust({ trusted, crls: await crlOf(one.root) }, now)), ['crl-missing']);
  assert.deepEqual(reasonsOf(validateTrust({ trusted, crls: '' }, now)), ['crl-missing', 'crl-missing']);
  const leaf = await leafOf(one.intermediate);
  assert.deepEqual(reasonsOf(validateTrust({ trusted: trusted + leaf.certificatePem }, now)), ['issuer-not-ca']);
  assert.deepEqual(reasonsOf(validateTrust({ trusted: one.intermediate.certificatePem }, now)), ['root-not-trusted']);
  const late = new Date(now.getTime() + 3651 * day);
  assert.deepEqual(reasonsOf(validateTrust({ trusted, crls }, late)), [
    'expired',
    'expired',
    'crl-expired',
    'crl-expired',
  ]);
});
