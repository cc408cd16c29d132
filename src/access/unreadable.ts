import { Failure } from '../model/failure.ts';

/** A place in a text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** An expected failure about a place in a policy's text. The text itself is not quoted beyond single words. */
export function unreadable(policy: string, at: Place, what: string, remedy?: string): Failure {
  return new Failure({
    code: 'policy-unreadable',
    message: `policy ${policy}, line ${at.line}, column ${at.column}: ${what}`,
    object: policy,
    line: at.line,
    remedy,
  });
}
