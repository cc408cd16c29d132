import { checkFiles } from '../../checks/cached.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { exitCode } from '../exit-codes.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { count } from '../text.ts';

/** Finds what is wrong with a fleet. Reads files only. */
export async function run(invocation: Invocation): Promise<number> {
  const startedAt = process.uptime();
  const { values, positionals, terminal } = parse(invocation, { 'fail-on': { type: 'string' } }, ['FLEET?']);
  requireOutput(values.output, ['text', 'json', 'github', 'sarif']);
  const failOn = values['fail-on'] ?? 'error';
  if (failOn !== 'error' && failOn !== 'warning') {
    throw wrongUsage(`--fail-on ${failOn} is not known; there is error, warning`);
  }
  const { diagnostics, sources } = await checkFiles(positionals[0] ?? values.fleet ?? '.', invocation.cwd);
  const counts = countSeverities(diagnostics);
  if (terminal.json) {
    const { diagnosticJson } = await import('../../fleet/format.ts');
    terminal.outJson({ summary: { ...counts, files: sources.size }, findings: diagnostics.map(diagnosticJson) });
  } else if (values.output === 'github') {
    terminal.out(diagnostics.map(annotation).join(''));
  } else if (values.output === 'sarif') {
    const [{ sarifOf }, { version }] = await Promise.all([import('../../checks/sarif.ts'), import('../version.ts')]);
    terminal.outJson(sarifOf(diagnostics, { version: version(), folder: invocation.cwd }));
  } else {
    if (diagnostics.length > 0) {
      const { renderDiagnostics } = await import('../../fleet/format.ts');
      const text = renderDiagnostics(diagnostics, (file) => sources.get(file)?.text, { color: terminal.hasColour });
      terminal.out(`${text}\n`);
    }
    terminal.out(`${summary(counts, sources.size)} (${(process.uptime() - startedAt).toFixed(2)} s)\n`);
  }
  return counts.errors > 0 || (failOn === 'warning' && counts.warnings > 0) ? exitCode.failed : exitCode.done;
}

interface Counts {
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}

function countSeverities(diagnostics: readonly Diagnostic[]): Counts {
  const of = (severity: Diagnostic['severity']): number =>
    diagnostics.filter((each) => each.severity === severity).length;
  return { errors: of('error'), warnings: of('warning'), notes: of('note') };
}

function summary({ errors, warnings, notes }: Counts, files: number): string {
  const parts = [
    errors > 0 ? count(errors, 'error') : undefined,
    warnings > 0 ? count(warnings, 'warning') : undefined,
    notes > 0 ? count(notes, 'note') : undefined,
  ].filter((part) => part !== undefined);
  return `${parts.length === 0 ? 'no findings' : parts.join(', ')} in ${count(files, 'file')}`;
}

/** A workflow command that puts a finding beside its line in a pull request. */
function annotation(diagnostic: Diagnostic): string {
  const kinds = { error: 'error', warning: 'warning', note: 'notice' } as const;
  const { position } = diagnostic;
  const place =
    position === undefined ? '' : ` file=${property(position.file)},line=${position.line},col=${position.column}`;
  const text = [diagnostic.message, diagnostic.why, diagnostic.remedy].filter((part) => part !== undefined).join('\n');
  return `::${kinds[diagnostic.severity]}${place}::${escaped(`${diagnostic.rule}: ${text}`)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
