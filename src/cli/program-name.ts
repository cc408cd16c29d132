import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Invocation } from './invocation.ts';

/** How this Keywright is typed from the current folder: `./bin/keywright` in a clone, else `keywright`. */
export function programName(invocation: Pick<Invocation, 'cwd'>): string {
  const script = fileURLToPath(new URL('../../bin/keywright', import.meta.url));
  const isClone = existsSync(fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url)));
  if (!isClone) {
    return 'keywright';
  }
  const path = relative(invocation.cwd, script);
  return path.startsWith('..') ? script : `./${path}`;
}

/** ` --fleet PATH` for a command that is advertised, empty where the current folder says it. */
export function fleetOption(path: string | undefined): string {
  return path === undefined || path === '.' ? '' : ` --fleet ${quoted(path)}`;
}

/** ` PATH` for a command that takes the fleet as its argument. */
export function fleetArgument(path: string | undefined): string {
  return path === undefined || path === '.' ? '' : ` ${quoted(path)}`;
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
