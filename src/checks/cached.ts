import type { Diagnostic } from '../model/diagnostic.ts';
import { readFleetFiles, type FleetFiles } from '../fleet/files.ts';
import type { SourceFile } from '../fleet/model.ts';

/**
 * The findings of an unchanged fleet without mistakes, from the last time. Parsing and checking a small fleet costs more than starting
 * Node; comparing its text with what was checked before costs next to nothing. What is compared is everything that the
 * findings depend on: the text of every file, the code of the rules, the day (exceptions end on one).
 */

// Not by import, as in fleet/files.ts.
const fs = process.getBuiltinModule('node:fs');
const { dirname, join, resolve } = process.getBuiltinModule('node:path');

export interface CheckedFiles {
  /** With positions, in the order of files and lines. */
  readonly diagnostics: readonly Diagnostic[];
  /** The files that were read, by their shown name. */
  readonly sources: ReadonlyMap<string, SourceFile>;
}

export interface CheckFilesOptions {
  /** For exceptions with `until`; default: the present. */
  readonly now?: Date;
  /** Where findings are kept, a folder that only we write; default: beside the compile cache, none without one. */
  readonly cacheFolder?: string;
}

interface Kept {
  readonly path: string;
  readonly from: string;
  readonly code: string;
  readonly day: string;
  readonly files: readonly SourceFile[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Fleets whose findings are kept. */
const mostKept = 64;

/**
 * Reads and checks a fleet, as `loadFleet`, `checkFleet` and `withPositions` do one after the other.
 *
 * @param path file or folder
 * @param from folder that shown file names start from
 */
export async function checkFiles(path: string, from: string, options: CheckFilesOptions = {}): Promise<CheckedFiles> {
  const now = options.now ?? new Date();
  const read = readFleetFiles(path, from);
  const sources = new Map(read.files.map((file) => [file.file, file]));
  // What could not be read may be readable the next time, without any text having changed.
  const folder = read.diagnostics.length > 0 ? undefined : (options.cacheFolder ?? besideCompileCache());
  if (folder === undefined) {
    return { diagnostics: await check(read, now), sources };
  }
  const key = { path: resolve(from, path), from, code: codeIdentity(), day: now.toISOString().slice(0, 10) };
  const file = join(folder, `${hash(key.path)}.json`);
  const kept = recall(file);
  if (kept !== undefined && isSame(kept, { ...key, files: read.files })) {
    return { diagnostics: kept.diagnostics, sources };
  }
  const diagnostics = await check(read, now);
  // A fleet with a mistake is about to be changed, and the mistake may be a secret in its text.
  if (diagnostics.every(({ severity }) => severity === 'note')) {
    keep(file, { ...key, files: read.files, diagnostics });
  }
  return { diagnostics, sources };
}

async function check(read: FleetFiles, now: Date): Promise<Diagnostic[]> {
  const [{ assembleFleet }, { checkFleet }, { withPositions }] = await Promise.all([
    import('../fleet/load.ts'),
    import('./check.ts'),
    import('../fleet/locate.ts'),
  ]);
  const loaded = assembleFleet(read);
  return withPositions(checkFleet(loaded, { now }), loaded.sources);
}

function besideCompileCache(): string | undefined {
  const folder = process.getBuiltinModule('node:module').getCompileCacheDir();
  return folder === undefined ? undefined : join(dirname(folder), 'checks');
}

function isSame(kept: Kept, now: Omit<Kept, 'diagnostics'>): boolean {
  return (
    kept.path === now.path &&
    kept.from === now.from &&
    kept.code === now.code &&
    kept.day === now.day &&
    kept.files.length === now.files.length &&
    kept.files.every(({ file, text }, index) => file === now.files[index]?.file && text === now.files[index]?.text)
  );
}

/** Undefined for what is not there or was not written by us whole. */
function recall(file: string): Kept | undefined {
  try {
    const kept = JSON.parse(fs.readFileSync(file, 'utf8')) as Kept;
    return Array.isArray(kept.files) && Array.isArray(kept.diagnostics) ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** A fleet that cannot be kept is checked again the next time; that is no reason to fail. */
function keep(file: string, kept: Kept): void {
  try {
    const folder = dirname(file);
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid}`;
    fs.writeFileSync(temporary, JSON.stringify(kept), { mode: 0o600 });
    fs.renameSync(temporary, file);
    const all = fs.readdirSync(folder);
    if (all.length > mostKept) {
      const ages = all.map((name) => ({ name, age: fs.statSync(join(folder, name)).mtimeMs }));
      for (const { name } of ages.sort((a, b) => a.age - b.age).slice(0, all.length - mostKept)) {
        fs.rmSync(join(folder, name), { force: true });
      }
    }
  } catch {
    // A read-only home, a full disk, another process that removed the same file.
  }
}

/**
 * What the findings depend on in ourselves: name, size and time of every file of the rooms that make them, and of the
 * parser. In a package the name of the bundled file is enough: it holds a digest of that file and of all that it loads.
 */
function codeIdentity(): string {
  const here = import.meta.dirname;
  if (!here.endsWith('/src/checks')) {
    return `${process.version} ${import.meta.filename}`;
  }
  const folders = ['.', 'rules', '../fleet', '../fleet/kinds', '../model', '../../node_modules/js-yaml'];
  const parts: string[] = [process.version];
  for (const folder of folders) {
    const absolute = join(here, folder);
    for (const name of fs.readdirSync(absolute).sort()) {
      const stat = fs.statSync(join(absolute, name), { throwIfNoEntry: false });
      parts.push(`${name}:${stat?.size}:${stat?.mtimeMs}`);
    }
  }
  return parts.join(' ');
}

/** A short name for a path; FNV-1a over its characters. Two paths that meet are told apart by what is kept. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  let other = 0x1b873593;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
    other = Math.imul(other + text.charCodeAt(index), 0x85ebca6b) ^ (other >>> 13);
  }
  return `${(value >>> 0).toString(16).padStart(8, '0')}${(other >>> 0).toString(16).padStart(8, '0')}`;
}
