import { webcrypto } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Failure } from '../model/failure.ts';

export type X509 = typeof import('@peculiar/x509');

let loaded: Promise<X509> | undefined;

/** The library that writes certificates: a tenth of a second to load, so only who issues something pays for it. */
export function loadX509(): Promise<X509> {
  loaded ??= (async () => {
    // Its dependency injection finds nothing unless this comes first.
    await import('reflect-metadata');
    const x509 = await import('@peculiar/x509');
    x509.cryptoProvider.set(webcrypto);
    return x509;
  })();
  return loaded;
}

export interface SigningKey {
  readonly signingKey: webcrypto.CryptoKey;
  readonly signingAlgorithm: { readonly name: string; readonly hash: string };
}

/**
 * Prepares a CA's private key for signing. Throws a Failure `issuer-key-unsupported` for anything but ECDSA on P-256 or
 * P-384 and RSA from 2048 bits, Ed25519 above all (see `keys.ts`).
 */
export async function openSigningKey(privateKey: KeyObject): Promise<SigningKey> {
  const algorithm = signingAlgorithmOf(privateKey);
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  return { signingKey, signingAlgorithm: algorithm };
}

function signingAlgorithmOf(privateKey: KeyObject): { name: string; hash: string; namedCurve?: string } {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey;
  if (type === 'ec' && details?.namedCurve === 'prime256v1') {
    return { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  }
  if (type === 'ec' && details?.namedCurve === 'secp384r1') {
    return { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
  }
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2048) {
    return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  }
  throw new Failure({
    code: 'issuer-key-unsupported',
    message:
      `a certificate authority cannot have a key of type ${type ?? 'unknown'} ${details?.namedCurve ?? details?.modulusLength ?? ''}`.trim(),
    why: 'libpq cannot log in with SCRAM to a server whose certificate such a key signed, or the key is too weak',
    remedy: 'Use ecdsaP256, ecdsaP384, or RSA of 2048 bits or more.',
  });
}
