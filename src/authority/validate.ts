import { Failure } from '../model/failure.ts';
import type { Secret } from '../model/secret.ts';
import { isSelfIssued, readBundle } from './bundle.ts';
import type { Certificate } from './certificate.ts';
import { dateFindings, finding, name, pathChecks } from './checks.ts';
import type { Finding } from './checks.ts';
import { readCrls } from './crl.ts';
import { isKeyOf } from './keys.ts';
import { findPath } from './path.ts';
import { listFindings, revocationFindings } from './revocation-checks.ts';

export type { Finding, FindingReason } from './checks.ts';

export interface PathQuestion {
  /** What one side presents: PEM, leaf first, then intermediates (`ssl_cert_file`, `sslcert`). */
  readonly presented: string;
  /** What the other side trusts: PEM (`sslrootcert`, `ssl_ca_file`). */
  readonly trusted: string;
  readonly purpose: 'server' | 'client';
  /** Every host that a client may use. */
  readonly hosts?: readonly string[];
  /** The leaf's key, to see that both belong together. */
  readonly privateKey?: Secret;
  /** Revocation lists of the trusting side, PEM. Undefined: it checks none. An empty text: it has none, and should. */
  readonly crls?: string;
}

/**
 * Judges a certificate as the other side of a connection will, before anything is written: PostgreSQL answers a bad
 * file with a line in its log at reload, and does not start with it at the next restart. Stricter than OpenSSL where
 * other verifiers are. An empty answer: everybody accepts it.
 */
export function validatePath(question: PathQuestion, now: Date): Finding[] {
  return readable(() => {
    const presented = readBundle(question.presented, 'the presented chain');
    const trusted = readBundle(question.trusted, 'the trusted bundle');
    const path = findPath(presented, trusted);
    const facts = { path, purpose: question.purpose, hosts: question.hosts ?? [], now };
    return [
      ...pathChecks.flatMap((check) => check(facts)),
      ...(question.crls === undefined ? [] : revocationFindings(path, readCrls(question.crls), now)),
      ...keyFindings(presented[0], question.privateKey),
    ];
  });
}

/**
 * Judges what a server trusts (`ssl_ca_file` and `ssl_crl_file`): every certificate a CA that is valid now, and, when
 * lists are given, a current one for each. One bad certificate makes PostgreSQL refuse the whole file.
 */
export function validateTrust(question: { readonly trusted: string; readonly crls?: string }, now: Date): Finding[] {
  return readable(() => {
    const trusted = readBundle(question.trusted, 'the trusted bundle');
    const roots = trusted.filter(isSelfIssued);
    return [
      ...(roots.length === 0
        ? [finding('root-not-trusted', 'the trusted bundle has no self-signed certificate, so no path ends in it')]
        : []),
      ...trusted
        .filter(({ isCa }) => !isCa)
        .map((certificate) => finding('issuer-not-ca', `${name(certificate)} in the trusted bundle is no CA`)),
      ...trusted.flatMap((certificate) => dateFindings(certificate, now)),
      ...(question.crls === undefined ? [] : listFindings(trusted, readCrls(question.crls), now)),
    ];
  });
}

function keyFindings(leaf: Certificate | undefined, privateKey: Secret | undefined): Finding[] {
  return leaf === undefined || privateKey === undefined || isKeyOf(privateKey, leaf)
    ? []
    : [finding('key-mismatch', `the private key does not belong to ${name(leaf)}`)];
}

/** What cannot be read is a finding like the others, so that one call judges whatever a file holds. */
function readable(judge: () => Finding[]): Finding[] {
  try {
    return judge();
  } catch (error) {
    if (error instanceof Failure) {
      return [finding('unreadable', error.message)];
    }
    throw error;
  }
}
