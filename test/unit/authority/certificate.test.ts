import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readCertificate, readCertificateDer } from '../../../src/authority/certificate.ts';
import { issueCrl, readCrls } from '../../../src/authority/crl.ts';
import { formatPem } from '../../../src/authority/pem.ts';
import { Failure } from '../../../src/model/failure.ts';
import { hierarchy, leafOf } from '../../support/certificate-cases.ts';
import { forge } from '../../support/forged-certificates.ts';

const { root, intermediate } = await hierarchy();
const leaf = await leafOf(intermediate, {
  subject: { commonName: 'Ex,ample "+" é', organization: ' #1; <Söhne>\\ ', country: 'DE' },
});

test('a name is shown as PostgreSQL wants it in clientname', () => {
  const { subject } = readCertificate(leaf.certificatePem);
  assert.equal(subject.text, 'CN=Ex\\,ample \\"\\+\\" \\C3\\A9,O=\\ #1\\; \\<S\\C3\\B6hne\\>\\\\\\ ,C=DE');
  assert.equal(subject.commonName, 'Ex,ample "+" é');
});

test('names are compared without regard to case and blanks', async () => {
  const one = readCertificate((await forge({ name: 'Some  Name' })).certificatePem);
  const two = readCertificate((await forge({ name: 'some name' })).certificatePem);
  const three = readCertificate((await forge({ name: 'somename' })).certificatePem);
  assert.equal(one.subject.comparable, two.subject.comparable);
  assert.notEqual(one.subject.comparable, three.subject.comparable);
});

test('an absent key usage is told from an empty one', async () => {
  const absent = readCertificate((await forge({ name: 'x', keyUsages: 'absent' })).certificatePem);
  assert.equal(absent.keyUsages, undefined);
  assert.deepEqual(readCertificate((await forge({ name: 'x', keyUsages: [] })).certificatePem).keyUsages, []);
});

test('a certificate comes back in one form, whatever surrounds it', () => {
  const messy = `a comment\r\n${leaf.certificatePem.replaceAll('\n', '\r\n')}another\n${root.certificatePem}`;
  assert.equal(readCertificate(messy).pem, leaf.certificatePem);
});

test('a damaged certificate is refused as unreadable, or read as something that OpenSSL reads too', () => {
  const { der } = readCertificate(leaf.certificatePem);
  const damage = fc.tuple(fc.nat({ max: der.length - 1 }), fc.integer({ min: 1, max: 255 }), fc.boolean());
  fc.assert(
    fc.property(damage, ([position, change, cut]) => {
      const damaged = cut
        ? der.slice(0, position)
        : der.map((byte, index) => (index === position ? byte ^ change : byte));
      unreadableOrFine(() => readCertificateDer(damaged), 'certificate-unreadable');
    }),
    { numRuns: 2000 },
  );
});

test('a damaged revocation list is refused as unreadable, or read', async () => {
  const crl = await issueCrl(
    { issuer: root, revoked: [{ serial: 'ff', at: new Date() }], number: 1 },
    { now: () => new Date() },
  );
  const der = Buffer.from(crl.replace(/-----.*-----|\s/g, ''), 'base64');
  fc.assert(
    fc.property(fc.nat({ max: der.length - 1 }), fc.integer({ min: 1, max: 255 }), (position, change) => {
      const damaged = Uint8Array.from(der, (byte, index) => (index === position ? byte ^ change : byte));
      unreadableOrFine(() => readCrls(formatPem({ label: 'X509 CRL', der: damaged })), 'crl-unreadable');
    }),
    { numRuns: 2000 },
  );
});

test('any text at all is read or refused, never a defect', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const wrapped = `-----BEGIN CERTIFICATE-----\n${Buffer.from(text).toString('base64')}\n-----END CERTIFICATE-----\n`;
      unreadableOrFine(() => readCertificate(text));
      unreadableOrFine(() => readCertificate(wrapped));
    }),
  );
});

function unreadableOrFine(read: () => unknown, code?: string): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    if (code !== undefined) {
      assert.equal(error.code, code);
    }
  }
}
