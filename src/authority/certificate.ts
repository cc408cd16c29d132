import { createHash, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import {
  childrenOf,
  DerError,
  expectTag,
  readBits,
  readDer,
  readIntegerHex,
  readObjectIdentifier,
  readSmallInteger,
  readTime,
  tags,
} from './der.ts';
import type { DerValue } from './der.ts';
import { readDistinguishedName } from './distinguished-name.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { formatPem, splitPem } from './pem.ts';

/** What a certificate says of itself. Nothing here is checked: see `validate.ts`. */
export interface Certificate {
  /** One block, in our own form. */
  readonly pem: string;
  readonly der: Uint8Array;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Lower-case hex, whole bytes, without a sign byte. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** dNSName entries, as they stand. */
  readonly dnsNames: readonly string[];
  /** iPAddress entries, in the shortest spelling. */
  readonly ipAddresses: readonly string[];
  /** All of both. */
  readonly hosts: readonly string[];
  readonly isCa: boolean;
  /** How many CAs may follow below this one; undefined: no limit. */
  readonly pathLength?: number;
  /** Names of RFC 5280, 4.2.1.3. Undefined: no such extension, which allows everything. */
  readonly keyUsages?: readonly string[];
  /** `serverAuth`, `clientAuth`, others as object identifiers. Undefined: no such extension. */
  readonly extendedKeyUsages?: readonly string[];
  /** Lower-case hex. */
  readonly subjectKeyIdentifier?: string;
  readonly authorityKeyIdentifier?: string;
  /** Object identifiers of the extensions that a verifier must understand. */
  readonly criticalExtensions: readonly string[];
  /** Object identifier of the signature's algorithm. */
  readonly signatureAlgorithm: string;
  /** SHA-256 of the DER, lower-case hex: what a TLS probe compares. */
  readonly fingerprint: string;
  /** SHA-256 of the subject's public key (SubjectPublicKeyInfo), lower-case hex. */
  readonly spkiSha256: string;
}

export const extensions = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

const keyUsageNames = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

const extendedKeyUsageNames: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
};

/**
 * Reads the first certificate of a PEM text, with the extensions that `node:crypto` does not show.
 *
 * Throws a Failure `certificate-unreadable` when there is none, or when this reader or OpenSSL cannot make it out.
 */
export function readCertificate(pem: string, what = 'the certificate'): Certificate {
  const first = splitPem(pem, what).find(({ label }) => label === 'CERTIFICATE');
  if (first === undefined) {
    throw unreadable(what, 'no PEM block CERTIFICATE');
  }
  return readCertificateDer(first.der, what);
}

/** The same from DER. */
export function readCertificateDer(der: Uint8Array, what = 'the certificate'): Certificate {
  try {
    // OpenSSL is the reader that decides in PostgreSQL: what it refuses is no certificate for us either.
    void new X509Certificate(der).publicKey;
    return parse(der);
  } catch (error) {
    throw unreadable(what, error instanceof DerError ? error.message : 'OpenSSL cannot read it');
  }
}

/** The subject's public key, for checking what it signed. */
export function publicKeyOf(certificate: Certificate): KeyObject {
  return new X509Certificate(certificate.der).publicKey;
}

/** Whether the issuer's key signed the certificate. Nothing else about either is looked at. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  try {
    return new X509Certificate(certificate.der).verify(publicKeyOf(issuer));
  } catch {
    // OpenSSL throws when the kinds of key and signature do not fit together.
    return false;
  }
}

/** A serial as `pg_stat_ssl.client_serial` shows it. */
export function decimalSerial(serial: string): string {
  return BigInt(`0x${serial}`).toString();
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function parse(der: Uint8Array): Certificate {
  const [tbs, algorithm] = childrenOf(expectTag(readDer(der), tags.sequence, 'a certificate'));
  const fields = childrenOf(expectTag(tbs, tags.sequence, 'the signed part'));
  if (fields[0]?.tag === tags.contextConstructed(0)) {
    // The version; a certificate without it is version 1 and has no extensions.
    fields.shift();
  }
  const [serial, , issuer, validity, subject, publicKey, ...optional] = fields;
  const [notBefore, notAfter] = childrenOf(expectTag(validity, tags.sequence, 'the validity'));
  const found = readExtensions(optional.find(({ tag }) => tag === tags.contextConstructed(3)));
  const constraints = readBasicConstraints(found.get(extensions.basicConstraints)?.value);
  const names = readAlternativeNames(found.get(extensions.subjectAlternativeName)?.value);
  const keyUsage = found.get(extensions.keyUsage)?.value;
  const extendedKeyUsage = found.get(extensions.extendedKeyUsage)?.value;
  const subjectKey = found.get(extensions.subjectKeyIdentifier)?.value;
  return {
    pem: formatPem({ label: 'CERTIFICATE', der }),
    der,
    subject: readDistinguishedName(expectTag(subject, tags.sequence, 'the subject')),
    issuer: readDistinguishedName(expectTag(issuer, tags.sequence, 'the issuer')),
    serial: readIntegerHex(expectTag(serial, tags.integer, 'the serial number')),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    ...names,
    hosts: [...names.dnsNames, ...names.ipAddresses],
    ...constraints,
    keyUsages: keyUsage === undefined ? undefined : readBits(keyUsage).map((bit) => keyUsageNames[bit] ?? String(bit)),
    extendedKeyUsages:
      extendedKeyUsage === undefined
        ? undefined
        : childrenOf(extendedKeyUsage)
            .map(readObjectIdentifier)
            .map((usage) => extendedKeyUsageNames[usage] ?? usage),
    subjectKeyIdentifier:
      subjectKey === undefined ? undefined : hex(expectTag(subjectKey, tags.octetString, 'the key identifier').content),
    authorityKeyIdentifier: readAuthorityKey(found.get(extensions.authorityKeyIdentifier)?.value),
    criticalExtensions: [...found].filter(([, { critical }]) => critical).map(([id]) => id),
    signatureAlgorithm: readAlgorithm(algorithm),
    fingerprint: sha256Hex(der),
    spkiSha256: sha256Hex(expectTag(publicKey, tags.sequence, 'the public key').whole),
  };
}

interface Extension {
  readonly critical: boolean;
  readonly value: DerValue;
}

/** Extensions by object identifier, from the explicitly tagged field of a certificate or revocation list. */
export function readExtensions(field: DerValue | undefined): ReadonlyMap<string, Extension> {
  if (field === undefined) {
    return new Map();
  }
  const list = childrenOf(expectTag(childrenOf(field)[0], tags.sequence, 'the extensions'));
  return new Map(
    list.map((extension) => {
      const parts = childrenOf(expectTag(extension, tags.sequence, 'an extension'));
      const id = readObjectIdentifier(expectTag(parts[0], tags.objectIdentifier, 'the name of an extension'));
      const critical = parts[1]?.tag === tags.boolean && parts[1].content[0] !== 0;
      const value = readDer(expectTag(parts.at(-1), tags.octetString, 'the value of an extension').content);
      return [id, { critical, value }];
    }),
  );
}

/** keyIdentifier of an authorityKeyIdentifier extension, hex. */
export function readAuthorityKey(value: DerValue | undefined): string | undefined {
  const keyIdentifier = value && childrenOf(value).find(({ tag }) => tag === tags.context(0));
  return keyIdentifier && hex(keyIdentifier.content);
}

/** Object identifier of an AlgorithmIdentifier. */
export function readAlgorithm(value: DerValue | undefined): string {
  const [id] = childrenOf(expectTag(value, tags.sequence, 'the signature algorithm'));
  return readObjectIdentifier(expectTag(id, tags.objectIdentifier, 'the signature algorithm'));
}

function readBasicConstraints(value: DerValue | undefined): Pick<Certificate, 'isCa' | 'pathLength'> {
  const fields = value === undefined ? [] : childrenOf(value);
  const pathLength = fields.find(({ tag }) => tag === tags.integer);
  return {
    isCa: fields.some(({ tag, content }) => tag === tags.boolean && content[0] !== 0),
    pathLength: pathLength && readSmallInteger(pathLength),
  };
}

function readAlternativeNames(value: DerValue | undefined): Pick<Certificate, 'dnsNames' | 'ipAddresses'> {
  const names = value === undefined ? [] : childrenOf(value);
  const of = (type: number): Uint8Array[] =>
    names.filter(({ tag }) => tag === tags.context(type)).map((name) => name.content);
  return {
    dnsNames: of(2).map((name) => Buffer.from(name).toString('latin1')),
    ipAddresses: of(7).map(ipAddressText),
  };
}

function ipAddressText(bytes: Uint8Array): string {
  if (bytes.length === 4) {
    return bytes.join('.');
  }
  const groups = hex(bytes).match(/.{4}/g) ?? [];
  // A URL host knows the shortest spelling of RFC 5952.
  return groups.length === 8 ? new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1) : `invalid ${hex(bytes)}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function unreadable(what: string, reason: string): Failure {
  return new Failure({
    code: 'certificate-unreadable',
    message: `${what} cannot be read: ${reason}`,
    why: 'PostgreSQL keeps its old certificates when a file is bad at reload, and does not start with it at the next restart',
    remedy: 'Put a PEM file with whole certificates there.',
  });
}
