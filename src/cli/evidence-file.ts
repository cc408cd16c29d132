import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../model/claim.ts';
import { evidenceJson } from './render/evidence.ts';
import type { EvidenceJson } from './render/evidence.ts';
import { writeFileSafely } from './write-file.ts';

function evidencePath(folder: string): string {
  return join(folder, '.keywright', 'evidence.json');
}

/** Leaves what was proven beside the fleet, readable by its owner only. */
export async function writeEvidence(folder: string, evidence: readonly Evidence[]): Promise<void> {
  await writeFileSafely(folder, evidencePath(folder), `${JSON.stringify(evidenceJson(evidence), undefined, 2)}\n`);
}

/** What was proven last, and when; undefined when nothing was, or the file is not ours. */
export async function readEvidence(
  folder: string,
): Promise<{ readonly evidence: EvidenceJson; readonly at: Date } | undefined> {
  try {
    const path = evidencePath(folder);
    const [text, { mtime }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const evidence = JSON.parse(text) as EvidenceJson;
    return typeof evidence.summary?.held === 'number' ? { evidence, at: mtime } : undefined;
  } catch {
    return undefined;
  }
}
