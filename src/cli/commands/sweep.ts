import { applyExitCode, applyWithReport } from '../apply-run.ts';
import { takeSignals } from '../interrupt.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';
import { resultCounts, resultJson } from '../render/apply.ts';
import { parseResourceId } from '../../model/ids.ts';

/** Renews or replaces dynamic credentials and tokens that are due and removes those whose time is over; nothing else. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['FLEET?']);
  requireOutput(values.output);
  const signals = takeSignals();
  const { run, compiled } = await openRun(invocation, terminal, {
    path: positionals[0] ?? values.fleet,
    abort: signals.abort,
  });
  try {
    const kinds: readonly string[] = ['lease', 'token'];
    const only = new Set(
      compiled.resources.map(({ id }) => id).filter((id) => kinds.includes(parseResourceId(id).kind)),
    );
    const applied = await applyWithReport(run, terminal, { command: 'sweep', only, stop: signals.stop });
    if (applied.result === undefined) {
      terminal.result({ type: 'result', summary: { total: 0 } }, 'nothing is due\n');
    } else {
      terminal.err(terminal.json ? '' : applied.reporter.failures(applied.result));
      terminal.result(resultJson(applied.result), `${resultCounts(applied.result)}\n`);
    }
    return signals.code() ?? applyExitCode(applied);
  } finally {
    terminal.progress(undefined);
    signals.dispose();
    await run.close();
  }
}
