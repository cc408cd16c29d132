import { planFileOf, planFleet } from '../../engine/fleet-plan.ts';
import type { FleetPlan } from '../../engine/fleet-plan.ts';
import { exitCode, worstOf } from '../exit-codes.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';
import { planJson, planText, summaryLine } from '../render/plan.ts';

/** Shows what apply would change. Writes nothing but the file of `--out`. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, { out: { type: 'string' } }, ['FLEET?']);
  requireOutput(values.output);
  const startedAt = performance.now();
  const { run } = await openRun(invocation, terminal, { path: positionals[0] ?? values.fleet });
  try {
    terminal.progress('reading the inventory');
    await run.openHome({ create: false });
    const asked = new Set<string>();
    const fleetPlan = await planFleet(run, {
      onTarget: (target, state) => {
        if (state === 'asking') {
          asked.add(target);
        } else {
          asked.delete(target);
        }
        terminal.progress(`asking ${[...asked].join(', ')}`);
      },
    });
    terminal.progress(undefined);
    const code = planExitCode(fleetPlan);
    const isComplete = fleetPlan.observation.problems.length === 0;
    if (values.out !== undefined && isComplete) {
      const [{ formatPlanFile }, { writeFileSafely }] = await Promise.all([
        import('../../engine/plan-file.ts'),
        import('../write-file.ts'),
      ]);
      await writeFileSafely(invocation.cwd, values.out, formatPlanFile(planFileOf(run, fleetPlan)));
    }
    if (run.inventory.forgotten > 0) {
      terminal.err(`note: the fingerprint key was lost; ${run.inventory.forgotten} things are looked at anew\n`);
    }
    if (terminal.json) {
      terminal.outJson(planJson(fleetPlan));
    } else {
      const text = planText(terminal, fleetPlan);
      terminal.out(text === '' ? '' : `${text}\n`);
      terminal.out(summaryLine(fleetPlan, performance.now() - startedAt));
    }
    if (values.out !== undefined) {
      terminal.err(isComplete ? `plan written to ${values.out}\n` : `no plan file: not everything could be asked\n`);
    }
    return code;
  } finally {
    terminal.progress(undefined);
    await run.close();
  }
}

/** 2 with changes pending, 1 when some are refused, 3 when something could not be asked. */
export function planExitCode({ plan, observation }: FleetPlan): number {
  return worstOf(
    exitCode.done,
    ...plan.changes.map(({ change }) => (change.action === 'refused' ? exitCode.failed : exitCode.pending)),
    ...observation.problems.map(({ failure }) => failure.exitCode),
  );
}
