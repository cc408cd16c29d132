import { rmdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../model/failure.ts';
import { isAlive, runningPostmaster, serverProcesses } from './postmaster.ts';
import type { ServerFolder } from './server-folder.ts';

/** How long clients are given; then the server is stopped at once and recovers at the next start. */
const fastMilliseconds = 60_000;
const immediateMilliseconds = 10_000;

/**
 * Stops a server, whoever started it: sessions are ended, everything is written, and all its processes are gone when
 * this returns. False when it did not run.
 */
export async function stopServer(server: ServerFolder, progress?: (text: string) => void): Promise<boolean> {
  const running = await runningPostmaster(server.dataDirectory);
  if (running === undefined) {
    return false;
  }
  for (const [signal, patience] of [
    ['SIGINT', fastMilliseconds],
    ['SIGQUIT', immediateMilliseconds],
  ] as const) {
    signalProcess(running.pid, signal);
    if (await ended(server, running.pid, patience, progress)) {
      // Only when it is empty: a server that was started meanwhile has its socket there.
      await rmdir(server.socketDirectory).catch(() => {});
      return true;
    }
  }
  throw new Failure({
    code: 'server-does-not-stop',
    message: `${server.name} does not stop (pid ${running.pid})`,
    object: server.name,
    remedy: `the reason is likely in its log: ${server.logFile}`,
  });
}

/** Asks the server to read its files again; it does so a little later. */
export async function reloadServer(server: ServerFolder): Promise<void> {
  const running = await runningPostmaster(server.dataDirectory);
  if (running !== undefined) {
    signalProcess(running.pid, 'SIGHUP');
  }
}

async function ended(
  server: ServerFolder,
  pid: number,
  patience: number,
  progress: ((text: string) => void) | undefined,
): Promise<boolean> {
  const deadline = performance.now() + patience;
  const tellAt = performance.now() + 1000;
  let told = false;
  while (performance.now() < deadline) {
    if (!(await isAlive(pid)) && (await serverProcesses(server.dataDirectory)).length === 0) {
      return true;
    }
    if (!told && performance.now() > tellAt) {
      told = true;
      progress?.(`waits until ${server.name} has stopped`);
    }
    await delay(10);
  }
  return false;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error;
    }
  }
}
