import { unique } from './bundle.ts';
import { finding, name } from './checks.ts';
import type { Finding } from './checks.ts';
import type { Certificate } from './certificate.ts';
import { isCrlSignedBy } from './crl.ts';
import type { RevocationList } from './crl.ts';
import type { CertificationPath } from './path.ts';

/**
 * Judges a path as PostgreSQL does once `ssl_crl_file` is set (OpenSSL's CRL_CHECK_ALL): every certificate of it, the
 * root too, needs a current list of its issuer, and none may stand in it. A path that reaches no trusted root is not
 * looked at: whoever ends it has no list here.
 */
export function revocationFindings(path: CertificationPath, crls: readonly RevocationList[], now: Date): Finding[] {
  if (path.end !== 'trusted') {
    return [];
  }
  const revoked = path.certificates.flatMap((certificate, index) => {
    const list = newestOf(crls, issuerAt(path, index));
    const revocation = list?.revoked.find(({ serial }) => serial === certificate.serial);
    return revocation === undefined
      ? []
      : [finding('revoked', `${name(certificate)} was revoked on ${revocation.at.toISOString()}`)];
  });
  const issuers = unique(path.certificates.map((_, index) => issuerAt(path, index)));
  return [...revoked, ...listFindings(issuers, crls, now)];
}

/** The root comes last, and issued itself. */
function issuerAt({ certificates }: CertificationPath, index: number): Certificate {
  return (certificates[index + 1] ?? certificates[index]) as Certificate;
}

/** Whether each CA has a list that is signed by it and valid now. */
export function listFindings(issuers: readonly Certificate[], crls: readonly RevocationList[], now: Date): Finding[] {
  return issuers.flatMap((issuer) => {
    const list = newestOf(crls, issuer);
    if (list === undefined) {
      return [finding('crl-missing', `${name(issuer)} has no revocation list: every certificate below it is refused`)];
    }
    const findings: Finding[] = [];
    if (now < list.thisUpdate) {
      findings.push(
        finding(
          'crl-not-yet-valid',
          `the revocation list of ${name(issuer)} is valid from ${list.thisUpdate.toISOString()}`,
        ),
      );
    }
    if (list.nextUpdate !== undefined && now > list.nextUpdate) {
      findings.push(
        finding('crl-expired', `the revocation list of ${name(issuer)} expired on ${list.nextUpdate.toISOString()}`),
      );
    }
    if (issuer.keyUsages !== undefined && !issuer.keyUsages.includes('cRLSign')) {
      findings.push(finding('crl-issuer-may-not-sign', `${name(issuer)} lacks the key usage cRLSign`));
    }
    return findings;
  });
}

/** The newest of the lists that the CA signed. */
function newestOf(crls: readonly RevocationList[], issuer: Certificate): RevocationList | undefined {
  return crls
    .filter((crl) => crl.issuer.comparable === issuer.subject.comparable && isCrlSignedBy(crl, issuer))
    .toSorted((one, other) => other.thisUpdate.getTime() - one.thisUpdate.getTime())[0];
}
