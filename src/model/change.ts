import type { ResourceId } from './ids.ts';

export type ChangeAction =
  | 'none'
  | 'create'
  | 'update'
  /** Takes over an object that was there before, allowed by the rule adopt-existing. */
  | 'adopt'
  | 'remove'
  /** Left the fleet but holds data: the mark is lifted, the thing stays. */
  | 'retain'
  /** Would retire something that a consumer may hold: `needs` names the operation; apply leaves it alone. */
  | 'operation'
  /** Depends on something that is created or changed first; apply looks again at its turn. */
  | 'mayChange'
  /** Cannot be done as asked (an unmarked object of that name, another fleet's mark): `reason` says why. */
  | 'refused';

/** One difference, as a person reads it. Values of secrets never stand here, only `version 7 → 8`. */
export interface FieldChange {
  readonly field: string;
  readonly before?: string;
  readonly after?: string;
  readonly note?: string;
}

export interface Change {
  readonly id: ResourceId;
  readonly action: ChangeAction;
  readonly fields: readonly FieldChange[];
  /** Why, for a person; apply never decides from it. */
  readonly reason?: string;
  /** With `operation`: the command that does it, for example `keywright rotate authority/infra`. */
  readonly needs?: string;
  /** With `refused`: stable error code and remedy. */
  readonly refusal?: { readonly code: string; readonly remedy: string };
}
