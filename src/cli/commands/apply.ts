import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { causeOf, Failure } from '../../model/failure.ts';
import { applyExitCode, applyWithReport } from '../apply-run.ts';
import { leaveEvidence } from '../evidence-file.ts';
import { worstOf } from '../exit-codes.ts';
import { takeSignals } from '../interrupt.ts';
import { parse, requireOutput, wholeNumber } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';
import { claimsTouched, evidenceExitCode, prove } from '../prove.ts';
import { resultJson } from '../render/apply.ts';
import { countVerdicts, evidenceJson, evidenceText, verdictSummary } from '../render/evidence.ts';

const options = {
  plan: { type: 'string' },
  partial: { type: 'boolean' },
  'allow-removals': { type: 'string' },
  verbose: { type: 'boolean', short: 'v' },
} as const;

/** Makes the fleet what it is declared to be, and proves what a change touched. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['FLEET?']);
  requireOutput(values.output);
  const startedAt = performance.now();
  const allowRemovals = wholeNumber('allow-removals', values['allow-removals']);
  const planFile = values.plan === undefined ? undefined : await readPlanFile(invocation.cwd, values.plan);
  const signals = takeSignals();
  const opened = await openRun(invocation, terminal, {
    path: positionals[0] ?? values.fleet,
    abort: signals.abort,
  });
  const { run, compiled } = opened;
  try {
    const applied = await applyWithReport(run, terminal, {
      command: 'apply',
      partial: values.partial,
      allowRemovals,
      planFile,
      verbose: values.verbose,
      stop: signals.stop,
    });
    const { result, reporter } = applied;
    const code = applyExitCode(applied);
    if (result === undefined) {
      terminal.result(
        { type: 'result', summary: { total: 0, unchanged: applied.plan.plan.unchanged } },
        `nothing to change, ${applied.plan.plan.unchanged} as they should be\n`,
      );
      return worstOf(code, signals.code() ?? 0);
    }
    terminal.err(terminal.json ? '' : reporter.failures(result));
    if (result.interrupted) {
      if (terminal.json) {
        terminal.outJson(resultJson(result));
      }
      terminal.err(reporter.summary(result, 0));
      return signals.code() ?? code;
    }
    terminal.result(resultJson(result), reporter.summary(result, performance.now() - startedAt));
    const evidence = await prove(run, claimsTouched(compiled.claims, result), terminal);
    if (evidence.length > 0) {
      if (signals.code() === undefined) {
        await leaveEvidence(opened, evidence, terminal);
      }
      const text = `${evidenceText(terminal, evidence, true)}${verdictSummary(countVerdicts(evidence))}\n`;
      terminal.result({ type: 'evidence', ...evidenceJson(evidence) }, text);
    }
    return worstOf(code, evidenceExitCode(evidence), signals.code() ?? 0);
  } finally {
    terminal.progress(undefined);
    signals.dispose();
    await run.close();
  }
}

async function readPlanFile(cwd: string, name: string): Promise<{ readonly text: string; readonly name: string }> {
  try {
    return { text: await readFile(resolve(cwd, name), 'utf8'), name };
  } catch (error) {
    throw new Failure({
      code: 'plan-file-unreadable',
      message: `${name} cannot be read: ${causeOf(error)}`,
      file: name,
    });
  }
}
