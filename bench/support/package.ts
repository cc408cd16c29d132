import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** The package as an installation has it: below node_modules, with the carried Node beside it. */
export function installPackage(folder: string): string {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.ts')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'keywright'), { recursive: true });
  for (const part of ['bin', 'dist', 'package.json']) {
    cpSync(join(root, part), join(modules, 'keywright', part), { recursive: true });
  }
  symlinkSync(dirname(dirname(process.execPath)), join(modules, `node-linux-${process.arch}`));
  return join(modules, 'keywright/bin/keywright');
}
