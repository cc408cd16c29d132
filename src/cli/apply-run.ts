import { applyFleet } from '../engine/fleet-apply.ts';
import type { FleetApplyOptions, FleetApplyResult } from '../engine/fleet-apply.ts';
import type { Run } from '../engine/run.ts';
import { exitCode, worstOf } from './exit-codes.ts';
import { ApplyReporter } from './render/apply.ts';
import { planText } from './render/plan.ts';
import type { Terminal } from './terminal.ts';
import { count } from './text.ts';

/** How long a command waits for another one that holds the fleet's lock. */
const lockWaitMilliseconds = 15_000;

export interface ReportedApply extends FleetApplyResult {
  readonly reporter: ApplyReporter;
}

/** Applies with progress and questions on a terminal. */
export async function applyWithReport(
  run: Run,
  terminal: Terminal,
  options: Omit<
    FleetApplyOptions,
    'onEvent' | 'onTarget' | 'onLockWait' | 'confirmRemovals' | 'lockWaitMilliseconds'
  > & {
    readonly verbose?: boolean;
    /** Say nothing but what failed. */
    readonly quiet?: boolean;
  },
): Promise<ReportedApply> {
  const reporter = new ApplyReporter(terminal, { verbose: options.verbose === true });
  terminal.progress('planning');
  const applied = await applyFleet(run, {
    ...options,
    lockWaitMilliseconds,
    onLockWait: ({ command, pid }) => terminal.progress(`waiting for \`keywright ${command}\`, process ${pid}`),
    onTarget: (target, state) => state === 'asking' && terminal.progress(`asking ${target}`),
    onEvent: options.quiet === true ? undefined : reporter.onEvent,
    confirmRemovals: terminal.canAsk
      ? async (plan, { leaving }) => {
          terminal.progress(undefined);
          terminal.err(`${planText(terminal, plan)}\n`);
          return terminal.ask(`${count(leaving.length, 'thing')} will leave. Apply?`);
        }
      : undefined,
  });
  terminal.progress(undefined);
  return { ...applied, reporter };
}

/** What an apply's outcome means for the exit code. */
export function applyExitCode({ plan, result }: FleetApplyResult): number {
  return worstOf(
    exitCode.done,
    ...plan.observation.problems.map(({ failure }) => failure.exitCode),
    ...(result === undefined ? [] : result.failed.map(() => exitCode.failed)),
    ...(result === undefined ? [] : result.operations.map(() => exitCode.pending)),
  );
}
