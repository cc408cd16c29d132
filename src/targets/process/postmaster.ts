import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readIfThere } from './owned-file.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping` or `standby`. */
  readonly status: string;
}

/**
 * The server that runs on a data folder, undefined when none does. `postmaster.pid` alone proves nothing: after a crash
 * or a reboot its number may belong to any other program.
 */
export async function runningPostmaster(dataDirectory: string): Promise<Postmaster | undefined> {
  const lines = ((await readIfThere(pidFile(dataDirectory))) ?? '').split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !(await isServerOf(pid, dataDirectory))) {
    return undefined;
  }
  return { pid, port: Number(lines[3]), status: lines[7]?.trim() ?? 'starting' };
}

export function pidFile(dataDirectory: string): string {
  return join(dataDirectory, 'postmaster.pid');
}

/** Whether a process is a PostgreSQL process of this data folder: all of them have it as working directory. */
async function isServerOf(pid: number, dataDirectory: string): Promise<boolean> {
  try {
    const [cwd, exe, folder] = await Promise.all([
      readlink(`/proc/${pid}/cwd`),
      readlink(`/proc/${pid}/exe`),
      realpath(dataDirectory),
    ]);
    return cwd === folder && /^postgres( \(deleted\))?$/.test(basename(exe));
  } catch {
    return false;
  }
}

/**
 * Every process that works in a data folder. Whoever removes a stale `postmaster.pid` asks this first: the file also
 * guards against orphaned children of a killed postmaster, which would share the data with a new one.
 */
export async function serverProcesses(dataDirectory: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
  const judged = await Promise.all(pids.map(async (pid) => ((await isServerOf(pid, dataDirectory)) ? [pid] : [])));
  return judged.flat();
}

/** Whether a process exists; a zombie counts as gone. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the state follows the last one.
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
