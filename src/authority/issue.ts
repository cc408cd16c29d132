import type { Extension } from '@peculiar/x509';
import type { Environment } from '../model/environment.ts';
import { Failure } from '../model/failure.ts';
import type { Secret } from '../model/secret.ts';
import { readCertificate, sha256Hex } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { childrenOf, readDer } from './der.ts';
import { parseHosts } from './hosts.ts';
import type { HostName } from './hosts.ts';
import { generateKey, isKeyOf, openPrivateKey } from './keys.ts';
import type { KeyAlgorithm, KeyPair } from './keys.ts';
import { generationOf, nameDer } from './subject.ts';
import type { Subject } from './subject.ts';
import { newSerial, validity } from './validity.ts';
import { loadX509, openSigningKey } from './x509.ts';
import type { X509 } from './x509.ts';

/** A CA that signs: what `issueRoot` and `issueIntermediate` return is one. */
export interface Issuer {
  readonly certificatePem: string;
  readonly privateKey: Secret;
}

export interface IssuedCertificate extends Issuer {
  /** Lower-case hex, whole bytes. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the certificate's DER, lower-case hex. */
  readonly fingerprint: string;
  /** SHA-256 of the public key, lower-case hex. */
  readonly spkiSha256: string;
}

export interface CaRequest {
  readonly subject: Subject;
  /** From now; an intermediate never outlives its issuer. */
  readonly ttlMilliseconds: number;
  readonly key: KeyAlgorithm;
}

export interface LeafRequest {
  readonly issuer: Issuer;
  /** Default for servers: the first host. A client's common name is the role that it logs in as. */
  readonly subject?: Subject;
  /** Names and addresses that a server is reached by. A client needs none. */
  readonly hosts?: readonly string[];
  readonly usage: 'server' | 'client' | 'both';
  /** From now; a leaf never outlives its issuer. */
  readonly ttlMilliseconds: number;
  readonly key: KeyAlgorithm;
}

/**
 * Makes a self-signed root: one intermediate level below it (pathlen 1). Its name carries the beginning of its serial,
 * because verifiers mix up two generations of a CA that share a name.
 */
export async function issueRoot(request: CaRequest, environment: Environment): Promise<IssuedCertificate> {
  const serial = newSerial(environment);
  return issue({
    ...request,
    serial,
    subject: generationOf(request.subject, 'root', serial),
    validity: validity(request.ttlMilliseconds, environment),
    profile: { ca: true, pathLength: 1 },
  });
}

/** Makes an intermediate CA that signs leaves only (pathlen 0). Throws Failures about the issuer, as `issueLeaf`. */
export async function issueIntermediate(
  request: CaRequest & { readonly issuer: Issuer },
  environment: Environment,
): Promise<IssuedCertificate> {
  const serial = newSerial(environment);
  const issuer = openIssuer(request.issuer);
  if (issuer.pathLength === 0) {
    throw new Failure({
      code: 'issuer-allows-no-ca',
      message: `${issuer.subject.text} may sign leaves only (pathlen 0)`,
      why: 'verifiers refuse a certificate below a CA that was not allowed',
      remedy: 'Let the root sign the intermediate.',
    });
  }
  return issue({
    ...request,
    serial,
    subject: generationOf(request.subject, 'intermediate', serial),
    validity: validity(request.ttlMilliseconds, environment, issuer),
    profile: { ca: true, pathLength: 0 },
  });
}

/**
 * Makes a certificate for a server, a client or both, with a key of its own.
 *
 * Throws Failures: `host-not-certifiable`, `leaf-without-hosts`, `subject-not-certifiable`, `validity-impossible`,
 * `issuer-expired`, `issuer-not-ca`, `issuer-key-mismatch`, `issuer-key-unsupported`.
 */
export async function issueLeaf(request: LeafRequest, environment: Environment): Promise<IssuedCertificate> {
  const hosts = parseHosts(request.hosts ?? []);
  if (request.usage !== 'client' && hosts.length === 0) {
    throw new Failure({
      code: 'leaf-without-hosts',
      message: 'a server certificate needs at least one host',
      why: 'verify-full compares the name that a client connects to with the hosts in the certificate',
      remedy: 'Name the hosts that clients use.',
    });
  }
  // For people only: verifiers ignore the common name beside hosts, so a long host may be cut.
  const subject = request.subject ?? { commonName: (hosts[0]?.value ?? '').slice(0, 64) };
  return issue({
    ...request,
    subject,
    serial: newSerial(environment),
    validity: validity(request.ttlMilliseconds, environment, openIssuer(request.issuer)),
    profile: { ca: false, usage: request.usage, hosts },
  });
}

interface CaProfile {
  readonly ca: true;
  readonly pathLength: number;
}

interface LeafProfile {
  readonly ca: false;
  readonly usage: 'server' | 'client' | 'both';
  readonly hosts: readonly HostName[];
}

interface Order {
  /** Absent: self-signed. */
  readonly issuer?: Issuer;
  readonly subject: Subject;
  readonly serial: string;
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
  readonly key: KeyAlgorithm;
  readonly profile: CaProfile | LeafProfile;
}

async function issue(order: Order): Promise<IssuedCertificate> {
  const subject = nameDer(order.subject);
  const keyPair = await generateKey(order.key);
  const x509 = await loadX509();
  const issuer = order.issuer && readCertificate(order.issuer.certificatePem);
  const keyIdentifier = keyIdentifierOf(keyPair);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: order.serial,
    subject: new x509.Name(subject),
    issuer: new x509.Name(issuer?.subject.der ?? subject),
    ...order.validity,
    publicKey: new x509.PublicKey(keyPair.publicKey),
    extensions: [
      new x509.SubjectKeyIdentifierExtension(keyIdentifier),
      new x509.AuthorityKeyIdentifierExtension(issuer?.subjectKeyIdentifier ?? keyIdentifier),
      ...(order.profile.ca ? caExtensions(x509, order.profile) : leafExtensions(x509, order.profile)),
    ],
    ...(await openSigningKey(openPrivateKey((order.issuer ?? keyPair).privateKey))),
  });
  const made = readCertificate(certificate.toString('pem'));
  return {
    certificatePem: made.pem,
    privateKey: keyPair.privateKey,
    serial: made.serial,
    notBefore: made.notBefore,
    notAfter: made.notAfter,
    fingerprint: made.fingerprint,
    spkiSha256: made.spkiSha256,
  };
}

function caExtensions(x509: X509, { pathLength }: CaProfile): Extension[] {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
  ];
}

function leafExtensions(x509: X509, { usage, hosts }: LeafProfile): Extension[] {
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const purposes = { server: [serverAuth], client: [clientAuth], both: [serverAuth, clientAuth] };
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    // TLS 1.3 signs with the leaf's key. Java and GnuTLS refuse a leaf whose key usage does not allow that.
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(purposes[usage]),
    ...(hosts.length > 0 ? [new x509.SubjectAlternativeNameExtension([...hosts])] : []),
  ];
}

/** Refuses what no verifier would accept as issuer, before a key is made. */
export function openIssuer({ certificatePem, privateKey }: Issuer): Certificate {
  const certificate = readCertificate(certificatePem, 'the certificate of the authority');
  const keyUsages = certificate.keyUsages ?? [];
  if (!certificate.isCa || !keyUsages.includes('keyCertSign') || certificate.subjectKeyIdentifier === undefined) {
    throw new Failure({
      code: 'issuer-not-ca',
      message: `${certificate.subject.text} is no certificate authority`,
      why: 'verifiers refuse what it signs: it needs CA:TRUE, the key usage keyCertSign and a subject key identifier',
      remedy: 'Give the certificate of a certificate authority.',
    });
  }
  if (!isKeyOf(privateKey, certificate)) {
    throw new Failure({
      code: 'issuer-key-mismatch',
      message: `the private key is not the one of ${certificate.subject.text}`,
      why: 'nothing that it signs would be accepted as signed by that authority',
      remedy: 'Keep certificate and key of an authority in one entry, written together.',
    });
  }
  return certificate;
}

/** RFC 7093, 2, method 1: the first 160 bits of SHA-256 of the key's bits. Like the usual SHA-1, but without SHA-1. */
function keyIdentifierOf({ publicKey }: KeyPair): string {
  const bits = childrenOf(readDer(publicKey))[1];
  return sha256Hex(bits?.content.subarray(1) ?? publicKey).slice(0, 40);
}
