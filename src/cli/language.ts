import { resolve } from 'node:path';
import type { Diagnostic, Position } from '../model/diagnostic.ts';
import { loadFleet } from '../fleet/load.ts';
import type { Fleet } from '../fleet/model.ts';
import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

/** A fleet as it was read, with all that was found about it. */
export interface ReadFleet {
  /** Undefined when nothing could be read. With errors among the findings it is good for looking, never for acting. */
  readonly fleet: Fleet | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The findings of a command that acts: what this Keywright cannot do yet is an error there. */
  readonly forActing: readonly Diagnostic[];
  readonly files: number;
  readonly positionOf: (diagnostic: Diagnostic) => Position | undefined;
  readonly render: (diagnostics: readonly Diagnostic[], terminal: Terminal) => string;
}

/** Reads and checks the fleet at a path, by default the current folder. Never throws for what is wrong with it. */
export async function readFleet(invocation: Invocation, path: string | undefined): Promise<ReadFleet> {
  const { fleet, diagnostics, sources } = await loadFleet(resolve(invocation.cwd, path ?? '.'), invocation.cwd);
  return {
    fleet,
    diagnostics,
    forActing: diagnostics,
    files: sources.size,
    positionOf: () => undefined,
    render: (shown) => shown.map((each) => `${each.severity} ${each.rule}: ${each.message}\n`).join(''),
  };
}

export function explain(rule: string): string {
  return rule;
}
