import type { Failure } from './failure.ts';

/**
 * What a live system said about one thing. "Could not ask" is an answer of its own and is never treated as "not there":
 * an unreachable system must not look empty, or everything in it would be made again.
 */
export type Answer<T> =
  | { readonly state: 'present'; readonly seen: T }
  | { readonly state: 'absent' }
  /** The system that would hold the thing is itself still to be made (`exists: false`) or started (`exists: true`). */
  | { readonly state: 'notYet'; readonly why: string; readonly exists: boolean }
  /** `failure`: where more is known than why, for example what to do. */
  | { readonly state: 'couldNotAsk'; readonly why: string; readonly failure?: Failure };

export const absent: Answer<never> = { state: 'absent' };

export function present<T>(seen: T): Answer<T> {
  return { state: 'present', seen };
}

export function couldNotAsk(why: string, failure?: Failure): Answer<never> {
  return failure === undefined ? { state: 'couldNotAsk', why } : { state: 'couldNotAsk', why, failure };
}

export function notYet(why: string, exists: boolean): Answer<never> {
  return { state: 'notYet', why, exists };
}
