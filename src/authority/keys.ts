import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Failure } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';
import type { Certificate } from './certificate.ts';

/**
 * Kinds of key that an authority and its leaves may have. Ed25519 is not among them: certificates signed by an Ed25519
 * CA break SCRAM logins of libpq, whose channel binding finds no digest for such signatures.
 */
export type KeyAlgorithm = 'ecdsaP256' | 'ecdsaP384' | 'rsa2048' | 'rsa3072' | 'rsa4096';

export interface KeyPair {
  /** PKCS#8 in PEM, not encrypted: PostgreSQL cannot reload a key that wants a passphrase. */
  readonly privateKey: Secret;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  /** SHA-256 of `publicKey`, lower-case hex. */
  readonly spkiSha256: string;
}

const generate = promisify(generateKeyPair);

/** Makes a new key. RSA takes up to some seconds, off the main thread. */
export async function generateKey(algorithm: KeyAlgorithm): Promise<KeyPair> {
  return keyPairOf(await generatePrivateKey(algorithm));
}

async function generatePrivateKey(algorithm: KeyAlgorithm): Promise<KeyObject> {
  switch (algorithm) {
    case 'ecdsaP256':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
    case 'ecdsaP384':
      return (await generate('ec', { namedCurve: 'P-384' })).privateKey;
    case 'rsa2048':
      return (await generate('rsa', { modulusLength: 2048 })).privateKey;
    case 'rsa3072':
      return (await generate('rsa', { modulusLength: 3072 })).privateKey;
    case 'rsa4096':
      return (await generate('rsa', { modulusLength: 4096 })).privateKey;
  }
}

function keyPairOf(privateKey: KeyObject): KeyPair {
  const publicKey = publicKeyDer(privateKey);
  return {
    privateKey: new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
    publicKey,
    spkiSha256: createHash('sha256').update(publicKey).digest('hex'),
  };
}

/**
 * Opens a private key in PEM. Throws a Failure `private-key-unreadable`, which never quotes the text, when it is none or
 * wants a passphrase.
 */
export function openPrivateKey(pem: Secret, what = 'the private key'): KeyObject {
  try {
    return createPrivateKey(pem.expose());
  } catch {
    // The cause is left out on purpose: nothing that was made from the text may travel with the error.
    throw new Failure({
      code: 'private-key-unreadable',
      message: `${what} is not a private key in PEM, or it is encrypted`,
      why: 'PostgreSQL cannot reload a key that wants a passphrase, and does not start with a damaged one',
      remedy: 'Give a PKCS#8 key without a passphrase, as `openssl genpkey` writes it.',
    });
  }
}

/** SubjectPublicKeyInfo in DER of a private key. */
function publicKeyDer(privateKey: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }));
}

/** Whether the certificate was made for this private key. Throws as `openPrivateKey` does. */
export function isKeyOf(privateKey: Secret, certificate: Certificate): boolean {
  const publicKey = publicKeyDer(openPrivateKey(privateKey));
  return createHash('sha256').update(publicKey).digest('hex') === certificate.spkiSha256;
}
