import { sign } from 'node:crypto';
import { tags, writeDer, writeInteger } from './der.ts';
import { generateKey, openPrivateKey } from './keys.ts';
import type { KeyAlgorithm, KeyPair } from './keys.ts';
import { formatPem } from './pem.ts';

export interface SigningRequest extends Pick<KeyPair, 'privateKey'> {
  readonly csrPem: string;
}

/**
 * Makes a key and asks for a certificate for it (PKCS #10, RFC 2986). The request names nobody: whoever signs is told
 * the names apart from it, and needs it only as proof that the key is held.
 */
export async function requestCertificate(algorithm: KeyAlgorithm): Promise<SigningRequest> {
  const { privateKey, publicKey } = await generateKey(algorithm);
  const info = writeDer(
    tags.sequence,
    writeInteger(0),
    writeDer(tags.sequence),
    publicKey,
    writeDer(tags.contextConstructed(0)),
  );
  const { hash, identifier } = signatures[algorithm];
  const signature = sign(hash, info, openPrivateKey(privateKey));
  const der = writeDer(
    tags.sequence,
    info,
    writeDer(tags.sequence, Buffer.from(identifier, 'hex')),
    writeDer(tags.bitString, Uint8Array.of(0), signature),
  );
  return { csrPem: formatPem({ label: 'CERTIFICATE REQUEST', der }), privateKey };
}

/** DER of ecdsa-with-SHA256, ecdsa-with-SHA384, and sha256WithRSAEncryption with its NULL. */
const ecdsa256 = { hash: 'sha256', identifier: '06082a8648ce3d040302' };
const ecdsa384 = { hash: 'sha384', identifier: '06082a8648ce3d040303' };
const rsa = { hash: 'sha256', identifier: '06092a864886f70d01010b0500' };
const signatures: Readonly<Record<KeyAlgorithm, { readonly hash: string; readonly identifier: string }>> = {
  ecdsaP256: ecdsa256,
  ecdsaP384: ecdsa384,
  rsa2048: rsa,
  rsa3072: rsa,
  rsa4096: rsa,
};
