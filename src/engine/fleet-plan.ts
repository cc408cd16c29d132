import { findKind, observe } from './observe.ts';
import type { Observation, ObserveOptions } from './observe.ts';
import { planChanges } from './plan.ts';
import type { Plan } from './plan.ts';
import { makePlanFile } from './plan-file.ts';
import type { PlanFile } from './plan-file.ts';
import type { Run } from './run.ts';

export interface FleetPlan {
  readonly plan: Plan;
  readonly observation: Observation;
}

export interface FleetPlanOptions extends ObserveOptions {
  /** What counts as now; default the clock. */
  readonly asOf?: Date;
}

/** Looks at everything and compares. The run's home has to be open. Writes nothing. */
export async function planFleet(run: Run, options: FleetPlanOptions = {}): Promise<FleetPlan> {
  const asOf = options.asOf ?? run.environment.now();
  const observation = await observe(run, options);
  const plan = planChanges({
    fleet: run.compiled.fleet,
    asOf,
    resources: run.compiled.resources,
    targets: run.compiled.targets,
    kindOf: (target, kind) => findKind(run, target, kind),
    answers: observation.answers,
    records: run.inventory.records(),
    only: options.only,
  });
  plan.outputs.forEach((outputs, id) => run.outputs.set(id, outputs));
  return { plan, observation };
}

export function planFileOf(run: Run, { plan, observation }: FleetPlan): PlanFile {
  return makePlanFile({
    compiled: run.compiled,
    plan,
    answers: observation.answers,
    targets: observation.targets,
    shards: run.inventory.versions(),
  });
}
