import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../model/claim.ts';
import { causeOf } from '../model/failure.ts';
import type { OpenRun } from './open-run.ts';
import { countVerdicts, evidenceJson } from './render/evidence.ts';
import type { EvidenceJson } from './render/evidence.ts';
import type { Terminal } from './terminal.ts';
import { writeFileSafely } from './write-file.ts';

/** What lies beside a fleet: the latest evidence of each of its claims. */
export interface LeftEvidence extends EvidenceJson {
  readonly fleet: string;
}

type Opened = Pick<OpenRun, 'fleet' | 'compiled' | 'run'>;

/**
 * Leaves what was proven beside the fleet, readable by its owner only. A part of the claims is put among those of an
 * earlier proof of the whole fleet; where there is none, nothing is left, so that a file always speaks of everything.
 * A folder that cannot be written to is told, and no error: what was measured is true all the same.
 */
export async function leaveEvidence(
  { fleet, compiled, run }: Opened,
  evidence: readonly Evidence[],
  terminal: Terminal,
): Promise<void> {
  const measured = new Map(evidenceJson(evidence).claims.map((claim) => [claim.id, claim]));
  const isWhole = compiled.claims.every(({ id }) => measured.has(id));
  const earlier = isWhole ? undefined : await readEvidence(fleet);
  if (run.home === undefined || measured.size === 0 || (!isWhole && earlier === undefined)) {
    return;
  }
  const before = new Map(earlier?.claims.map((claim) => [claim.id, claim]));
  const claims = compiled.claims.flatMap(({ id }) => measured.get(id) ?? before.get(id) ?? []);
  const left: LeftEvidence = { fleet: fleet.name, summary: countVerdicts(claims), claims };
  const path = evidencePath(fleet.folder);
  try {
    await writeFileSafely(fleet.folder, path, `${JSON.stringify(left, undefined, 2)}\n`);
  } catch (error) {
    terminal.err(`what was proven is not left in ${path}: ${causeOf(error)}\n`);
  }
}

/** What was proven last of a fleet; undefined when nothing was, or the file is not of this fleet. */
export async function readEvidence(fleet: Opened['fleet']): Promise<LeftEvidence | undefined> {
  try {
    const left = JSON.parse(await readFile(evidencePath(fleet.folder), 'utf8')) as LeftEvidence;
    return left.fleet === fleet.name && Array.isArray(left.claims) ? left : undefined;
  } catch {
    return undefined;
  }
}

function evidencePath(folder: string): string {
  return join(folder, '.keywright', 'evidence.json');
}
