import { setTimeout as delay } from 'node:timers/promises';
import { hasEnded } from '../engine/process-identity.ts';
import { Failure } from '../model/failure.ts';
import type { LocalSite } from '../targets/process/local-site.ts';
import { readKeeper } from './keeper-file.ts';
import { serversOf } from './local-sites.ts';
import type { Terminal } from './terminal.ts';

/** How long a keeper is given to stop its servers. */
const keeperMilliseconds = 90_000;

/** Stops the servers of the sites at the same time, without those in `except` (folders). Names of those that ran. */
export async function stopServers(
  sites: readonly LocalSite[],
  terminal: Terminal,
  except: readonly string[] = [],
): Promise<readonly string[]> {
  const servers = (await serversOf(sites)).filter(({ folder }) => !except.includes(folder));
  terminal.progress('stopping the servers');
  try {
    const stopped = await Promise.all(
      servers.map(async (server) => {
        const didRun = await server.stop((text) => terminal.progress(text));
        return didRun ? [server.name] : [];
      }),
    );
    return stopped.flat();
  } finally {
    terminal.progress(undefined);
  }
}

/** Ends the `up` that keeps a fleet, which would start what we stop. Its pid, or undefined when nobody kept it. */
export async function endKeeper(folder: string, terminal: Terminal): Promise<number | undefined> {
  const keeper = await readKeeper(folder);
  if (keeper === undefined || keeper.pid === process.pid) {
    return undefined;
  }
  try {
    process.kill(keeper.pid, 'SIGTERM');
  } catch (error) {
    throw new Failure({
      code: 'keeper-not-ended',
      message: `process ${keeper.pid}, which keeps the fleet, cannot be ended: ${(error as Error).message}`,
      why: 'it would start again what is stopped here',
      remedy: 'run this as the account that started it',
    });
  }
  terminal.progress(`waiting for process ${keeper.pid}, which keeps the fleet`);
  const deadline = performance.now() + keeperMilliseconds;
  while (!hasEnded(keeper)) {
    if (performance.now() > deadline) {
      throw new Failure({
        code: 'keeper-not-ended',
        message: `process ${keeper.pid}, which keeps the fleet, does not end`,
        remedy: `kill ${keeper.pid}`,
      });
    }
    await delay(50);
  }
  terminal.progress(undefined);
  return keeper.pid;
}
