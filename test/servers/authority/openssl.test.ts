import assert from 'node:assert/strict';
import test from 'node:test';
import { presentedChain } from '../../../src/authority/bundle.ts';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { issueCrl } from '../../../src/authority/crl.ts';
import { issueIntermediate, issueRoot } from '../../../src/authority/issue.ts';
import type { KeyAlgorithm } from '../../../src/authority/keys.ts';
import { validatePath } from '../../../src/authority/validate.ts';
import { certificateCases, day, leafOf } from '../../support/certificate-cases.ts';
import type { CertificateCase } from '../../support/certificate-cases.ts';
import { environmentAt } from '../../support/environment.ts';
import { openssl, opensslMissing } from '../../support/openssl.ts';
import type { OpensslAnswer } from '../../support/openssl.ts';

const skip = opensslMissing;

/** Asks OpenSSL for its judgement, by its strictest rules. */
function verify(question: Omit<CertificateCase, 'name' | 'reasons'>): Promise<OpensslAnswer> {
  const [leaf, ...untrusted] = question.presented;
  const args = [
    'verify',
    '-x509_strict',
    '-no-CApath',
    '-no-CAstore',
    '-CAfile',
    'trusted.pem',
    ...(untrusted.length > 0 ? ['-untrusted', 'untrusted.pem'] : []),
    '-purpose',
    question.purpose === 'server' ? 'sslserver' : 'sslclient',
    ...(question.host === undefined ? [] : ['-verify_hostname', question.host]),
    ...(question.crls === undefined ? [] : ['-crl_check_all', '-CRLfile', 'crls.pem']),
    'leaf.pem',
  ];
  return openssl(args, {
    'trusted.pem': question.trusted.join(''),
    'untrusted.pem': untrusted.join(''),
    'crls.pem': question.crls?.join('') ?? '',
    'leaf.pem': leaf ?? '',
  });
}

test('openssl verify -x509_strict accepts what we make, revocation lists checked', { skip }, async (t) => {
  const combinations: [root: KeyAlgorithm, intermediate: KeyAlgorithm, leaf: KeyAlgorithm][] = [
    ['ecdsaP384', 'ecdsaP256', 'ecdsaP256'],
    ['ecdsaP256', 'ecdsaP384', 'ecdsaP384'],
    ['rsa2048', 'rsa3072', 'rsa2048'],
    ['rsa3072', 'ecdsaP256', 'rsa2048'],
    ['rsa4096', 'rsa2048', 'ecdsaP256'],
  ];
  for (const [rootKey, intermediateKey, key] of combinations) {
    await t.test(`${rootKey}, ${intermediateKey}, ${key}`, async () => {
      const environment = environmentAt(new Date());
      const subject = { commonName: 'infra', organization: 'Exämple, "Inc" + #1', country: 'US' };
      // Beyond 2050, so that both spellings of a time occur.
      const root = await issueRoot({ subject, key: rootKey, ttlMilliseconds: 30 * 365 * day }, environment);
      const intermediate = await issueIntermediate(
        { issuer: root, subject, key: intermediateKey, ttlMilliseconds: 365 * day },
        environment,
      );
      const crls = [
        await issueCrl({ issuer: root, revoked: [], number: 1 }, environment),
        await issueCrl({ issuer: intermediate, revoked: [{ serial: 'ff', at: new Date() }], number: 1 }, environment),
      ];
      const hosts = ['db.example', '*.pods.db.example', '127.0.0.1', '::1'];
      for (const [usage, purposes] of [
        ['server', ['server']],
        ['client', ['client']],
        ['both', ['server', 'client']],
      ] as const) {
        const leaf = await leafOf(
          intermediate,
          usage === 'client' ? { usage, hosts: [], subject: { commonName: 'orders_app' }, key } : { usage, hosts, key },
        );
        for (const purpose of purposes) {
          const question = {
            presented: [leaf.certificatePem, intermediate.certificatePem],
            trusted: [root.certificatePem],
            purpose,
            crls,
          };
          const answer = await verify(usage === 'client' ? question : { ...question, host: 'x.pods.db.example' });
          assert.ok(answer.ok, answer.output);
          const presented = presentedChain(leaf.certificatePem, [intermediate.certificatePem]);
          const ours = { presented, trusted: root.certificatePem, purpose, crls: crls.join('') };
          assert.deepEqual(validatePath(ours, new Date()), []);
        }
      }
    });
  }
});

test('our judgement of a chain agrees with that of OpenSSL', { skip }, async (t) => {
  for (const one of await certificateCases()) {
    const expected = one.reasons.length === 0 || one.opensslAccepts === true;
    await t.test(`${one.name}: ${expected ? 'accepted' : 'refused'} by OpenSSL`, async () => {
      const answer = await verify(one);
      assert.equal(answer.ok, expected, answer.output);
    });
  }
});

test('OpenSSL shows names as we do, and reads the lists we make', { skip }, async () => {
  const environment = environmentAt(new Date());
  const subject = { commonName: 'a,b+"c" <d>;\\e', organization: ' #x é ', country: 'US' };
  const root = await issueRoot({ subject, key: 'ecdsaP256', ttlMilliseconds: day }, environment);
  const shown = await openssl(['x509', '-in', 'c.pem', '-noout', '-subject', '-nameopt', 'RFC2253'], {
    'c.pem': root.certificatePem,
  });
  assert.equal(shown.output.trimEnd(), `subject=${readCertificate(root.certificatePem).subject.text}`.trimEnd());
  const crl = await issueCrl({ issuer: root, revoked: [{ serial: 'ab12', at: new Date() }], number: 7 }, environment);
  const text = await openssl(['crl', '-in', 'l.pem', '-noout', '-text', '-CAfile', 'c.pem'], {
    'l.pem': crl,
    'c.pem': root.certificatePem,
  });
  assert.match(text.output, /verify OK/);
  assert.match(text.output, /CRL Number: \s+7\n/);
  assert.match(text.output, /Serial Number: AB12\n/);
});
