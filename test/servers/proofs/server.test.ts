import assert from 'node:assert/strict';
import test from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { ServerProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import { hierarchy, leafOf } from '../../support/certificate-cases.ts';
import { pairOf } from '../../support/certificates-by-hand.ts';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';
import { endpointOf, prove } from '../../support/proof-bench.ts';
import { storeBench } from '../../support/store-bench.ts';

const host = 'orders.site-a.localhost';

test('proofs of what a server shows to its clients', { skip: postgresMissing }, async (t) => {
  const { bench, box } = await storeBench(t);
  const { root, intermediate } = await hierarchy('infra');
  const ours = pairOf(await leafOf(intermediate, { hosts: [host] }), intermediate);
  const server = await startPostgres(t, {
    settings: {
      ssl: true,
      ssl_cert_file: 'server.crt',
      ssl_key_file: 'server.key',
      ssl_ca_file: 'ca.crt',
      ssl_min_protocol_version: 'TLSv1.3',
    },
    hba: ['hostssl orders orders 127.0.0.1/32 scram-sha-256'],
    files: { 'server.crt': ours['tls.crt'], 'server.key': ours['tls.key'], 'ca.crt': root.certificatePem },
  });
  const put = (path: string, values: Readonly<Record<string, string>>): Promise<unknown> =>
    box.write({ path, data: new Map(Object.entries(values).map(([key, value]) => [key, new Secret(value)])) });
  await put('certificate', { ...ours });
  await put('bundle', { 'ca.crt': root.certificatePem });
  const spec: ServerProbeSpec = {
    endpoint: endpointOf(server, 'orders', host),
    certificate: { store: 'box', path: 'certificate' },
    bundle: { store: 'box', path: 'bundle' },
    hosts: [host],
    minVersion: 'TLSv1.3',
  };
  const kinds = ['served-certificate', 'refused-wrong-host', 'refused-other-authority', 'refused-old-tls'] as const;
  type Expected = Partial<Record<(typeof kinds)[number], RegExp | 'unknown'>>;
  /** When the server has read its files again: exactly these claims are broken, all others held. */
  const breaks = async (expected: Expected): Promise<void> => {
    let found: Evidence[] = [];
    const asExpected = ({ claim, verdict, seen }: Evidence): boolean => {
      const wanted = expected[claim.kind as (typeof kinds)[number]];
      return wanted instanceof RegExp ? verdict === 'broken' && wanted.test(seen) : verdict === (wanted ?? 'held');
    };
    for (const deadline = performance.now() + 10_000; performance.now() < deadline;) {
      found = [];
      for (const kind of kinds) {
        found.push(await prove(bench.context, kind, spec));
      }
      if (found.every(asExpected)) {
        return;
      }
    }
    assert.fail(found.map(({ claim, verdict, seen }) => `${claim.kind} ${verdict}: ${seen}`).join('\n'));
  };
  const install = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, content] of Object.entries(files)) {
      await server.writeFile(name, content);
    }
    server.reload();
  };
  const setting = async (change: string): Promise<void> => {
    await server.query(`ALTER SYSTEM ${change}`);
    server.reload();
  };
  const other = await hierarchy('other');

  await breaks({});

  const damages: [string, () => Promise<unknown>, () => Promise<unknown>, Expected][] = [
    [
      'another certificate of the same authority',
      async () => {
        const { 'tls.crt': crt, 'tls.key': key } = pairOf(await leafOf(intermediate, { hosts: [host] }), intermediate);
        await install({ 'server.crt': crt, 'server.key': key });
      },
      () => install({ 'server.crt': ours['tls.crt'], 'server.key': ours['tls.key'] }),
      { 'served-certificate': /serves serial [0-9a-f]+ of CN=infra intermediate .*; the store holds serial/ },
    ],
    [
      'a new certificate in the store that the server does not have',
      async () => put('certificate', { ...pairOf(await leafOf(intermediate, { hosts: [host] }), intermediate) }),
      () => put('certificate', { ...ours }),
      { 'served-certificate': /the store holds serial/ },
    ],
    [
      'a certificate for every host of the site',
      async () => {
        const wide = pairOf(await leafOf(intermediate, { hosts: [host, '*.site-a.localhost'] }), intermediate);
        await put('certificate', { ...wide });
        await install({ 'server.crt': wide['tls.crt'], 'server.key': wide['tls.key'] });
      },
      async () => {
        await put('certificate', { ...ours });
        await install({ 'server.crt': ours['tls.crt'], 'server.key': ours['tls.key'] });
      },
      { 'refused-wrong-host': /valid for elsewhere\.site-a\.localhost too/ },
    ],
    [
      'a second authority that is trusted',
      () => install({ 'ca.crt': root.certificatePem + other.root.certificatePem }),
      () => install({ 'ca.crt': root.certificatePem }),
      { 'refused-other-authority': /trusts CN=other root .* too \(ca\.crt\)/ },
    ],
    [
      'client certificates that nobody looks at',
      () => setting("SET ssl_ca_file = ''"),
      () => setting('RESET ssl_ca_file'),
      { 'refused-other-authority': /a certificate of another authority was accepted/ },
    ],
    [
      'TLS 1.2',
      () => setting("SET ssl_min_protocol_version = 'TLSv1.2'"),
      () => setting('RESET ssl_min_protocol_version'),
      { 'refused-old-tls': /a handshake over TLSv1\.2 succeeded/ },
    ],
    [
      'no TLS at all',
      () => setting('SET ssl = off'),
      () => setting('RESET ssl'),
      {
        'served-certificate': /speaks no TLS/,
        'refused-wrong-host': 'unknown',
        'refused-other-authority': 'unknown',
        'refused-old-tls': 'unknown',
      },
    ],
  ];
  for (const [what, damage, mend, expected] of damages) {
    await t.test(what, async () => {
      await damage();
      await breaks(expected);
      await mend();
      await breaks({});
    });
  }

  await t.test('a server that cannot be asked', async () => {
    await server.stop();
    for (const kind of kinds) {
      const evidence = await prove(bench.context, kind, spec);
      assert.equal(evidence.verdict, 'unknown', evidence.seen);
    }
  });
});
