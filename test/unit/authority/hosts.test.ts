import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseHost, parseHosts } from '../../../src/authority/hosts.ts';

test('names and addresses are told apart and spelled in one way', () => {
  for (const [given, type, value] of [
    ['db.example', 'dns', 'db.example'],
    ['Orders.Site-A.LOCALHOST', 'dns', 'orders.site-a.localhost'],
    ['localhost', 'dns', 'localhost'],
    ['_sip.example', 'dns', '_sip.example'],
    ['*.headless.ns.svc.cluster.local', 'dns', '*.headless.ns.svc.cluster.local'],
    ['127.0.0.1', 'ip', '127.0.0.1'],
    ['::1', 'ip', '::1'],
    ['2001:DB8:0:0:0:0:0:1', 'ip', '2001:db8::1'],
  ] as const) {
    assert.deepEqual(parseHost(given), { type, value });
  }
});

test('a name that some client would refuse is refused before it is signed', () => {
  for (const [host, fault] of [
    ['', /label/],
    ['db.example.', /final dot/],
    ['.example', /label/],
    ['db..example', /label/],
    ['-db.example', /label/],
    ['db example', /ASCII|label/],
    ['postgres://db', /label/],
    ['db:5432', /label/],
    ['müller.example', /ASCII/],
    ['*', /leftmost|behind/],
    ['*.local', /single label/],
    ['pg*.svc.local', /leftmost/],
    ['a.*.svc.local', /leftmost/],
    ['*.svc-*.ns.local', /leftmost/],
    ['*.*.example', /leftmost/],
    ['1.2.3', /number/],
    ['256.1.1.1', /number/],
    ['fe80::1%eth0', /zone/],
    [`${'a'.repeat(64)}.example`, /label/],
    [`${'a.'.repeat(126)}ab`, /253/],
  ] as const) {
    assert.throws(() => parseHost(host), { code: 'host-not-certifiable', message: fault }, host);
  }
});

test('a host is named once, in the order given', () => {
  assert.deepEqual(
    parseHosts(['b.example', 'a.example', 'B.EXAMPLE', '::1', '0:0:0:0:0:0:0:1']).map(({ value }) => value),
    ['b.example', 'a.example', '::1'],
  );
});

test('whatever is given, a host is taken in a form that it reads again, or refused with a remedy', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'B', '1', '-', '.', '*', '_', ':', '%', 'é', ' ', '/') }),
    fc.domain(),
    fc.ipV4(),
    fc.ipV6(),
  );
  fc.assert(
    fc.property(text, (host) => {
      try {
        const parsed = parseHost(host);
        assert.deepEqual(parseHost(parsed.value), parsed);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'host-not-certifiable');
      }
    }),
    { numRuns: 1000 },
  );
});
