import { isSelfIssued, unique } from './bundle.ts';
import { isSignedBy } from './certificate.ts';
import type { Certificate } from './certificate.ts';

/** The way from a leaf to something trusted, as far as it could be found. */
export interface CertificationPath {
  /** Leaf first, each followed by the certificate whose key signed it. */
  readonly certificates: readonly Certificate[];
  /** Where it ends. */
  readonly end: 'trusted' | 'issuerMissing' | 'signedByNoneOfThatName' | 'rootNotTrusted';
  /** More than one CA of an issuer's name was there, and nothing in the certificate says which one signed it. */
  readonly ambiguous?: Certificate;
}

/** Longer ones do not occur, and a bound keeps a bundle that was made to hurt from doing so. */
const longestPath = 10;

/**
 * Finds the way from the first of the presented certificates to a self-signed one in the trusted bundle, as OpenSSL
 * demands it: an intermediate in the bundle is no end (no partial chains). Of several ways it takes a whole one.
 */
export function findPath(presented: readonly Certificate[], trusted: readonly Certificate[]): CertificationPath {
  const [leaf] = presented;
  if (leaf === undefined) {
    throw new RangeError('no certificate to find a path for');
  }
  const roots = new Set(trusted.map(({ fingerprint }) => fingerprint));
  const pool = unique([...trusted, ...presented.slice(1)]);
  return extend([leaf], pool, roots);
}

function extend(
  certificates: readonly Certificate[],
  pool: readonly Certificate[],
  trusted: ReadonlySet<string>,
): CertificationPath {
  const last = certificates.at(-1) as Certificate;
  if (isSelfIssued(last) && isSignedBy(last, last)) {
    return { certificates, end: trusted.has(last.fingerprint) ? 'trusted' : 'rootNotTrusted' };
  }
  const named = pool.filter(({ subject }) => subject.comparable === last.issuer.comparable);
  const possible = named.filter((issuer) => fitsKeyIdentifier(last, issuer) && !certificates.includes(issuer));
  const signers = certificates.length < longestPath ? possible.filter((issuer) => isSignedBy(last, issuer)) : [];
  const ways = signers.map((issuer) => extend([...certificates, issuer], pool, trusted));
  const best: CertificationPath = ways.find(({ end }) => end === 'trusted') ??
    ways[0] ?? { certificates, end: named.length === 0 ? 'issuerMissing' : 'signedByNoneOfThatName' };
  const isAmbiguous =
    possible.length > signers.length && last.authorityKeyIdentifier === undefined && signers.length > 0;
  return isAmbiguous ? { ...best, ambiguous: last } : best;
}

function fitsKeyIdentifier(certificate: Certificate, issuer: Certificate): boolean {
  return (
    certificate.authorityKeyIdentifier === undefined ||
    issuer.subjectKeyIdentifier === undefined ||
    certificate.authorityKeyIdentifier === issuer.subjectKeyIdentifier
  );
}
