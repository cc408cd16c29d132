import { renewalTime } from '../../authority/due.ts';
import type { Resource } from '../../model/resource.ts';
import type { CertificateSpec } from './authority.spec.ts';
import type { SeenCertificate } from './certificate-observe.ts';

/** What a certificate that is there needs: `refresh` writes bundle, chain or mark anew and keeps leaf and key. */
export type Need = 'nothing' | 'refresh' | 'reissue';

export interface Judgement {
  readonly need: Need;
  readonly reasons: readonly string[];
}

type Check = (resource: Resource<CertificateSpec>, seen: SeenCertificate, now: Date) => readonly string[];

/** Each answers why the certificate has to be issued anew. */
const reissueChecks: readonly Check[] = [wasDeleted, wasChangedByHand, doesNotFit, wasRevoked, isDue];

/** Each answers why something around the leaf has to be written. */
const refreshChecks: readonly Check[] = [liesElsewhere, surroundingsAreOld, isNotRegistered, markIsMissing];

/** Decides from what was seen; `apply` and `diff` both ask, so that both say the same. */
export function judgeCertificate(resource: Resource<CertificateSpec>, seen: SeenCertificate, now: Date): Judgement {
  const reissue = reissueChecks.flatMap((check) => check(resource, seen, now));
  if (reissue.length > 0) {
    return { need: 'reissue', reasons: reissue };
  }
  const refresh = refreshChecks.flatMap((check) => check(resource, seen, now));
  return { need: refresh.length > 0 ? 'refresh' : 'nothing', reasons: refresh };
}

/** When it is to be renewed: spread by id and serial, so that certificates issued together do not all come at once. */
function renewalOf(
  { id, spec }: Resource<CertificateSpec>,
  leaf: { readonly notBefore: string; readonly notAfter: string; readonly serial: string },
): Date {
  const terms = {
    notBefore: new Date(leaf.notBefore),
    notAfter: new Date(leaf.notAfter),
    renewBeforeMilliseconds: spec.renewBeforeMilliseconds,
  };
  return renewalTime(terms, `${id} ${leaf.serial}`);
}

function wasDeleted(_resource: Resource<CertificateSpec>, { deleted }: SeenCertificate): string[] {
  return deleted ? ['was deleted by hand'] : [];
}

function wasChangedByHand(_resource: Resource<CertificateSpec>, { content }: SeenCertificate): string[] {
  return content === 'different' ? ['was changed by hand'] : [];
}

function doesNotFit(_resource: Resource<CertificateSpec>, { faults }: SeenCertificate): readonly string[] {
  return faults;
}

/** One that was revoked for not being active, and is still ours, is meant to be so: proofs present such a one. */
function wasRevoked(_resource: Resource<CertificateSpec>, { revoked, owner }: SeenCertificate): string[] {
  return revoked === 'asked' || (revoked === 'left' && owner.by !== 'us') ? ['was revoked'] : [];
}

function isDue(resource: Resource<CertificateSpec>, { notBefore, outputs }: SeenCertificate, now: Date): string[] {
  if (notBefore === undefined || outputs === undefined) {
    return [];
  }
  const due = renewalOf(resource, { notBefore, notAfter: String(outputs.notAfter), serial: String(outputs.serial) });
  return now >= due ? [`is due for renewal: it ends on ${String(outputs.notAfter).slice(0, 16)}Z`] : [];
}

function liesElsewhere(_resource: Resource<CertificateSpec>, { former }: SeenCertificate): string[] {
  if (former === undefined) {
    return [];
  }
  const place = `${former.path} of store ${former.store}`;
  return [former.moves ? `moves from ${place}` : `what is left at ${place} is let go`];
}

function surroundingsAreOld(_resource: Resource<CertificateSpec>, seen: SeenCertificate): string[] {
  return seen.surroundingsCurrent ? [] : ['the bundle or chain beside it is another one now'];
}

function isNotRegistered(_resource: Resource<CertificateSpec>, { registered }: SeenCertificate): string[] {
  return registered ? [] : ['its serial is registered, so that it can be revoked'];
}

function markIsMissing(_resource: Resource<CertificateSpec>, { content, owner }: SeenCertificate): string[] {
  return content === 'unknown' || owner.by !== 'us' ? ['its mark and fingerprint are made anew'] : [];
}
