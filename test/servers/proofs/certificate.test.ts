import assert from 'node:assert/strict';
import test from 'node:test';
import { writeFile } from 'node:fs/promises';
import type { Evidence } from '../../../src/model/claim.ts';
import type { AuthorityProbeSpec, CertificateEntrySpec } from '../../../src/proofs/proofs.spec.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { Issuer } from '../../../src/authority/issue.ts';
import { crlKind } from '../../../src/targets/authority/crl.ts';
import { type AuthorityBench, authorityBench, certificate, crl, stranger } from '../../support/authority-bench.ts';
import { pairOf } from '../../support/certificates-by-hand.ts';
import { expired, forge, type Forgery, serverLeaf } from '../../support/forged-certificates.ts';
import { prove } from '../../support/proof-bench.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';

function is(evidence: Evidence, verdict: Evidence['verdict'], seen: RegExp): void {
  assert.equal(evidence.verdict, verdict, evidence.seen);
  assert.match(evidence.seen, seen);
  assert.ok(!JSON.stringify(evidence).includes('PRIVATE KEY'), 'no key in the evidence');
}

/** An authority with a certificate for `db.localhost`, and its intermediate as whoever has its key can use it. */
async function made(t: Parameters<typeof authorityBench>[0]): Promise<AuthorityBench & { intermediate: Issuer }> {
  const authority = await authorityBench(t);
  await authority.applyAll([certificate('db')]);
  const values = await valuesOf(authority.box, `${authority.path}/intermediate`);
  const intermediate = { certificatePem: values['tls.crt'] ?? '', privateKey: new Secret(values['tls.key'] ?? '') };
  return { ...authority, intermediate };
}

test('a certificate is valid, until its entry or what verifies it is another', async (t) => {
  const { bench, box, session, path, intermediate } = await made(t);
  const spec: CertificateEntrySpec = {
    entry: { store: 'box', path: 'certificates/db' },
    bundle: { store: 'box', path: `${path}/bundle` },
    crl: { store: 'box', path: `${path}/crl` },
    hosts: ['db.localhost'],
    usage: 'server',
  };
  const valid = (changed: Partial<CertificateEntrySpec> = {}): Promise<Evidence> =>
    prove(bench.context, 'certificate-valid', { ...spec, ...changed });
  is(await valid(), 'held', /serial [0-9a-f]+ until .*, from box\/certificates\/db/);

  const leaf = async (forgery: Partial<Forgery>): Promise<Record<string, string>> => {
    const names = { dnsNames: ['db.localhost'] };
    return {
      ...pairOf(
        await forge({ name: 'by hand', issuer: intermediate, ...serverLeaf, ...names, ...forgery }),
        intermediate,
      ),
    };
  };
  const other = await stranger(['db.localhost']);
  const damages: [string, string, Record<string, string | undefined>, RegExp][] = [
    ['an ended leaf', spec.entry.path, await leaf(expired), /ended|expired/],
    ['a leaf for another host', spec.entry.path, await leaf({ dnsNames: ['other.localhost'] }), /db\.localhost/],
    ['a leaf for clients', spec.entry.path, await leaf({ extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'] }), /server/],
    ['a leaf of another authority', spec.entry.path, { ...pairOf(other.leaf, other.ca) }, /not in the bundle/],
    ['another key', spec.entry.path, { 'tls.key': other.leaf.privateKey.expose() }, /the private key does not belong/],
    [
      'no intermediate',
      spec.entry.path,
      pemsOf(1, await valuesOf(box, spec.entry.path)),
      /issued by .* not in the bundle/,
    ],
    ['no certificate', spec.entry.path, { 'tls.crt': 'garbage' }, /certificate/],
    ['no key at all', spec.entry.path, { 'tls.key': undefined }, /holds no key tls\.key/],
    ['another bundle', spec.bundle.path, { 'ca.crt': other.ca.certificatePem }, /not in the bundle/],
    ['no revocation list', spec.crl.path, { 'crl.pem': ' ' }, /revocation list/],
  ];
  for (const [what, entry, values, seen] of damages) {
    await t.test(what, async () => {
      const before = await valuesOf(box, entry);
      await putByHand(box, entry, values);
      is(await valid(), 'broken', seen);
      await putByHand(box, entry, before);
      is(await valid(), 'held', /serial/);
    });
  }

  await t.test('a certificate that is revoked', async () => {
    await bench.mustApply(crlKind, session, [crl([])]);
    is(await valid(), 'broken', /revoked/);
  });

  await t.test('an entry that is gone, a store that cannot be asked', async () => {
    is(await valid({ entry: { store: 'box', path: 'certificates/gone' } }), 'broken', /is not there/);
    await writeFile(`${bench.folder}/box/shards/00.age`, 'damaged');
    is(await valid(), 'unknown', /could not ask/);
  });
});

test('an authority is valid, until its entries do not belong together', async (t) => {
  const { bench, box, path } = await made(t);
  const spec: AuthorityProbeSpec = { store: 'box', path };
  const valid = (): Promise<Evidence> => prove(bench.context, 'authority-valid', spec);
  is(await valid(), 'held', /root until .*, intermediate until/);

  const other = await stranger();
  const otherKey = { 'tls.key': other.ca.privateKey.expose() };
  const root = await valuesOf(box, `${path}/root`);
  const damages: [string, string, Record<string, string | undefined>, RegExp][] = [
    ['another key of the root', 'root', otherKey, /the key of the root does not belong/],
    ['another key of the intermediate', 'intermediate', otherKey, /the key of the intermediate does not belong/],
    ['another root', 'root', { ...pairOf(other.ca) }, /the trust bundle does not hold the root/],
    ['another intermediate', 'intermediate', { ...pairOf(other.ca) }, /.+/],
    [
      'an ended intermediate',
      'intermediate',
      { ...pairOf(await forge({ name: 'i', issuer: issuerOf(root), ...expired })) },
      /ended|expired/,
    ],
    ['another bundle', 'bundle', { 'ca.crt': other.ca.certificatePem }, /.+/],
    ['no revocation list', 'crl', { 'crl.pem': ' ' }, /revocation list/],
    [
      'the revocation list of one CA alone',
      'crl',
      pemsOf(1, await valuesOf(box, `${path}/crl`), 'crl.pem'),
      /revocation list/,
    ],
    ['no root', 'root', { 'tls.crt': undefined }, /holds no key tls\.crt/],
  ];
  for (const [what, name, values, seen] of damages) {
    await t.test(what, async () => {
      const before = await valuesOf(box, `${path}/${name}`);
      await putByHand(box, `${path}/${name}`, values);
      const evidence = await valid();
      is(evidence, 'broken', seen);
      await putByHand(box, `${path}/${name}`, before);
      is(await valid(), 'held', /root until/);
    });
  }
});

/** The first so many certificates or lists of an entry's key. */
function pemsOf(count: number, values: Readonly<Record<string, string>>, key = 'tls.crt'): Record<string, string> {
  const pems = (values[key] ?? '').match(/-----BEGIN [^]*?-----END [^-]+-----\n?/g) ?? [];
  return { [key]: pems.slice(0, count).join('') };
}

function issuerOf(values: Readonly<Record<string, string>>): Issuer {
  return { certificatePem: values['tls.crt'] ?? '', privateKey: new Secret(values['tls.key'] ?? '') };
}
