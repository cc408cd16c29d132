import { checkFleet, type CheckOptions } from '../../src/checks/check.ts';
import { assembleFleet } from '../../src/fleet/load.ts';
import { withPositions } from '../../src/fleet/locate.ts';
import type { LoadResult } from '../../src/fleet/model.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';

/** Fleets written as text, read without touching a file. */

/** One document: `kind name` and the lines of its spec. */
export function document(kind: string, name: string, spec: string): string {
  const lines = spec.trim() === '' ? ' {}' : `\n${spec.replace(/^\n/, '').replace(/^/gm, '  ').trimEnd()}`;
  return `apiVersion: keywright.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:${lines}\n`;
}

export function documents(...parts: readonly string[]): string {
  return parts.join('---\n');
}

/** The least that a fleet with a database on this machine needs. */
export const basis: Readonly<Record<string, string>> = {
  fleet: document('Fleet', 'test', 'home: box'),
  site: document('Site', 'here', 'local: { directory: .keywright/here }'),
  store: document('Store', 'box', 'file: { path: box, identityFile: .keywright/key.txt }'),
  authority: document('Authority', 'ca', 'pki: {}'),
  postgres: document('Postgres', 'pg', 'version: 18\nprocess: {}\ndatabases: [{ name: app }]'),
};

/** The basis with some of its documents replaced, and more documents behind it. */
export function fleetText(more: readonly string[] = [], replaced: Partial<Record<string, string>> = {}): string {
  return documents(...Object.values({ ...basis, ...replaced }).filter((text) => text !== undefined), ...more);
}

/** Reads one file, or several by their names. */
export function load(text: string | Readonly<Record<string, string>>): LoadResult {
  const files = typeof text === 'string' ? { 'fleet.yaml': text } : text;
  return assembleFleet({
    folder: '/fleet',
    files: Object.entries(files).map(([file, content]) => ({ file, text: content })),
    diagnostics: [],
  });
}

/** The findings of reading and checking, located. */
export function check(
  text: string | Readonly<Record<string, string>>,
  options: CheckOptions = {},
): Promise<Diagnostic[]> {
  const loaded = load(text);
  return withPositions(checkFleet(loaded, { now: new Date('2026-11-25T00:00:00Z'), ...options }), loaded.sources);
}

/** Findings without notes, as `KW008 12:3 message`. */
export async function findings(text: string | Readonly<Record<string, string>>): Promise<string[]> {
  return (await check(text)).filter(({ severity }) => severity !== 'note').map(shortly);
}

export function shortly({ rule, position, message }: Diagnostic): string {
  return `${rule.split(' ')[0]} ${position?.line}:${position?.column} ${message}`;
}

/** What the caret of a finding underlines. */
export function underlined(text: string, { position }: Diagnostic): string {
  const line = text.split('\n')[(position?.line ?? 0) - 1] ?? '';
  return line.slice((position?.column ?? 1) - 1, (position?.column ?? 1) - 1 + (position?.length ?? 0));
}
