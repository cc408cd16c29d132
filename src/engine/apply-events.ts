import type { Change } from '../model/change.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';

/** What an apply tells while it runs. */
export type ApplyEvent =
  /** First of all: how many changes there are. */
  | { readonly type: 'begin'; readonly total: number }
  | { readonly type: 'started'; readonly id: ResourceId; readonly target: TargetId }
  /** What a long write waits for. */
  | { readonly type: 'progress'; readonly id: ResourceId; readonly text: string }
  | {
      readonly type: 'done';
      readonly id: ResourceId;
      readonly target: TargetId;
      readonly change: Change;
      readonly milliseconds: number;
      readonly note?: string;
    }
  /** Looked at again at its turn: nothing to do after all. */
  | { readonly type: 'unchanged'; readonly id: ResourceId; readonly target: TargetId }
  | { readonly type: 'failed'; readonly id: ResourceId; readonly target: TargetId; readonly error: Error }
  /** Not tried, because `because` failed. */
  | { readonly type: 'skipped'; readonly id: ResourceId; readonly target: TargetId; readonly because: ResourceId }
  /** Interrupted: `running` changes are finished, no more are started. */
  | { readonly type: 'stopping'; readonly running: number };

export interface DoneChange {
  readonly id: ResourceId;
  readonly change: Change;
  readonly note?: string;
  /** This fleet did not have it before, whatever was there. */
  readonly isNew: boolean;
}

/** What came of an apply. */
export interface ApplyResult {
  readonly total: number;
  readonly done: readonly DoneChange[];
  readonly unchanged: readonly ResourceId[];
  readonly failed: readonly { readonly id: ResourceId; readonly error: Error }[];
  readonly skipped: readonly { readonly id: ResourceId; readonly because: ResourceId }[];
  /** Left to a command of their own. */
  readonly operations: readonly Change[];
  /** Not started because of an interruption. */
  readonly remaining: readonly ResourceId[];
  readonly interrupted: boolean;
}
