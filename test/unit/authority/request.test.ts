import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKeyOf } from '../../../src/authority/keys.ts';
import type { KeyAlgorithm } from '../../../src/authority/keys.ts';
import { requestCertificate } from '../../../src/authority/request.ts';
import { loadX509 } from '../../../src/authority/x509.ts';

for (const algorithm of ['ecdsaP256', 'ecdsaP384', 'rsa2048'] as KeyAlgorithm[]) {
  test(`a request for a key ${algorithm} names nobody and proves that the key is held`, async () => {
    const { csrPem, privateKey } = await requestCertificate(algorithm);
    const { Pkcs10CertificateRequest } = await loadX509();
    const request = new Pkcs10CertificateRequest(csrPem);
    assert.equal(request.subject, '');
    assert.ok(await request.verify());
    const { createHash } = await import('node:crypto');
    const spkiSha256 = createHash('sha256').update(new Uint8Array(request.publicKey.rawData)).digest('hex');
    assert.ok(isKeyOf(privateKey, { spkiSha256 } as Parameters<typeof isKeyOf>[1]));
  });
}
