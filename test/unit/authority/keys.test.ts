import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import test from 'node:test';
import { generateKey, openPrivateKey } from '../../../src/authority/keys.ts';
import type { KeyAlgorithm } from '../../../src/authority/keys.ts';
import { Secret } from '../../../src/model/secret.ts';

test('each algorithm gives a PKCS#8 key of its kind', async (t) => {
  for (const [algorithm, detail] of [
    ['ecdsaP256', 'prime256v1'],
    ['ecdsaP384', 'secp384r1'],
    ['rsa2048', 2048],
    ['rsa3072', 3072],
  ] as const satisfies [KeyAlgorithm, string | number][]) {
    await t.test(algorithm, async () => {
      const { privateKey, publicKey, spkiSha256 } = await generateKey(algorithm);
      const pem = privateKey.expose();
      assert.match(pem, /^-----BEGIN PRIVATE KEY-----\n/);
      const { asymmetricKeyDetails: details } = createPrivateKey(pem);
      assert.equal(details?.namedCurve ?? details?.modulusLength, detail);
      assert.deepEqual(createPublicKey(pem).export({ type: 'spki', format: 'der' }), Buffer.from(publicKey));
      assert.match(spkiSha256, /^[0-9a-f]{64}$/);
    });
  }
});

test('a text that is no key is refused without being quoted', () => {
  for (const text of ['canary-4711', '-----BEGIN PRIVATE KEY-----\ncanary4711==\n-----END PRIVATE KEY-----\n', '']) {
    assert.throws(
      () => openPrivateKey(new Secret(text)),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'private-key-unreadable');
        assert.ok(!JSON.stringify([error.message, error, error.stack, error.cause]).includes('canary'));
        return true;
      },
    );
  }
});

test('a key that wants a passphrase is refused: PostgreSQL could not reload it', async () => {
  const { privateKey } = await generateKey('ecdsaP256');
  const encrypted = createPrivateKey(privateKey.expose()).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  }) as string;
  assert.throws(() => openPrivateKey(new Secret(encrypted)), { code: 'private-key-unreadable' });
});
