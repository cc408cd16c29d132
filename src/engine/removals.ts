import { Failure } from '../model/failure.ts';
import { parseResourceId } from '../model/ids.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import { identityKind } from './identity.ts';
import type { InventoryRecord } from './interfaces.ts';
import type { Plan, PlannedChange } from './plan.ts';

/** What a plan would take away, and whether that is so much that it may be a mistake. */
export interface RemovalSummary {
  /** Removed or let go of; without what is gone already. */
  readonly leaving: readonly PlannedChange[];
  /** Targets that would lose more than half of what the inventory says is there. */
  readonly overHalf: readonly { readonly target: TargetId; readonly leaving: number; readonly of: number }[];
  /** The fleet wants nothing any more. */
  readonly emptyFleet: boolean;
}

export function summarizeRemovals(
  plan: Plan,
  records: ReadonlyMap<ResourceId, InventoryRecord>,
  wanted: number,
): RemovalSummary {
  const leaving = plan.changes.filter(
    ({ change, forget }) => (change.action === 'remove' || change.action === 'retain') && forget !== true,
  );
  const total = new Map<TargetId, number>();
  for (const record of records.values()) {
    if (record.kind !== identityKind && record.state === 'present') {
      const { target } = parseResourceId(record.id);
      total.set(target, (total.get(target) ?? 0) + 1);
    }
  }
  const overHalf = [...Map.groupBy(leaving, ({ target }) => target)]
    .map(([target, changes]) => ({ target, leaving: changes.length, of: total.get(target) ?? 0 }))
    .filter((each) => each.leaving * 2 > each.of);
  return { leaving, overHalf, emptyFleet: wanted === 0 && leaving.length > 0 };
}

export interface RemovalConsent {
  /** `--allow-removals N`. */
  readonly allowed?: number;
  /** Somebody said yes on a terminal to this many. */
  readonly confirmed?: number;
}

/** Throws the Failure `removals-not-allowed` unless what leaves was allowed. */
export function requireRemovalConsent(summary: RemovalSummary, consent: RemovalConsent): void {
  const count = summary.leaving.length;
  if (count === 0 || count <= (consent.allowed ?? 0)) {
    return;
  }
  const first = summary.overHalf[0];
  const remedy = `when that is meant: keywright apply --allow-removals ${count}`;
  if (summary.emptyFleet) {
    throw new Failure({
      code: 'removals-not-allowed',
      message: `the fleet is empty, and ${count} things that it made would leave`,
      why: 'an empty fleet is more often a wrong path than a decision',
      remedy,
    });
  }
  if (first !== undefined) {
    throw new Failure({
      code: 'removals-not-allowed',
      message: `${first.leaving} of ${first.of} things on ${first.target} would leave`,
      object: first.target,
      why: 'that is more than half of what is there',
      remedy,
    });
  }
  if (count > (consent.confirmed ?? 0)) {
    throw new Failure({
      code: 'removals-not-allowed',
      message: `${count} ${count === 1 ? 'thing' : 'things'} would leave: ${listed(summary.leaving)}`,
      why: 'removing asks first, and there is no terminal to ask on',
      remedy,
    });
  }
}

function listed(changes: readonly PlannedChange[]): string {
  const names = changes.slice(0, 3).map(({ id }) => id);
  return changes.length > 3 ? `${names.join(', ')} and ${changes.length - 3} more` : names.join(', ');
}
