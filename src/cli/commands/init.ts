import { mkdir, open, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { causeOf, Failure } from '../../model/failure.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { programName } from '../program-name.ts';
import { starterFleet, starterIgnore } from '../starter-fleet.ts';

/** Writes a commented first fleet into a folder. Nothing that is there is ever overwritten. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['FOLDER?']);
  requireOutput(values.output);
  const folder = resolve(invocation.cwd, positionals[0] ?? '.');
  const shown = relative(invocation.cwd, folder) || '.';
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new Failure({ code: 'folder-unusable', message: `${shown} cannot be made: ${causeOf(error)}`, file: shown });
  }
  const fleetFile = join(shown, 'fleet.yaml');
  if (!(await writeNew(join(folder, 'fleet.yaml'), starterFleet(fleetName(folder))))) {
    throw new Failure({
      code: 'fleet-exists',
      message: `${fleetFile} is there already; nothing was written`,
      file: fleetFile,
      remedy: `see what it would do: ${programName(invocation)} check ${shown}`,
    });
  }
  const written = [fleetFile];
  const ignoreFile = join(shown, '.gitignore');
  if (await writeNew(join(folder, '.gitignore'), starterIgnore)) {
    written.push(ignoreFile);
  } else {
    const missing = await missingLines(join(folder, '.gitignore'));
    if (missing.length > 0) {
      terminal.err(`note: add to ${ignoreFile}, which was left as it is: ${missing.join(' ')}\n`);
    }
  }
  const next = `${programName(invocation)} up${shown === '.' ? '' : ` ${shown}`}`;
  terminal.result({ written, next }, `${written.map((file) => `wrote ${file}\n`).join('')}\nBring it up: ${next}\n`);
  return 0;
}

/** False when the file is there already, also as a dangling link. */
async function writeNew(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw new Failure({ code: 'folder-unusable', message: `${path} cannot be written: ${causeOf(error)}`, file: path });
  }
}

async function missingLines(path: string): Promise<string[]> {
  const present = (await readFile(path, 'utf8').catch(() => '')).split('\n').map((line) => line.trim());
  return starterIgnore.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !present.includes(line));
}

/** The folder's name as a DNS label. */
function fleetName(folder: string): string {
  const label = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return /^[a-z]/.test(label) ? label : 'my-fleet';
}
