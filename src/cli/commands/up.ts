import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { DirectorySpec } from '../../targets/file/directory.spec.ts';
import type { ProcessSpec } from '../../targets/process/process.spec.ts';
import type { VaultServerSpec } from '../../targets/vault/vault-server.spec.ts';
import type { LocalSite } from '../../targets/process/local-site.ts';
import { applyExitCode, applyWithReport } from '../apply-run.ts';
import { systemEnvironment } from '../environment.ts';
import { leaveEvidence } from '../evidence-file.ts';
import { exitCode, worstOf } from '../exit-codes.ts';
import { takeSignals } from '../interrupt.ts';
import type { Interruption } from '../interrupt.ts';
import { parse, requireOutput, wholeNumber } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { alreadyKept, becomeKeeper, readKeeper } from '../keeper-file.ts';
import { localSites, serversOf } from '../local-sites.ts';
import { openRun } from '../open-run.ts';
import type { OpenRun } from '../open-run.ts';
import { fleetArgument, fleetOption, programName } from '../program-name.ts';
import { evidenceExitCode, prove } from '../prove.ts';
import { resultCounts, resultJson } from '../render/apply.ts';
import { countVerdicts, evidenceJson, evidenceText } from '../render/evidence.ts';
import { stopServers } from '../stop-fleet.ts';
import type { Terminal } from '../terminal.ts';
import { count, spread, table, took } from '../text.ts';
import { keep } from '../up/keep.ts';
import { untilUnsealed } from '../up/until-unsealed.ts';
import { version } from '../version.ts';

const options = { once: { type: 'boolean' }, 'allow-removals': { type: 'string' } } as const;

/** Checks, applies and proves a fleet, then keeps it in the foreground; Ctrl+C stops its servers. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['FLEET?']);
  requireOutput(values.output);
  const path = positionals[0] ?? values.fleet;
  const signals = takeSignals();
  const open = (): Promise<OpenRun> => openRun(invocation, terminal, { path, abort: signals.abort });
  const startedAt = performance.now();
  const opened = await open();
  const { fleet, compiled } = opened;
  const running = await readKeeper(fleet.folder);
  if (running !== undefined) {
    throw alreadyKept(running);
  }
  const since = systemEnvironment.now().toISOString();
  const release = await becomeKeeper(fleet.folder, { fleet: fleet.name, since, once: values.once === true });
  let sites: readonly LocalSite[] = [];
  /** Ran before us: left alone when we come to nothing. */
  let before: readonly string[] = [];
  try {
    say(terminal, `\nKeywright ${version()}, fleet ${fleet.name}: `);
    say(terminal, `${count(documentsIn(fleet), 'document')}, ${count(compiled.resources.length, 'resource')}\n\n`);
    phase(terminal, 'check', checkSummary(opened), performance.now() - startedAt);
    sites = await localSites(fleet);
    before = (await serversOf(sites)).flatMap(({ folder, pid }) => (pid === undefined ? [] : [folder]));
    const allowRemovals = wholeNumber('allow-removals', values['allow-removals']);
    let up = await bringUp(opened, terminal, signals, allowRemovals);
    before = [];
    // Its servers have to run for the holders to unseal them.
    while (up.isSealed && values.once !== true) {
      say(terminal, '\nWaiting for the key holders. Ctrl+C stops the servers and keeps the data.\n');
      if (!(await untilUnsealed(sites, signals.stop))) {
        break;
      }
      up = await bringUpAgain(open, (again) => bringUp(again, terminal, signals, allowRemovals));
    }
    if (values.once !== true && up.isComplete) {
      say(terminal, advice(invocation, opened, path));
      await keep({ open, sites, terminal, stop: signals.stop });
    }
    return signals.code() ?? up.code;
  } finally {
    terminal.progress(undefined);
    await opened.run.close();
    const stopped = await stopServers(sites, terminal, before);
    say(terminal, stopped.length === 0 ? '' : `\nStopped ${stopped.join(', ')}; the data stays.\n`);
    await release();
    signals.dispose();
  }
}

interface BroughtUp {
  readonly code: number;
  /** Everything was applied, so there is something to keep. */
  readonly isComplete: boolean;
  /** A store waits for people with its key shares. */
  readonly isSealed: boolean;
}

async function bringUpAgain(
  open: () => Promise<OpenRun>,
  work: (opened: OpenRun) => Promise<BroughtUp>,
): Promise<BroughtUp> {
  const opened = await open();
  try {
    return await work(opened);
  } finally {
    await opened.run.close();
  }
}

async function bringUp(
  opened: OpenRun,
  terminal: Terminal,
  signals: Interruption,
  allowRemovals: number | undefined,
): Promise<BroughtUp> {
  const { run, compiled } = opened;
  let startedAt = performance.now();
  const applied = await applyWithReport(run, terminal, {
    command: 'up',
    allowRemovals,
    stop: signals.stop,
    quiet: terminal.json,
  });
  const { result, reporter } = applied;
  const unchanged = applied.plan.plan.unchanged;
  const summary = result === undefined ? `nothing to change, ${unchanged} as they should be` : resultCounts(result);
  phase(terminal, 'apply', summary, performance.now() - startedAt, result === undefined ? {} : resultJson(result));
  say(terminal, serverLines(opened));
  const applyCode = applyExitCode(applied);
  if (result !== undefined) {
    terminal.err(terminal.json ? '' : reporter.failures(result));
    if (result.interrupted) {
      terminal.err(reporter.summary(result, 0));
    }
  }
  if (signals.code() !== undefined || applyCode === exitCode.failed || applyCode === exitCode.couldNotAsk) {
    const isSealed = result?.failed.some(({ error }) => error instanceof Failure && error.code === 'vault-sealed');
    return { code: signals.code() ?? applyCode, isComplete: false, isSealed: isSealed === true };
  }
  startedAt = performance.now();
  const evidence = await prove(run, compiled.claims, terminal);
  if (signals.code() === undefined) {
    await leaveEvidence(opened, evidence, terminal);
  }
  const { held } = countVerdicts(evidence);
  const proven = `${held} of ${evidence.length} claims held`;
  phase(terminal, 'prove', proven, performance.now() - startedAt, evidenceJson(evidence));
  const trouble = evidenceText(terminal, evidence, true);
  say(terminal, trouble === '' ? '' : `\n${trouble}`);
  return { code: worstOf(applyCode, evidenceExitCode(evidence)), isComplete: true, isSealed: false };
}

function say(terminal: Terminal, text: string): void {
  if (!terminal.json && text !== '') {
    terminal.out(text);
  }
}

/** One line of what was done, or with `--output json` one line of JSON. */
function phase(
  terminal: Terminal,
  name: string,
  text: string,
  milliseconds: number,
  json: object | unknown = {},
): void {
  terminal.result(
    { ...(json as object), type: name, text, milliseconds: Math.round(milliseconds) },
    `${spread(`  ${name.padEnd(8)} ${text}`, took(milliseconds), 74)}\n`,
  );
}

function checkSummary({ read }: OpenRun): string {
  const warnings = read.diagnostics.filter(({ severity }) => severity === 'warning').length;
  return warnings === 0 ? 'no findings' : `${count(warnings, 'warning')}, see: keywright check`;
}

/** As they are written, before `forEach`. */
function documentsIn({ documents }: OpenRun['fleet']): number {
  return new Set(documents.map(({ source }) => `${source.document} ${source.file}`)).size;
}

/** Each server with its address. */
function serverLines({ run, compiled }: OpenRun): string {
  const rows = compiled.resources.flatMap(({ id, spec }) => {
    const outputs = run.outputs.get(id);
    const { kind } = parseResourceId(id);
    if (outputs === undefined) {
      return [];
    }
    if (kind === 'vault-server') {
      const { store } = spec as VaultServerSpec;
      return String(outputs['addresses'])
        .split(' ')
        .map((address, at) => [at === 0 ? store : '', at === 0 ? 'OpenBao' : '', address]);
    }
    if (kind !== 'process') {
      return [];
    }
    const { postgres, version: major } = spec as ProcessSpec;
    return [[postgres, `PostgreSQL ${major}`, `${outputs['host']}:${outputs['port']}`]];
  });
  return table(rows, ' '.repeat(11));
}

/** What a person may do next; only commands that work here. */
function advice(invocation: Invocation, { fleet, compiled, run }: OpenRun, path: string | undefined): string {
  const program = programName(invocation);
  const isPlain = (access: string): boolean => fleet.accesses.get(access)?.spec.credential.static !== undefined;
  const delivered = compiled.resources.flatMap(({ id, spec }) =>
    parseResourceId(id).kind === 'directory'
      ? ((spec as DirectorySpec).libpq ?? []).map(({ service }) => ({ id, service }))
      : [],
  );
  const first = delivered.find(({ service }) => isPlain(service)) ?? delivered[0];
  const lines: (readonly [string, string])[] = [];
  if (first !== undefined) {
    lines.push(
      isOnPath(invocation, 'psql')
        ? ['Log in as the application does:', `${program} exec${fleetOption(path)} ${first.service} -- psql`]
        : ['What the application is given:', String(run.outputs.get(first.id)?.['directory'] ?? '')],
    );
  }
  lines.push(['See what runs and what expires:', `${program} status${fleetArgument(path)}`]);
  const purge = `${program} down${fleetArgument(path)} --purge`;
  return (
    `\n${lines.map(([what, command]) => adviceLine(what, command)).join('')}` +
    'Keeping the fleet until Ctrl+C, which stops the servers and keeps the data.\n' +
    adviceLine('Delete everything:', purge)
  );
}

function adviceLine(what: string, command: string): string {
  const line = `${what.padEnd(33)} ${command}`;
  return line.length <= 80 ? `${line}\n` : `${what}\n    ${command}\n`;
}

function isOnPath(invocation: Invocation, program: string): boolean {
  return (invocation.env('PATH') ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, program)));
}
