import type { DiffContext, InventoryRecord } from '../../engine/interfaces.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { readMark, withMark, withoutMark } from '../process/mark.ts';
import { judgeOwnership, leavingChange, refused } from '../process/ownership.ts';
import { commentOn } from './sql.ts';

/** What every kind that marks its objects sees of one. */
export interface Marked {
  readonly comment: string | null;
  /** initdb made it. */
  readonly initial?: boolean;
}

export interface MarkedDiff<Spec, Seen extends Marked> {
  readonly wanted: Resource<Spec> | undefined;
  readonly seen: Seen | undefined;
  readonly recorded: InventoryRecord | undefined;
  readonly context: DiffContext;
  readonly onRemoval: 'remove' | 'retain';
  /** Said of a removal. */
  readonly leaving?: (seen: Seen, recorded: InventoryRecord) => string;
  /** Whether an object without a mark is for all that the one that is recorded: somebody wrote over what bore it. */
  readonly isRecorded?: (seen: Seen, recorded: InventoryRecord) => boolean;
  readonly create: (spec: Spec) => readonly FieldChange[];
  readonly differences: (spec: Spec, seen: Seen) => readonly FieldChange[];
}

/** The change of a marked object: ownership is judged first, and by the same rules for every kind. */
export function diffMarked<Spec, Seen extends Marked>(diff: MarkedDiff<Spec, Seen>): Change {
  const { wanted, seen, recorded, context } = diff;
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  const question = { fleet: context.fleet, id, comment: seen?.comment, initial: seen?.initial, wanted, recorded };
  if (wanted === undefined) {
    const said = seen === undefined ? undefined : diff.leaving?.(seen, recorded as InventoryRecord);
    const change = leavingChange(question, diff.onRemoval, said);
    // What initdb made is ours to change, not to take away.
    return seen?.initial === true && change.action === 'remove' ? { ...change, action: 'retain' } : change;
  }
  if (seen === undefined) {
    return { id, action: 'create', fields: diff.create(wanted.spec) };
  }
  const lost = hasLostItsMark(diff, seen);
  const ownership = judgeOwnership(question);
  if (ownership.owner === 'other' && !lost) {
    return refused(id, ownership);
  }
  const fields = [...diff.differences(wanted.spec, seen)];
  if (ownership.owner === 'adoptable') {
    return { id, action: 'adopt', fields, reason: ownership.why };
  }
  const unfinished = seen.initial !== true && readMark(seen.comment) === undefined;
  if (unfinished) {
    fields.push({ field: 'mark', after: 'written', note: lost ? 'lost by hand' : 'its making was interrupted' });
  }
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

function hasLostItsMark<Spec, Seen extends Marked>(diff: MarkedDiff<Spec, Seen>, seen: Seen): boolean {
  const { recorded, isRecorded } = diff;
  return recorded?.state === 'present' && readMark(seen.comment) === undefined && isRecorded?.(seen, recorded) === true;
}

/** True when the object bears exactly this mark. */
export function isMarked(comment: string | null | undefined, fleet: string, id: ResourceId): boolean {
  const mark = readMark(comment);
  return mark?.fleet === fleet && mark.id === id;
}

/**
 * Whether an object that left the fleet may be taken away: it bears our mark, or none at all while our intent is open (a
 * crash came before the mark, or somebody asked for the deletion of what was kept).
 */
export function isOursToRemove(
  seen: Marked | undefined,
  recorded: InventoryRecord | undefined,
  fleet: string,
  id: ResourceId,
): boolean {
  return (
    isMarked(seen?.comment, fleet, id) || (readMark(seen?.comment) === undefined && recorded?.state === 'intended')
  );
}

/** Statements that put our mark on an object that was seen without it; none when it bears it. */
export function markStatements(what: string, seen: Marked | undefined, fleet: string, id: ResourceId): string[] {
  if (seen?.initial === true || isMarked(seen?.comment, fleet, id)) {
    return [];
  }
  return [commentOn(what, withMark(seen?.comment, { fleet, id }))];
}

/** Statements that take our mark from an object that is kept; none when the mark is not ours. */
export function liftStatements(what: string, seen: Marked | undefined, fleet: string, id: ResourceId): string[] {
  return isMarked(seen?.comment, fleet, id) ? [commentOn(what, withoutMark(seen?.comment))] : [];
}

/** What stays recorded of something that is kept. */
export function recordedFacts(recorded: InventoryRecord | undefined): Pick<InventoryRecord, 'outputs' | 'removal'> {
  return { outputs: recorded?.outputs, removal: recorded?.removal };
}

/** A field that differs, as a list of none or one. */
export function differs(field: string, before: Plain, after: Plain, note?: string): FieldChange[] {
  return before === after ? [] : [{ field, before: shown(before), after: shown(after), note }];
}

type Plain = string | number | boolean | null | undefined;

function shown(value: Plain): string {
  return value === null || value === undefined ? 'none' : String(value);
}
