import assert from 'node:assert/strict';
import test from 'node:test';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { isCrlSignedBy, issueCrl, readCrl, readCrls } from '../../../src/authority/crl.ts';
import { hierarchy, leafOf } from '../../support/certificate-cases.ts';

const now = new Date('2026-11-25T12:00:00Z');
const { root, intermediate } = await hierarchy('infra', 'ecdsaP256', now);

test('an empty list lasts as long as its CA, and says who made it', async () => {
  const crl = readCrl(await issueCrl({ issuer: root, revoked: [], number: 0 }, { now: () => now }));
  const issuer = readCertificate(root.certificatePem);
  assert.deepEqual(crl.revoked, []);
  assert.equal(crl.number, 0);
  assert.equal(crl.thisUpdate.toISOString(), '2026-11-25T11:55:00.000Z');
  assert.deepEqual(crl.nextUpdate, root.notAfter);
  assert.equal(crl.issuer.comparable, issuer.subject.comparable);
  assert.equal(crl.authorityKeyIdentifier, issuer.subjectKeyIdentifier);
});

test('a list names each revoked certificate once, by its first revocation', async () => {
  const earlier = new Date('2026-11-20T00:00:00Z');
  const revoked = [
    { serial: 'ff00', at: now },
    { serial: '0a', at: now },
    { serial: 'ff00', at: earlier },
  ];
  const crl = readCrl(await issueCrl({ issuer: root, revoked, number: 300 }, { now: () => now }));
  assert.deepEqual(crl.revoked, [
    { serial: '0a', at: now },
    { serial: 'ff00', at: earlier },
  ]);
  assert.equal(crl.number, 300);
});

test('only the CA that made a list signed it, with any kind of key', async () => {
  for (const key of ['ecdsaP256', 'ecdsaP384', 'rsa2048'] as const) {
    const { root: issuer } = await hierarchy('infra', key, now);
    const crl = readCrl(await issueCrl({ issuer, revoked: [], number: 1 }, { now: () => now }));
    assert.equal(isCrlSignedBy(crl, readCertificate(issuer.certificatePem)), true);
    assert.equal(isCrlSignedBy(crl, readCertificate(root.certificatePem)), false);
    assert.equal(isCrlSignedBy(crl, readCertificate(intermediate.certificatePem)), false);
  }
});

test('a file of several lists is read in order', async () => {
  const lists = [
    await issueCrl({ issuer: root, revoked: [], number: 1 }, { now: () => now }),
    await issueCrl({ issuer: intermediate, revoked: [], number: 2 }, { now: () => now }),
  ];
  assert.deepEqual(
    readCrls(lists.join('')).map(({ number }) => number),
    [1, 2],
  );
  assert.throws(() => readCrl(root.certificatePem), { code: 'crl-unreadable' });
});

test('a leaf makes no list', async () => {
  const issuer = await leafOf(intermediate, {}, now);
  await assert.rejects(issueCrl({ issuer, revoked: [], number: 1 }, { now: () => now }), { code: 'issuer-not-ca' });
});
