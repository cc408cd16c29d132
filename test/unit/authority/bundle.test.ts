import assert from 'node:assert/strict';
import test from 'node:test';
import { joinBundle, presentedChain, readBundle } from '../../../src/authority/bundle.ts';
import { splitPem } from '../../../src/authority/pem.ts';
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
    pem.replace('M', '!'),
    pem.replace('-----END CERTIFICATE-----', '-----END PRIVATE KEY-----'),
    '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
    pem.replace('-----BEGIN CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\nabc'),
  ]) {
    assert.throws(() => splitPem(one.root.certificatePem + damaged), { code: 'pem-unreadable' });
  }
});
