import { Failure } from '../model/failure.ts';
import { parseResourceId } from '../model/ids.ts';
import type { ResourceId } from '../model/ids.ts';
import { applyPlan } from './apply.ts';
import type { ApplyEvent, ApplyResult } from './apply-events.ts';
import type { InventoryRecord } from './interfaces.ts';
import type { FleetLock } from './lock.ts';
import { findKind, observe } from './observe.ts';
import { planChanges } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Run } from './run.ts';

/** Things that left the fleet and were kept, because they hold data. */
export function retainedRecords(run: Pick<Run, 'inventory'>): InventoryRecord[] {
  return [...run.inventory.records().values()].filter(({ state }) => state === 'retained');
}

/** The retained record of an id. Throws a Failure that says why it cannot be deleted. */
export function requireRetained(run: Run, id: string): InventoryRecord {
  const record = run.inventory.get(id as ResourceId);
  if (record?.state === 'retained') {
    return record;
  }
  if (record !== undefined) {
    throw new Failure({
      code: 'not-retained',
      message: `${id} is not a kept thing: the fleet still has it`,
      object: id,
      remedy: `take ${record.document ?? 'its document'} out of the fleet and apply first`,
    });
  }
  throw new Failure({
    code: 'not-retained',
    message: `${id} is not recorded as something that was kept`,
    object: id,
    remedy: 'keywright status lists what was kept',
  });
}

/** What the deletion of kept things would take away, in the words of their kinds. Changes nothing. */
export async function reasonsForDeletion(run: Run, ids: readonly string[]): Promise<string[]> {
  const { plan } = await planDeletion(run, ids);
  return plan.changes.flatMap(({ change }) => change.reason ?? []);
}

/** Deletes kept things with the data in them. The run's home is open and its lock held. */
export async function deleteRetained(
  run: Run,
  ids: readonly string[],
  options: { readonly lock: FleetLock; readonly stop?: AbortSignal; readonly onEvent?: (event: ApplyEvent) => void },
): Promise<ApplyResult> {
  const { plan, doomed } = await planDeletion(run, ids);
  // An open intent makes an unmarked thing ours: its mark was lifted when it was kept. A run that is killed now leaves a
  // removal to the next apply.
  await run.inventory.commit({ put: doomed });
  return applyPlan(run, plan, options);
}

async function planDeletion(
  run: Run,
  ids: readonly string[],
): Promise<{ readonly plan: Plan; readonly doomed: InventoryRecord[] }> {
  const records = ids.map((id) => requireRetained(run, id));
  const only = new Set(records.map(({ id }) => id));
  const observation = await observe(run, { only });
  const problem = observation.problems[0];
  if (problem !== undefined) {
    throw problem.failure;
  }
  for (const { id } of records) {
    const answer = observation.answers.get(id);
    if (answer?.state === 'notYet' && answer.exists) {
      const { target } = parseResourceId(id);
      throw new Failure({
        code: 'target-not-ready',
        message: `${target} does not run, so ${id} cannot be deleted: ${answer.why}`,
        object: id,
        exitCode: 3,
      });
    }
  }
  const state = 'intended' as const;
  const doomed = records.map((record) => ({ ...record, state, reclaimPolicy: 'delete' as const }));
  const plan = planChanges({
    fleet: run.compiled.fleet,
    asOf: run.environment.now(),
    resources: [],
    targets: run.compiled.targets,
    kindOf: (target, kind) => findKind(run, target, kind),
    answers: observation.answers,
    records: new Map(doomed.map((record) => [record.id, record])),
    only,
  });
  return { plan, doomed };
}
