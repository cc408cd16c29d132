import assert from 'node:assert/strict';
import test from 'node:test';
import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import fc from 'fast-check';
import { matchesAsLibpq, matchesStrictly } from '../../../src/authority/host-match.ts';

interface Names {
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly commonName?: string;
}

function named({ dns = [], ip = [], commonName }: Names): Parameters<typeof matchesStrictly>[0] {
  return { dnsNames: dns, ipAddresses: ip, subject: { text: '', comparable: '', der: new Uint8Array(), commonName } };
}

/** What was seen of libpq 15 and 18; the strict answer is the one that all verifiers share. */
const seen: readonly [sentence: string, names: Names, host: string, libpq: boolean, strict: boolean][] = [
  ['a name', { dns: ['db.example'] }, 'db.example', true, true],
  ['one label under a wildcard', { dns: ['*.svc.ns.local'] }, 'p0.svc.ns.local', true, true],
  ['two labels under a wildcard', { dns: ['*.svc.ns.local'] }, 'a.p0.svc.ns.local', false, false],
  ['nothing under a wildcard', { dns: ['*.svc.ns.local'] }, 'svc.ns.local', false, false],
  ['an empty label under a wildcard', { dns: ['*.svc.ns.local'] }, '.svc.ns.local', false, false],
  ['two wildcards', { dns: ['*.svc-*.ns.local'] }, 'p0.svc-0.ns.local', false, false],
  ['a partial wildcard', { dns: ['pg*.ns.local'] }, 'pg1.ns.local', false, false],
  ['a wildcard that is not leftmost', { dns: ['a.*.ns.local'] }, 'a.x.ns.local', false, false],
  ['a wildcard for a top label', { dns: ['*.local'] }, 'foo.local', true, false],
  ['a common name without hosts', { commonName: 'db.example' }, 'db.example', true, false],
  ['a common name beside other names', { dns: ['x.example'], commonName: 'db.example' }, 'db.example', false, false],
  ['a common name beside addresses', { ip: ['127.0.0.1'], commonName: 'db.example' }, 'db.example', true, false],
  ['an address written as name', { dns: ['127.0.0.1'] }, '127.0.0.1', true, false],
  ['an address', { ip: ['127.0.0.1'] }, '127.0.0.1', true, true],
  ['another address', { ip: ['127.0.0.1'] }, '127.0.0.2', false, false],
  ['an address in another spelling', { ip: ['::1'] }, '0:0:0:0:0:0:0:1', true, true],
  ['a name for an address', { ip: ['127.0.0.1'] }, 'localhost', false, false],
  ['capital letters', { dns: ['localhost'] }, 'LOCALHOST', true, true],
  ['a final dot', { dns: ['localhost'] }, 'localhost.', false, false],
];

test('host names are matched as libpq does, and as all verifiers do', async (t) => {
  for (const [sentence, names, host, libpq, strict] of seen) {
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
