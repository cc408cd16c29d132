import { Failure } from '../model/failure.ts';
import type { CompiledFleet } from '../model/compiled.ts';
import type { Run } from '../engine/run.ts';
import type { Fleet } from '../fleet/model.ts';
import { systemEnvironment } from './environment.ts';
import type { Invocation } from './invocation.ts';
import { readFleet } from './language.ts';
import type { ReadFleet } from './language.ts';
import type { Terminal } from './terminal.ts';
import { count } from './text.ts';

export interface OpenRun {
  readonly fleet: Fleet;
  readonly compiled: CompiledFleet;
  readonly run: Run;
  readonly read: ReadFleet;
}

export interface OpenRunOptions {
  /** Path of the fleet: argument, `--fleet` or the current folder. */
  readonly path: string | undefined;
  readonly abort?: AbortSignal;
}

/**
 * Reads, checks and compiles a fleet and opens a run over it. Findings are shown on standard error. Close `run` in a
 * `finally`.
 *
 * @throws Failure `fleet-has-errors`, also for what this Keywright cannot do yet: half a fleet applied is a fleet pruned
 */
export async function openRun(invocation: Invocation, terminal: Terminal, options: OpenRunOptions): Promise<OpenRun> {
  const read = await readFleet(invocation, options.path, 'act');
  const { fleet } = requireSound(read, terminal);
  const [{ compileFleet }, { registry }, { Run: RunClass }, { policyThatGrants }] = await Promise.all([
    import('../compile/compile-fleet.ts'),
    import('./registry.ts'),
    import('../engine/run.ts'),
    import('../access/vault-logins.ts'),
  ]);
  const compiled = compileFleet(fleet);
  const run = new RunClass({
    compiled,
    registry,
    folder: fleet.folder,
    environment: systemEnvironment,
    abort: options.abort,
    env: invocation.env,
    grantedBy: (store, at, capabilities) => policyThatGrants(compiled, store, at, capabilities),
  });
  return { fleet, compiled, run, read };
}

/** A fleet that may be acted on. Errors and what is not supported yet are shown, then thrown. */
export function requireSound(read: ReadFleet, terminal: Terminal): { readonly fleet: Fleet } {
  const errors = read.diagnostics.filter(({ severity }) => severity === 'error');
  const first = errors[0];
  if (first === undefined && read.fleet !== undefined) {
    return { fleet: read.fleet };
  }
  if (!terminal.json) {
    terminal.err(read.render(errors, terminal));
  }
  throw new Failure({
    code: 'fleet-has-errors',
    message: `${count(errors.length, 'error')} in the fleet; nothing was changed`,
    object: first?.object,
    file: first?.position?.file,
    line: first?.position?.line,
    why: terminal.json ? first?.message : undefined,
    remedy: first?.remedy !== undefined && terminal.json ? first.remedy : undefined,
  });
}
