import { targetOf } from '../model/ids.ts';
import type { ResourceId } from '../model/ids.ts';
import { Failure } from '../model/failure.ts';
import { applyPlan } from './apply.ts';
import type { ApplyEvent, ApplyResult } from './apply-events.ts';
import { planFileOf, planFleet } from './fleet-plan.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { identityIsStale, identityKind, identityRecord, identityRecordId } from './identity.ts';
import type { InventoryRecord } from './interfaces.ts';
import { acquireLock } from './lock.ts';
import type { FleetLock, LockHolder } from './lock.ts';
import type { ObserveOptions } from './observe.ts';
import { parsePlanFile, requireSamePlan } from './plan-file.ts';
import { requireRemovalConsent, summarizeRemovals } from './removals.ts';
import type { RemovalConsent, RemovalSummary } from './removals.ts';
import type { Run } from './run.ts';

export interface FleetApplyOptions {
  /** What the lock says of this run, for example `apply`. */
  readonly command: string;
  /** Apply what can be asked although something else cannot. */
  readonly partial?: boolean;
  readonly allowRemovals?: number;
  /** Asks a person; not called when nothing leaves or enough was allowed. */
  readonly confirmRemovals?: (plan: FleetPlan, removals: RemovalSummary) => Promise<boolean>;
  /** Text and name of a plan file: exactly this is applied. */
  readonly planFile?: { readonly text: string; readonly name: string };
  /** Only these resources. */
  readonly only?: ReadonlySet<ResourceId>;
  readonly lockWaitMilliseconds?: number;
  readonly onLockWait?: (holder: LockHolder) => void;
  readonly onPlan?: (plan: FleetPlan) => void;
  readonly onEvent?: (event: ApplyEvent) => void;
  readonly onTarget?: ObserveOptions['onTarget'];
  readonly stop?: AbortSignal;
}

export interface FleetApplyResult {
  readonly plan: FleetPlan;
  /** Undefined: there was nothing to do, and nothing was written. */
  readonly result: ApplyResult | undefined;
}

/**
 * Plans and applies. When nothing has to be done, nothing is written, not even the lock. Otherwise the lock is taken
 * after a person was asked, and the plan is made again when another run was at work meanwhile.
 */
export async function applyFleet(run: Run, options: FleetApplyOptions): Promise<FleetApplyResult> {
  const file = options.planFile === undefined ? undefined : parsePlanFile(options.planFile.text, options.planFile.name);
  const planning = {
    asOf: file === undefined ? undefined : new Date(file.asOf),
    // Exactly what the file speaks of is looked at again and done; whatever else changed since is for another plan.
    only: file === undefined ? options.only : new Set(Object.keys(file.seen) as ResourceId[]),
    onTarget: options.onTarget,
  };
  await run.openHome({ create: false });
  let fleetPlan = await planFleet(run, planning);
  options.onPlan?.(fleetPlan);
  requireAsked(fleetPlan, options);
  if (file !== undefined) {
    requireSamePlan(file, planFileOf(run, fleetPlan), options.planFile?.name ?? '');
  }
  const identities = staleIdentities(run, fleetPlan);
  if (fleetPlan.plan.changes.length === 0 && fleetPlan.plan.settle.length === 0 && identities.length === 0) {
    return { plan: fleetPlan, result: undefined };
  }
  const removals = summarize(run, fleetPlan);
  const consent = await askConsent(fleetPlan, removals, options);
  requireRemovalConsent(removals, consent);

  const seenVersions = JSON.stringify(run.inventory.versions());
  await run.openHome({ create: true });
  const lock = await takeLock(run, options);
  try {
    await run.reloadInventory();
    if (lock.contended || JSON.stringify(run.inventory.versions()) !== seenVersions) {
      fleetPlan = await planFleet(run, planning);
      requireAsked(fleetPlan, options);
      requireRemovalConsent(summarize(run, fleetPlan), consent);
      if (file !== undefined) {
        requireSamePlan(file, planFileOf(run, fleetPlan), options.planFile?.name ?? '');
      }
    }
    fleetPlan.plan.outputs.forEach((outputs, id) => run.outputs.set(id, outputs));
    const stale = staleIdentities(run, fleetPlan);
    if (stale.length > 0) {
      await run.inventory.commit({ put: stale });
    }
    const result = await applyPlan(run, fleetPlan.plan, { lock, stop: options.stop, onEvent: options.onEvent });
    await forgetEmptyTargets(run);
    return { plan: fleetPlan, result };
  } finally {
    await lock.release();
  }
}

/** Takes the lock of the run's fleet, for any command that writes. */
export async function takeLock(
  run: Run,
  options: Pick<FleetApplyOptions, 'command' | 'lockWaitMilliseconds' | 'onLockWait' | 'stop'>,
): Promise<FleetLock> {
  if (run.home === undefined) {
    throw new Failure({ code: 'home-not-made', message: `fleet ${run.compiled.fleet} has no home yet` });
  }
  return acquireLock(run.home, {
    command: options.command,
    now: () => run.environment.now(),
    waitMilliseconds: options.lockWaitMilliseconds,
    onWait: options.onLockWait,
    signal: options.stop,
  });
}

function summarize(run: Run, { plan }: FleetPlan): RemovalSummary {
  return summarizeRemovals(plan, run.inventory.records(), run.compiled.resources.length);
}

async function askConsent(
  plan: FleetPlan,
  removals: RemovalSummary,
  options: FleetApplyOptions,
): Promise<RemovalConsent> {
  const allowed = options.allowRemovals;
  const isTooMuch = removals.emptyFleet || removals.overHalf.length > 0;
  if (removals.leaving.length <= (allowed ?? 0) || isTooMuch || options.confirmRemovals === undefined) {
    return { allowed };
  }
  if (!(await options.confirmRemovals(plan, removals))) {
    throw new Failure({ code: 'not-confirmed', message: 'nothing was changed: the removals were not confirmed' });
  }
  return { allowed, confirmed: removals.leaving.length };
}

/** Without `--partial`, everything has to be asked before anything is written. */
function requireAsked({ observation }: FleetPlan, options: FleetApplyOptions): void {
  const problem = observation.problems[0];
  if (problem === undefined || options.partial === true) {
    return;
  }
  const others = observation.problems.length - 1;
  const more = others > 0 ? ` (and ${others} more)` : '';
  const { details } = problem.failure;
  throw new Failure({
    ...details,
    message: `${details.message}${more}`,
    why: details.why ?? 'nothing was changed',
    anyway: details.anyway ?? 'apply the rest: keywright apply --partial',
    cause: problem.failure,
  });
}

/** A target that left the fleet is not needed any more when nothing is recorded on it. */
async function forgetEmptyTargets(run: Run): Promise<void> {
  const records = [...run.inventory.records().values()];
  const inUse = new Set(records.flatMap(({ id, kind }) => (kind === identityKind ? [] : [targetOf(id)])));
  run.compiled.targets.forEach(({ id }) => inUse.add(id));
  const remove = records.flatMap(({ id, kind }) => (kind === identityKind && !inUse.has(targetOf(id)) ? [id] : []));
  if (remove.length > 0) {
    await run.inventory.commit({ remove });
  }
}

/** Identity records of targets that were reached and are new, or are defined differently now. */
function staleIdentities(run: Run, { observation }: FleetPlan): InventoryRecord[] {
  return run.compiled.targets.flatMap((target) => {
    const state = observation.targets.get(target.id);
    if (state?.state !== 'present') {
      return [];
    }
    const isStale = identityIsStale(run.inventory.get(identityRecordId(target.id)), target, state.identity);
    return isStale ? [identityRecord(target, state.identity)] : [];
  });
}
