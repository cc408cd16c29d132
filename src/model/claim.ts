import type { SourcePointer } from './diagnostic.ts';
import type { ResourceId } from './ids.ts';

/** `<resource or document id>#<claim kind>[/<variant>]`, for example `DatabaseAccess/orders-app#login`. */
export type ClaimId = string & { readonly brand: 'ClaimId' };

export function claimId(subject: string, kind: string, ...variant: readonly string[]): ClaimId {
  return [`${subject}#${kind}`, ...variant.map(encodeURIComponent)].join('/') as ClaimId;
}

/** A sentence that can be measured. `spec` says what to measure, as plain data; the measurer of `kind` does it. */
export interface Claim<Spec = unknown> {
  readonly id: ClaimId;
  readonly kind: string;
  /** Present tense, no final period: "orders-app logs in over TLS 1.3, verify-full". */
  readonly sentence: string;
  /** Under which heading it is shown: a Postgres, Consumer, Store … name. */
  readonly group: string;
  /** The resources whose change makes this claim worth measuring again. */
  readonly restsOn: readonly ResourceId[];
  readonly spec: Spec;
  readonly document: string;
  readonly source?: SourcePointer;
}

export type Verdict = 'held' | 'broken' | 'unknown';

export interface Measurement {
  readonly verdict: Verdict;
  /** What was seen, with the source of the credential; never a secret value. */
  readonly seen: string;
  /** The statement or command that would mend it, where one is known. */
  readonly mend?: string;
}

export interface Evidence extends Measurement {
  readonly claim: Claim;
  /** Start of the measurement, ISO 8601. */
  readonly at: string;
  readonly milliseconds: number;
}
