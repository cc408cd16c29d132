import { verify } from 'node:crypto';
import type { Environment } from '../model/environment.ts';
import { Failure } from '../model/failure.ts';
import { extensions, publicKeyOf, readAlgorithm, readAuthorityKey, readExtensions } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import {
  childrenOf,
  DerError,
  expectTag,
  readBits,
  readDer,
  readIntegerHex,
  readSmallInteger,
  readTime,
  tags,
  writeInteger,
} from './der.ts';
import { readDistinguishedName } from './distinguished-name.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { openIssuer } from './issue.ts';
import type { Issuer } from './issue.ts';
import { openPrivateKey } from './keys.ts';
import { formatPem, splitPem } from './pem.ts';
import { clockSkewMilliseconds, wholeSeconds } from './validity.ts';
import { loadX509, openSigningKey } from './x509.ts';

export interface Revocation {
  /** Lower-case hex, as in `Certificate.serial`. */
  readonly serial: string;
  readonly at: Date;
}

/** A certificate revocation list as it stands; `isCrlSignedBy` tells whether to believe it. */
export interface RevocationList {
  readonly pem: string;
  readonly issuer: DistinguishedName;
  readonly authorityKeyIdentifier?: string;
  readonly number?: number;
  readonly thisUpdate: Date;
  readonly nextUpdate?: Date;
  readonly revoked: readonly Revocation[];
}

export interface CrlRequest {
  readonly issuer: Issuer;
  readonly revoked: readonly Revocation[];
  /** Grows with each list of one CA (RFC 5280, 5.2.3). */
  readonly number: number;
  /**
   * Default: when the CA's own certificate ends, so that a fleet nobody keeps does not lock itself out: with an expired
   * list PostgreSQL refuses every client certificate.
   */
  readonly nextUpdate?: Date;
}

/** Makes the revocation list of one CA, also when it is empty. Throws as `issueLeaf` about the issuer. */
export async function issueCrl(request: CrlRequest, environment: Pick<Environment, 'now'>): Promise<string> {
  const issuer = openIssuer(request.issuer);
  const x509 = await loadX509();
  const bySerial = new Map<string, Revocation>();
  for (const revocation of request.revoked) {
    const earlier = bySerial.get(revocation.serial);
    if (earlier === undefined || revocation.at < earlier.at) {
      bySerial.set(revocation.serial, revocation);
    }
  }
  const crl = await x509.X509CrlGenerator.create({
    issuer: new x509.Name(issuer.subject.der),
    thisUpdate: wholeSeconds(environment.now().getTime() - clockSkewMilliseconds),
    nextUpdate: request.nextUpdate ?? issuer.notAfter,
    entries: [...bySerial.values()]
      .sort((one, other) => (one.serial < other.serial ? -1 : 1))
      .map(({ serial, at }) => ({
        serialNumber: serial,
        revocationDate: wholeSeconds(at.getTime()),
        // Without a reason the library writes an empty list of extensions, which RFC 5280 forbids.
        reason: x509.X509CrlReason.privilegeWithdrawn,
      })),
    extensions: [
      new x509.AuthorityKeyIdentifierExtension(issuer.subjectKeyIdentifier ?? ''),
      new x509.Extension(extensions.crlNumber, false, writeInteger(request.number)),
    ],
    ...(await openSigningKey(openPrivateKey(request.issuer.privateKey))),
  });
  return formatPem({ label: 'X509 CRL', der: new Uint8Array(crl.rawData) });
}

/** Reads every revocation list of a PEM file, in order. Throws a Failure `crl-unreadable` or `pem-unreadable`. */
export function readCrls(pem: string, what = 'the revocation list'): RevocationList[] {
  return splitPem(pem, what)
    .filter(({ label }) => label === 'X509 CRL')
    .map(({ der }) => {
      try {
        return parse(der);
      } catch (error) {
        if (error instanceof DerError) {
          throw unreadable(what, error.message);
        }
        throw error;
      }
    });
}

/** Reads the first revocation list of a PEM text. */
export function readCrl(pem: string, what = 'the revocation list'): RevocationList {
  const [first] = readCrls(pem, what);
  if (first === undefined) {
    throw unreadable(what, 'no PEM block X509 CRL');
  }
  return first;
}

/** Whether the CA's key signed the list. Its right to do so and the dates are looked at in `revocation-checks.ts`. */
export function isCrlSignedBy(crl: RevocationList, issuer: Certificate): boolean {
  const [list, algorithm, signature] = partsOf(splitPem(crl.pem)[0]?.der ?? new Uint8Array());
  const hash = hashes[readAlgorithm(algorithm)];
  if (hash === undefined || signature === undefined || list === undefined) {
    return false;
  }
  try {
    return verify(hash, list.whole, publicKeyOf(issuer), signature.content.subarray(1));
  } catch {
    // Thrown when the kinds of key and signature do not fit together.
    return false;
  }
}

const hashes: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};

function partsOf(der: Uint8Array): DerLists {
  return childrenOf(expectTag(readDer(der), tags.sequence, 'a revocation list'));
}

type DerLists = ReturnType<typeof childrenOf>;

function parse(der: Uint8Array): RevocationList {
  const [list, , signature] = partsOf(der);
  readBits(expectTag(signature, tags.bitString, 'the signature'));
  const fields = childrenOf(expectTag(list, tags.sequence, 'the signed part'));
  if (fields[0]?.tag === tags.integer) {
    // The version; a list without it is version 1.
    fields.shift();
  }
  const [, issuer, thisUpdate, ...rest] = fields;
  const hasNextUpdate = rest[0]?.tag === tags.utcTime || rest[0]?.tag === tags.generalizedTime;
  const nextUpdate = hasNextUpdate ? readTime(rest.shift()) : undefined;
  const entries = rest[0]?.tag === tags.sequence ? childrenOf(rest[0]) : [];
  const found = readExtensions(rest.find(({ tag }) => tag === tags.contextConstructed(0)));
  const number = found.get(extensions.crlNumber)?.value;
  return {
    pem: formatPem({ label: 'X509 CRL', der }),
    issuer: readDistinguishedName(expectTag(issuer, tags.sequence, 'the issuer')),
    authorityKeyIdentifier: readAuthorityKey(found.get(extensions.authorityKeyIdentifier)?.value),
    number: number && readSmallInteger(number),
    thisUpdate: readTime(thisUpdate),
    nextUpdate,
    revoked: entries.map((entry) => {
      const [serial, at] = childrenOf(entry);
      return { serial: readIntegerHex(expectTag(serial, tags.integer, 'a revoked serial')), at: readTime(at) };
    }),
  };
}

function unreadable(what: string, reason: string): Failure {
  return new Failure({
    code: 'crl-unreadable',
    message: `${what} cannot be read: ${reason}`,
    why: 'PostgreSQL refuses a damaged file, and without a list it refuses every client certificate of that CA',
    remedy: 'Let `keywright apply` write the list anew.',
  });
}
