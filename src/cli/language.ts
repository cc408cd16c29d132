import { resolve } from 'node:path';
import type { Diagnostic } from '../model/diagnostic.ts';
import { checkFleet } from '../checks/check.ts';
import { renderDiagnostics } from '../fleet/format.ts';
import { loadFleet } from '../fleet/load.ts';
import { withPositions } from '../fleet/locate.ts';
import type { Fleet } from '../fleet/model.ts';
import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

/** A fleet as it was read, with all that was found about it. */
export interface ReadFleet {
  /** Undefined when nothing could be read. With errors among the findings it is good for looking, never for acting. */
  readonly fleet: Fleet | undefined;
  /** In the order of files and lines, with positions. */
  readonly diagnostics: readonly Diagnostic[];
  readonly files: number;
  render(diagnostics: readonly Diagnostic[], terminal: Terminal): string;
}

/**
 * Reads and checks the fleet at a path, by default the current folder. Never throws for what is wrong with it.
 *
 * @param purpose for a command that acts, what this Keywright cannot do yet is an error
 */
export async function readFleet(
  invocation: Pick<Invocation, 'cwd'>,
  path: string | undefined,
  purpose: 'check' | 'act',
): Promise<ReadFleet> {
  const loaded = await loadFleet(resolve(invocation.cwd, path ?? '.'), invocation.cwd);
  const found = checkFleet(loaded, { for: purpose });
  const { fleet, sources } = loaded;
  return {
    fleet,
    diagnostics: await withPositions(found, sources),
    files: sources.size,
    render: (diagnostics, terminal) =>
      renderDiagnostics(diagnostics, (file) => sources.get(file)?.text, { color: terminal.hasColour }),
  };
}
