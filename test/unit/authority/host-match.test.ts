import assert from 'node:assert/strict';
import test from 'node:test';
import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import fc from 'fast-check';
import { matchesAsLibpq, matchesStrictly } from '../../../src/authority/host-match.ts';
import { hostCases } from '../../support/host-cases.ts';
import type { Names } from '../../support/host-cases.ts';

function named({ dns = [], ip = [], commonName }: Names): Parameters<typeof matchesStrictly>[0] {
  return { dnsNames: dns, ipAddresses: ip, subject: { text: '', comparable: '', der: new Uint8Array(), commonName } };
}

test('host names are matched as libpq does, and as all verifiers do', async (t) => {
  for (const [sentence, names, host, libpq, strict] of hostCases) {
    await t.test(sentence, () => {
      assert.equal(matchesAsLibpq(named(names), host), libpq);
      assert.equal(matchesStrictly(named(names), host), strict);
    });
  }
});

test('what matches strictly matches for libpq and for Node too', () => {
  const label = fc.constantFrom('a', 'b', '*', 'a*', '');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const address = fc.constantFrom('127.0.0.1', '::1', '10.0.0.1');
  fc.assert(
    fc.property(fc.array(name), fc.array(address), fc.oneof(name, address), (dns, ip, host) => {
      if (matchesStrictly(named({ dns, ip }), host)) {
        assert.ok(matchesAsLibpq(named({ dns, ip }), host));
        const subjectaltname = [...dns.map((one) => `DNS:${one}`), ...ip.map((one) => `IP Address:${one}`)].join(', ');
        const peer = { subject: { CN: '' }, subjectaltname } as unknown as PeerCertificate;
        // A pattern is no host: whoever connects to "*.a.b" itself is turned away by Node, and by the resolver.
        if (!host.includes('*') && !host.split('.').includes('')) {
          assert.equal(checkServerIdentity(host, peer), undefined, `${host} in ${subjectaltname}`);
        }
      }
    }),
    { numRuns: 2000 },
  );
});
