import assert from 'node:assert/strict';
import test from 'node:test';
import { createSecureContext } from 'node:tls';
import fc from 'fast-check';
import { joinBundle, presentedChain, readBundle } from '../../../src/authority/bundle.ts';
import { splitPem } from '../../../src/authority/pem.ts';
import { Failure } from '../../../src/model/failure.ts';
import { hierarchy, leafOf } from '../../support/certificate-cases.ts';

const one = await hierarchy('one');
const two = await hierarchy('two');
const leaf = await leafOf(one.intermediate);

test('a bundle holds each certificate once, in the order of its first place', () => {
  const joined = joinBundle([
    two.root.certificatePem,
    one.root.certificatePem.replaceAll('\n', '\r\n'),
    two.root.certificatePem + one.root.certificatePem,
  ]);
  assert.equal(joined, two.root.certificatePem + one.root.certificatePem);
});

test('a presented chain goes from the leaf to the last intermediate, whatever order and company these came in', () => {
  const issuers = [two.intermediate, one.root, two.root, one.intermediate].map(({ certificatePem }) => certificatePem);
  assert.equal(presentedChain(leaf.certificatePem, issuers), leaf.certificatePem + one.intermediate.certificatePem);
  assert.equal(presentedChain(leaf.certificatePem, []), leaf.certificatePem);
});

test('a bundle that is empty, damaged or holds a key is refused, and the bad certificate is counted', () => {
  assert.throws(() => readBundle(''), { code: 'bundle-unreadable', message: /is empty/ });
  assert.throws(() => readBundle(one.root.certificatePem + leaf.privateKey.expose()), {
    code: 'bundle-unreadable',
    message: /holds a block PRIVATE KEY/,
  });
  const bad = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  assert.throws(() => readBundle(one.root.certificatePem + bad, 'ca.crt'), {
    code: 'certificate-unreadable',
    message: /^certificate 2 of ca\.crt/,
  });
});

test('a damaged PEM block is an error, not a shorter list', () => {
  const pem = leaf.certificatePem;
  for (const damaged of [
    pem.slice(0, -20),
    // Two blocks put together without a newline between them.
    pem.trimEnd() + pem,
    pem.replace('M', '!'),
    pem.replace('-----END CERTIFICATE-----', '-----END PRIVATE KEY-----'),
    '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
    pem.replace('-----BEGIN CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\nabc'),
  ]) {
    assert.throws(() => splitPem(one.root.certificatePem + damaged), { code: 'pem-unreadable' });
  }
});

test('a presented chain that we can read, OpenSSL can load', () => {
  const text = leaf.certificatePem + one.intermediate.certificatePem;
  const edit = fc.record({
    position: fc.nat({ max: text.length }),
    removed: fc.constantFrom(0, 0, 1, 2, 65),
    // No letters: a changed key or algorithm is not what this is about.
    inserted: fc.constantFrom('', '\n', '\n\n', '\r\n', ' ', '-', '=', '\t', 'x: y\n', '# comment\n', '\0'),
  });
  const markers = [0, 1, 26, 27, 28, 92].flatMap((position) =>
    ['\n', ' ', '\r\n'].map((inserted): [{ position: number; removed: number; inserted: string }] => [
      { position, removed: 0, inserted },
    ]),
  );
  let read = 0;
  fc.assert(
    fc.property(edit, ({ position, removed, inserted }) => {
      const edited = text.slice(0, position) + inserted + text.slice(position + removed);
      try {
        readBundle(edited);
      } catch (error) {
        assert.ok(error instanceof Failure);
        return;
      }
      read++;
      createSecureContext({ cert: edited });
    }),
    { numRuns: 3000, examples: markers },
  );
  assert.ok(read > 50, `only ${read} were readable`);
});
