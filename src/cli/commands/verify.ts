import { leaveEvidence } from '../evidence-file.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { takeSignals } from '../interrupt.ts';
import { openRun } from '../open-run.ts';
import { evidenceExitCode, prove } from '../prove.ts';
import { countVerdicts, evidenceJson, evidenceText, verdictSummary } from '../render/evidence.ts';
import { spread, took } from '../text.ts';

/** Measures every claim about the fleet, or those whose id begins with `--claim`. Changes nothing but what was proven last. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, { claim: { type: 'string' } }, ['FLEET?']);
  requireOutput(values.output);
  const startedAt = performance.now();
  const signals = takeSignals(() => terminal.err('stopping: what was made for a probe is taken away first …\n'));
  const opened = await openRun(invocation, terminal, {
    path: positionals[0] ?? values.fleet,
    abort: AbortSignal.any([signals.stop]),
  });
  const { run, compiled } = opened;
  try {
    await run.openHome({ create: false });
    const claims = compiled.claims.filter(({ id }) => id.startsWith(values.claim ?? ''));
    if (values.claim !== undefined && claims.length === 0) {
      throw wrongUsage(`no claim begins with ${values.claim}`, 'keywright verify --output json lists their ids');
    }
    const evidence = await prove(run, claims, terminal);
    if (signals.code() === undefined) {
      await leaveEvidence(opened, evidence, terminal);
    }
    if (terminal.json) {
      terminal.outJson(evidenceJson(evidence));
    } else {
      const summary = verdictSummary(countVerdicts(evidence));
      const time = took(performance.now() - startedAt);
      terminal.out(`${evidenceText(terminal, evidence)}\n${spread(summary, time)}\n`);
    }
    return signals.code() ?? evidenceExitCode(evidence);
  } finally {
    terminal.progress(undefined);
    signals.dispose();
    await run.close();
  }
}
