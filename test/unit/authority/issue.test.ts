import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { presentedChain } from '../../../src/authority/bundle.ts';
import { decimalSerial, readCertificate } from '../../../src/authority/certificate.ts';
import { issueIntermediate, issueLeaf, issueRoot } from '../../../src/authority/issue.ts';
import { validatePath } from '../../../src/authority/validate.ts';
import { newSerial } from '../../../src/authority/validity.ts';
import { day, hierarchy, leafOf } from '../../support/certificate-cases.ts';
import { environmentAt } from '../../support/environment.ts';
import { forge } from '../../support/forged-certificates.ts';

const now = new Date('2026-11-25T12:00:00.700Z');
const { root, intermediate } = await hierarchy('infra', 'ecdsaP256', now);
const subject = { commonName: 'infra' };

test('a root may have one level of CAs below it, an intermediate none', () => {
  const made = [readCertificate(root.certificatePem), readCertificate(intermediate.certificatePem)];
  for (const [index, certificate] of made.entries()) {
    assert.equal(certificate.isCa, true);
    assert.equal(certificate.pathLength, 1 - index);
    assert.deepEqual(certificate.keyUsages, ['keyCertSign', 'cRLSign']);
    assert.deepEqual(certificate.criticalExtensions, ['2.5.29.19', '2.5.29.15']);
    assert.equal(certificate.extendedKeyUsages, undefined);
    assert.equal(certificate.authorityKeyIdentifier, made[0]?.subjectKeyIdentifier);
  }
});

test('a server leaf names its hosts and may do nothing but serve', async () => {
  const hosts = ['DB.example', '127.0.0.1', '::1', '*.db.example', 'db.example'];
  const leaf = readCertificate((await leafOf(intermediate, { hosts }, now)).certificatePem);
  assert.deepEqual(leaf.dnsNames, ['db.example', '*.db.example']);
  assert.deepEqual(leaf.ipAddresses, ['127.0.0.1', '::1']);
  assert.equal(leaf.subject.text, 'CN=db.example');
  assert.equal(leaf.isCa, false);
  assert.deepEqual(leaf.keyUsages, ['digitalSignature']);
  assert.deepEqual(leaf.extendedKeyUsages, ['serverAuth']);
  assert.equal(leaf.authorityKeyIdentifier, readCertificate(intermediate.certificatePem).subjectKeyIdentifier);
});

test('a client leaf is called after its role and has no hosts', async () => {
  const made = await leafOf(intermediate, { usage: 'client', hosts: [], subject: { commonName: 'orders_app' } }, now);
  const leaf = readCertificate(made.certificatePem);
  assert.equal(leaf.subject.commonName, 'orders_app');
  assert.deepEqual(leaf.hosts, []);
  assert.deepEqual(leaf.extendedKeyUsages, ['clientAuth']);
});

test('what is returned is what the certificate says', async () => {
  const leaf = await leafOf(intermediate, {}, now);
  const x509 = new X509Certificate(leaf.certificatePem);
  assert.equal(leaf.serial, x509.serialNumber.toLowerCase());
  assert.equal(leaf.fingerprint, x509.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.deepEqual(leaf.notAfter, x509.validToDate);
  assert.equal(JSON.stringify(leaf).includes('PRIVATE KEY'), false);
  assert.equal(decimalSerial('ff00'), '65280');
});

test('validity begins five minutes ago, in whole seconds, and lasts as long as asked', async () => {
  const leaf = await leafOf(intermediate, { ttlMilliseconds: 3_600_000 }, now);
  assert.equal(leaf.notBefore.toISOString(), '2026-11-25T11:55:00.000Z');
  assert.equal(leaf.notAfter.toISOString(), '2026-11-25T13:00:00.000Z');
});

test('nothing outlives its issuer', async () => {
  const environment = environmentAt(now);
  const short = await issueRoot({ subject, key: 'ecdsaP256', ttlMilliseconds: 10 * day }, environment);
  const below = await issueIntermediate(
    { issuer: short, subject, key: 'ecdsaP256', ttlMilliseconds: 99 * day },
    environment,
  );
  const leaf = await leafOf(below, { ttlMilliseconds: 99 * day }, now);
  assert.deepEqual([below.notAfter, leaf.notAfter], [short.notAfter, short.notAfter]);
});

test('an expired issuer, or a validity that no certificate can express, is refused', async () => {
  const late = new Date(intermediate.notAfter.getTime() + 1000);
  await assert.rejects(leafOf(intermediate, {}, late), { code: 'issuer-expired' });
  for (const ttlMilliseconds of [0, -day, NaN, 999]) {
    await assert.rejects(leafOf(intermediate, { ttlMilliseconds }, now), { code: 'validity-impossible' });
  }
  const request = { subject, key: 'ecdsaP256', ttlMilliseconds: 9000 * 365 * day } as const;
  await assert.rejects(issueRoot(request, environmentAt(now)), { code: 'validity-impossible' });
});

test('years from 2050 on are written as RFC 5280 demands, and read back', async () => {
  for (const year of [2049, 2050, 9999]) {
    const end = new Date(`${year}-12-31T23:59:59Z`);
    const ttlMilliseconds = end.getTime() - now.getTime();
    const made = await issueRoot({ subject, key: 'ecdsaP256', ttlMilliseconds }, environmentAt(now));
    assert.deepEqual(made.notAfter, end);
    const der = Buffer.from(readCertificate(made.certificatePem).der);
    const written = year < 2050 ? `\x17\x0d${String(year).slice(2)}1231235959Z` : `\x18\x0f${year}1231235959Z`;
    assert.ok(der.includes(written, 0, 'latin1'));
  }
});

test('two generations of a CA have different names', async () => {
  const again = await hierarchy('infra', 'ecdsaP256', now);
  const nameOf = (pem: string): string => readCertificate(pem).subject.comparable;
  assert.notEqual(nameOf(root.certificatePem), nameOf(again.root.certificatePem));
  assert.notEqual(nameOf(intermediate.certificatePem), nameOf(again.intermediate.certificatePem));
  assert.equal(readCertificate(root.certificatePem).subject.text, `CN=infra root ${root.serial.slice(0, 8)}`);
});

test('a subject that does not fit into a certificate is refused', async () => {
  for (const faulty of [
    { commonName: '' },
    { commonName: 'x'.repeat(65) },
    { commonName: 'line\nbreak' },
    { commonName: 'x', organization: 'y'.repeat(65) },
    { commonName: 'x', country: 'Germany' },
  ]) {
    await assert.rejects(leafOf(intermediate, { subject: faulty }, now), { code: 'subject-not-certifiable' });
  }
  const longest = await leafOf(intermediate, { subject: { commonName: 'é'.repeat(64) } }, now);
  assert.equal(readCertificate(longest.certificatePem).subject.commonName, 'é'.repeat(64));
  const request = { subject: { commonName: 'x'.repeat(43) }, key: 'ecdsaP256', ttlMilliseconds: day } as const;
  await assert.rejects(issueIntermediate({ issuer: root, ...request }, environmentAt(now)), {
    code: 'subject-not-certifiable',
  });
});

test('a host longer than a common name may be is still certified', async () => {
  const host = `${'long-label.'.repeat(8)}example`;
  const leaf = readCertificate((await leafOf(intermediate, { hosts: [host] }, now)).certificatePem);
  assert.deepEqual(leaf.hosts, [host]);
});

test('who cannot be an issuer does not sign', async (t) => {
  const request = { hosts: ['db.example'], usage: 'server', ttlMilliseconds: day, key: 'ecdsaP256' } as const;
  const environment = environmentAt(new Date());
  const leaf = await leafOf(intermediate, {}, now);
  const edwards = await forge({ name: 'edwards', key: 'Ed25519' });
  const weak = await forge({ name: 'weak', key: 'rsa1024' });
  const noSigner = await forge({ name: 'no signer', keyUsages: ['cRLSign'] });
  for (const [name, issuer, code] of [
    ['a leaf', leaf, 'issuer-not-ca'],
    ['a CA without keyCertSign', noSigner, 'issuer-not-ca'],
    ['an Ed25519 CA', edwards, 'issuer-key-unsupported'],
    ['an RSA key of 1024 bits', weak, 'issuer-key-unsupported'],
    ['a certificate with the key of another', { ...root, privateKey: leaf.privateKey }, 'issuer-key-mismatch'],
    ['no certificate', { ...root, certificatePem: 'x' }, 'certificate-unreadable'],
  ] as const) {
    await t.test(name, async () => {
      await assert.rejects(issueLeaf({ issuer, ...request }, environment), { code });
    });
  }
  await assert.rejects(issueIntermediate({ ...request, issuer: intermediate, subject }, environmentAt(now)), {
    code: 'issuer-allows-no-ca',
  });
});

test('a server leaf without hosts is refused', async () => {
  await assert.rejects(leafOf(intermediate, { hosts: [] }, now), { code: 'leaf-without-hosts' });
  await assert.rejects(leafOf(intermediate, { hosts: [], usage: 'both' }, now), { code: 'leaf-without-hosts' });
});

test('any 128 bits make a positive serial that reads back unchanged, but for zero', async () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const edges = [[0x80], [0xff], [0, 0, 0x80], [0, 0x7f], [0x7f]].map((start) =>
    Uint8Array.from({ length: 16 }, (_, index) => start[index] ?? 1),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (random) => {
      fc.pre(random.some((byte) => byte !== 0));
      const environment = environmentAt(now, () => random);
      const serial = newSerial(environment);
      assert.equal(BigInt(`0x${serial}`), BigInt(`0x${Buffer.from(random).toString('hex')}`));
      const leaf = await issueLeaf(
        { issuer: intermediate, hosts: ['a'], usage: 'server', ttlMilliseconds: day, key: 'ecdsaP256' },
        environment,
      );
      assert.equal(leaf.serial, serial);
      assert.equal(new X509Certificate(leaf.certificatePem).serialNumber.toLowerCase(), serial);
    }),
    { numRuns: 50, examples: edges.map((edge) => [edge]) },
  );
  assert.throws(() => newSerial(environmentAt(now, (length) => new Uint8Array(length))), /nothing but zeros/);
  assert.equal(new Set(Array.from({ length: 1000 }, () => newSerial({ randomBytes }))).size, 1000);
});

test('any subject is written as it was given, and a leaf names its issuer byte for byte', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((one) => !/\p{Cc}/u.test(one));
  await fc.assert(
    fc.asyncProperty(text, text, async (commonName, organization) => {
      const request = { subject: { commonName, organization }, key: 'ecdsaP256', ttlMilliseconds: day } as const;
      const issuer = await issueRoot(request, environmentAt(now));
      const leaf = readCertificate((await leafOf(issuer, { subject: { commonName } }, now)).certificatePem);
      assert.equal(leaf.subject.commonName, commonName);
      assert.deepEqual(leaf.issuer, readCertificate(issuer.certificatePem).subject);
      assert.deepEqual(
        validatePath({ presented: leaf.pem, trusted: issuer.certificatePem, purpose: 'server' }, now),
        [],
      );
    }),
    {
      numRuns: 50,
      examples: [
        ['"+"', '#30'],
        ['a\\b', ' '],
      ],
    },
  );
});

test('any hosts that are taken are found again, by us and by OpenSSL', async () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
  const name = fc.tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.constantFrom('example', 'local'));
  const host = fc.oneof(
    name.map(([labels, top]) => [...labels, top].join('.')),
    name.map(([labels, top]) => ['*', ...labels, top].join('.')),
    fc.ipV4(),
    fc.ipV6().filter((address) => !address.includes('.')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(host, { minLength: 1, maxLength: 5 }), async (hosts) => {
      const leaf = await leafOf(intermediate, { hosts }, now);
      const asked = hosts.map((one) => one.replace('*', 'x'));
      const presented = presentedChain(leaf.certificatePem, [intermediate.certificatePem]);
      const question = { presented, trusted: root.certificatePem, purpose: 'server', hosts: asked } as const;
      assert.deepEqual(validatePath(question, now), []);
      const x509 = new X509Certificate(leaf.certificatePem);
      for (const one of asked) {
        assert.ok(x509.checkHost(one) ?? x509.checkIP(one), one);
      }
    }),
    { numRuns: 50 },
  );
});
