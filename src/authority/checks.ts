import { isSelfIssued } from './bundle.ts';
import { extensions, publicKeyOf } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { matchesStrictly } from './host-match.ts';
import type { CertificationPath } from './path.ts';

/** What is wrong. The reason is stable and for programs; the sentence is for people and has no final period. */
export interface Finding {
  readonly reason: FindingReason;
  readonly sentence: string;
}

export type FindingReason =
  /** A PEM file, certificate, list or key cannot be read. */
  | 'unreadable'
  | 'issuer-missing'
  /** The bundle has a CA of the issuer's name, with another key. */
  | 'signature-mismatch'
  /** The path ends at a self-signed certificate that is not in the bundle. */
  | 'root-not-trusted'
  | 'issuer-ambiguous'
  | 'not-yet-valid'
  | 'expired'
  | 'issuer-not-ca'
  | 'issuer-may-not-sign'
  | 'path-too-long'
  | 'purpose-missing'
  | 'leaf-may-not-sign'
  /** A rule of RFC 5280 that only strict verifiers insist on (Python 3.13, `-x509_strict`). */
  | 'not-strict'
  | 'extension-not-understood'
  /** Ed25519 CA: breaks SCRAM logins of libpq. */
  | 'issuer-breaks-scram'
  | 'weak'
  | 'host-mismatch'
  | 'key-mismatch'
  | 'revoked'
  | 'crl-missing'
  | 'crl-expired'
  | 'crl-not-yet-valid'
  | 'crl-issuer-may-not-sign';

export interface PathFacts {
  readonly path: CertificationPath;
  readonly purpose: 'server' | 'client';
  readonly hosts: readonly string[];
  readonly now: Date;
}

export type Check = (facts: PathFacts) => readonly Finding[];

/** What must be right with a path, beside revocation and the private key. Order: what to mend first. */
export const pathChecks: readonly Check[] = [
  pathDoesNotReachTrust,
  issuerIsAmbiguous,
  datesDoNotFit,
  issuerIsNoCa,
  issuerMayNotSign,
  pathIsTooLong,
  purposeIsMissing,
  leafMayNotSign,
  issuerBreaksScram,
  keyOrSignatureIsWeak,
  extensionIsNotUnderstood,
  isNotStrict,
  hostDoesNotMatch,
];

function pathDoesNotReachTrust({ path }: PathFacts): Finding[] {
  const last = path.certificates.at(-1) as Certificate;
  switch (path.end) {
    case 'trusted':
      return [];
    case 'issuerMissing':
      return [finding('issuer-missing', `${name(last)} was issued by ${last.issuer.text}, which is not in the bundle`)];
    case 'signedByNoneOfThatName':
      return [
        finding('signature-mismatch', `${name(last)} was signed by another key than that of ${last.issuer.text} here`),
      ];
    case 'rootNotTrusted':
      return [finding('root-not-trusted', `${name(last)} is self-signed and not in the bundle`)];
  }
}

function issuerIsAmbiguous({ path: { ambiguous } }: PathFacts): Finding[] {
  return ambiguous === undefined
    ? []
    : [
        finding(
          'issuer-ambiguous',
          `${name(ambiguous)} has no authority key identifier, and more than one CA is called ${ambiguous.issuer.text}`,
        ),
      ];
}

function datesDoNotFit({ path, now }: PathFacts): Finding[] {
  return path.certificates.flatMap((certificate) => dateFindings(certificate, now));
}

export function dateFindings(certificate: Certificate, now: Date): Finding[] {
  if (now < certificate.notBefore) {
    return [finding('not-yet-valid', `${name(certificate)} is valid from ${certificate.notBefore.toISOString()}`)];
  }
  if (now > certificate.notAfter) {
    return [finding('expired', `${name(certificate)} expired on ${certificate.notAfter.toISOString()}`)];
  }
  return [];
}

function issuerIsNoCa({ path }: PathFacts): Finding[] {
  return issuersOf(path)
    .filter(({ isCa }) => !isCa)
    .map((issuer) =>
      finding('issuer-not-ca', `${name(issuer)} signed a certificate and is no CA (CA:TRUE is missing)`),
    );
}

function issuerMayNotSign({ path }: PathFacts): Finding[] {
  return issuersOf(path)
    .filter(({ keyUsages }) => keyUsages !== undefined && !keyUsages.includes('keyCertSign'))
    .map((issuer) => finding('issuer-may-not-sign', `${name(issuer)} lacks the key usage keyCertSign`));
}

function pathIsTooLong({ path }: PathFacts): Finding[] {
  return issuersOf(path).flatMap((issuer, index) => {
    // A self-issued certificate does not count (RFC 5280, 6.1.4 (l)): it is a CA's own change of key.
    const below = issuersOf(path)
      .slice(0, index)
      .filter((certificate) => !isSelfIssued(certificate)).length;
    return issuer.pathLength !== undefined && below > issuer.pathLength
      ? [finding('path-too-long', `${name(issuer)} allows ${issuer.pathLength} CAs below it, and there are ${below}`)]
      : [];
  });
}

function purposeIsMissing({ path, purpose }: PathFacts): Finding[] {
  const wanted = purpose === 'server' ? 'serverAuth' : 'clientAuth';
  return path.certificates
    .filter(({ extendedKeyUsages }) => extendedKeyUsages !== undefined && !extendedKeyUsages.includes(wanted))
    .map((certificate) => finding('purpose-missing', `${name(certificate)} lacks the extended key usage ${wanted}`));
}

function leafMayNotSign({ path }: PathFacts): Finding[] {
  const leaf = path.certificates[0] as Certificate;
  return leaf.keyUsages === undefined || leaf.keyUsages.includes('digitalSignature')
    ? []
    : [
        finding(
          'leaf-may-not-sign',
          `${name(leaf)} lacks the key usage digitalSignature, which Java and GnuTLS demand`,
        ),
      ];
}

function issuerBreaksScram({ path }: PathFacts): Finding[] {
  return issuersOf(path)
    .filter((issuer) => ['ed25519', 'ed448'].includes(publicKeyOf(issuer).asymmetricKeyType ?? ''))
    .map((issuer) =>
      finding(
        'issuer-breaks-scram',
        `${name(issuer)} has an Ed25519 or Ed448 key: SCRAM logins of libpq fail below it`,
      ),
    );
}

/** MD5 and SHA-1, with RSA, DSA and ECDSA: OpenSSL's default security level refuses them in TLS. */
const weakSignatures = new Set([
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10040.4.3',
  '1.2.840.10045.4.1',
]);

function keyOrSignatureIsWeak({ path }: PathFacts): Finding[] {
  return path.certificates.flatMap((certificate) => {
    const isWeakKey = (publicKeyOf(certificate).asymmetricKeyDetails?.modulusLength ?? 2048) < 2048;
    // Nobody checks the signature of what is trusted as it stands.
    const isWeakSignature = weakSignatures.has(certificate.signatureAlgorithm) && !isSelfIssued(certificate);
    return [
      ...(isWeakKey ? [finding('weak', `${name(certificate)} has a key of less than 2048 bits`)] : []),
      ...(isWeakSignature ? [finding('weak', `${name(certificate)} was signed with MD5 or SHA-1`)] : []),
    ];
  });
}

function extensionIsNotUnderstood({ path }: PathFacts): Finding[] {
  const understood: readonly string[] = Object.values(extensions);
  return path.certificates.flatMap((certificate) =>
    certificate.criticalExtensions
      .filter((id) => !understood.includes(id))
      .map((id) =>
        finding('extension-not-understood', `${name(certificate)} has the critical extension ${id}, not checked here`),
      ),
  );
}

function isNotStrict({ path }: PathFacts): Finding[] {
  const issuers = issuersOf(path);
  return [
    ...path.certificates
      .filter((certificate) => certificate.authorityKeyIdentifier === undefined && !isSelfIssued(certificate))
      .map((certificate) => finding('not-strict', `${name(certificate)} has no authority key identifier`)),
    ...issuers
      .filter(({ subjectKeyIdentifier }) => subjectKeyIdentifier === undefined)
      .map((issuer) => finding('not-strict', `${name(issuer)} has no subject key identifier`)),
    ...issuers
      .filter(({ keyUsages }) => keyUsages === undefined)
      .map((issuer) => finding('not-strict', `${name(issuer)} is a CA without key usage`)),
    ...issuers
      .filter(({ isCa, criticalExtensions }) => isCa && !criticalExtensions.includes(extensions.basicConstraints))
      .map((issuer) => finding('not-strict', `the basic constraints of ${name(issuer)} are not critical`)),
  ];
}

function hostDoesNotMatch({ path, hosts }: PathFacts): Finding[] {
  const leaf = path.certificates[0] as Certificate;
  return hosts
    .filter((host) => !matchesStrictly(leaf, host))
    .map((host) =>
      finding('host-mismatch', `${name(leaf)} is for ${leaf.hosts.join(', ') || 'no host'}, not for ${host}`),
    );
}

/** Everything above the leaf. */
function issuersOf(path: CertificationPath): readonly Certificate[] {
  return path.certificates.slice(1);
}

export function finding(reason: FindingReason, sentence: string): Finding {
  return { reason, sentence };
}

/** How a sentence calls a certificate: `CN=orders.site-a.localhost (serial 5f…)`. */
export function name(certificate: Certificate): string {
  return `${certificate.subject.text} (serial ${certificate.serial})`;
}
