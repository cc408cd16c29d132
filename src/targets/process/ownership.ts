import type { InventoryRecord } from '../../engine/interfaces.ts';
import type { Change } from '../../model/change.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { readMark } from './mark.ts';

export interface OwnershipQuestion {
  readonly fleet: string;
  readonly id: ResourceId;
  /** The comment that bears the mark, if any. */
  readonly comment: string | null | undefined;
  /** initdb made it, in a server of ours. */
  readonly initial?: boolean;
  readonly wanted?: Resource;
  readonly recorded?: InventoryRecord;
}

export type Ownership =
  | { readonly owner: 'us' }
  /** Not marked, but may be taken over; `why` says on what ground. */
  | { readonly owner: 'adoptable'; readonly why: string }
  | { readonly owner: 'other'; readonly why: string; readonly code: string; readonly remedy: string };

/** Whose an object is that is there already. The rules are decision 4 of the design. */
export function judgeOwnership({ fleet, id, comment, initial, wanted, recorded }: OwnershipQuestion): Ownership {
  const mark = readMark(comment);
  if (mark?.fleet === fleet && mark.id === id) {
    return { owner: 'us' };
  }
  if (mark !== undefined) {
    return {
      owner: 'other',
      code: 'foreign-mark',
      why:
        mark.fleet === fleet
          ? `it is ${mark.id} of this fleet`
          : `it belongs to fleet ${mark.fleet} (as ${mark.id}), this is fleet ${fleet}`,
      remedy: 'choose another name, or take it out of the other one first',
    };
  }
  if (initial === true) {
    return { owner: 'us' };
  }
  if (recorded?.state === 'intended') {
    return { owner: 'us' };
  }
  const allowance = wanted?.allow?.find(({ rule }) => rule === 'adopt-existing');
  if (allowance !== undefined) {
    return { owner: 'adoptable', why: `taken over: ${allowance.reason}` };
  }
  if (recorded?.state === 'retained') {
    return { owner: 'adoptable', why: 'was kept when it left the fleet' };
  }
  return {
    owner: 'other',
    code: 'adopt-existing',
    why:
      recorded?.state === 'present'
        ? 'it bears no mark of this fleet any more: somebody made it anew, or replaced its comment'
        : 'it is there already and was not made by Keywright',
    remedy: 'choose another name, or take it over: `allow: [{ rule: adopt-existing, reason: … }]`',
  };
}

/** The change for something that stays as it is because it is not ours. */
export function refused(id: ResourceId, ownership: Extract<Ownership, { owner: 'other' }>): Change {
  const { code, why, remedy } = ownership;
  return { id, action: 'refused', fields: [], reason: why, refusal: { code, remedy } };
}

/**
 * The change for what left the fleet: removed or retained when it is ours, left alone (and only forgotten) when it is
 * not.
 */
export function leavingChange(question: OwnershipQuestion, onRemoval: 'remove' | 'retain', reason?: string): Change {
  const { id, recorded } = question;
  const ownership = judgeOwnership(question);
  if (ownership.owner !== 'us') {
    return { id, action: 'retain', fields: [], reason: `left the fleet; stays, because ${notOurs(ownership)}` };
  }
  const policy = recorded?.reclaimPolicy ?? (onRemoval === 'retain' ? 'retain' : 'delete');
  return { id, action: policy === 'retain' ? 'retain' : 'remove', fields: [], reason: reason ?? 'left the fleet' };
}

function notOurs(ownership: Exclude<Ownership, { owner: 'us' }>): string {
  return ownership.owner === 'other' && ownership.code === 'foreign-mark' ? ownership.why : 'it bears no mark of ours';
}
