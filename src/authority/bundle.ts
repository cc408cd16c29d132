import { Failure } from '../model/failure.ts';
import { isSignedBy, readCertificateDer } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { splitPem } from './pem.ts';

/**
 * Reads every certificate of a PEM file, in order. Other kinds of block are an error: a private key in a bundle is a
 * leak, and OpenSSL passes over it in silence.
 */
export function readBundle(pem: string, what = 'the bundle'): Certificate[] {
  const blocks = splitPem(pem, what);
  const foreign = blocks.find(({ label }) => label !== 'CERTIFICATE');
  if (foreign !== undefined || blocks.length === 0) {
    throw new Failure({
      code: 'bundle-unreadable',
      message: foreign === undefined ? `${what} is empty` : `${what} holds a block ${foreign.label}`,
      why: 'PostgreSQL refuses a bundle without certificates, and a bundle is read by many',
      remedy: 'Put nothing but PEM blocks CERTIFICATE there, at least one.',
    });
  }
  return blocks.map(({ der }, index) => readCertificateDer(der, `certificate ${index + 1} of ${what}`));
}

/** One PEM text of several: each certificate once, in the order of its first place. */
export function joinBundle(pems: readonly string[]): string {
  return unique(pems.flatMap((pem) => readBundle(pem)))
    .map(({ pem }) => pem)
    .join('');
}

/**
 * What a server or client presents (`ssl_cert_file`, `sslcert`): the leaf, then each issuer that was given, without the
 * self-signed root, which the other side has to hold anyway. Certificates that do not belong to the chain are left out.
 */
export function presentedChain(leafPem: string, issuerPems: readonly string[]): string {
  const pool = issuerPems.flatMap((pem) => readBundle(pem)).filter((issuer) => !isSelfIssued(issuer));
  const chain = readBundle(leafPem).slice(0, 1);
  for (let current = chain[0]; current !== undefined;) {
    const below = current;
    current = pool.find(
      (issuer) =>
        issuer.subject.comparable === below.issuer.comparable && !chain.includes(issuer) && isSignedBy(below, issuer),
    );
    if (current !== undefined) {
      chain.push(current);
    }
  }
  return chain.map(({ pem }) => pem).join('');
}

/** Subject and issuer are one name: a root, or a CA's certificate for its own next key. */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.subject.comparable === certificate.issuer.comparable;
}

export function unique(certificates: readonly Certificate[]): Certificate[] {
  return [...new Map(certificates.map((certificate) => [certificate.fingerprint, certificate])).values()];
}
