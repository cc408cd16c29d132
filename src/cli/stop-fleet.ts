import { setTimeout as delay } from 'node:timers/promises';
import { hasEnded } from '../engine/process-identity.ts';
import { Failure } from '../model/failure.ts';
import type { LocalSite } from '../targets/process/local-site.ts';
import { type Keeper, readKeeper } from './keeper-file.ts';
import { serversOf } from './local-sites.ts';
import type { Terminal } from './terminal.ts';

/** How long a keeper is given to finish what it writes, then to stop its servers. */
const writeMilliseconds = 3_000;
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

/** As Ctrl+C does. One that has ended meanwhile is what was asked for. */
function askToEnd(keeper: Keeper): void {
  try {
    process.kill(keeper.pid, 'SIGTERM');
  } catch (error) {
    if (hasEnded(keeper)) {
      return;
    }
    throw new Failure({
      code: 'keeper-not-ended',
      message: `process ${keeper.pid}, which keeps the fleet, cannot be ended: ${(error as Error).message}`,
      why: 'it would start again what is stopped here',
      remedy: 'run this as the account that started it',
    });
  }
}

/** Ends the `up` that keeps a fleet, which would start what we stop. Its pid, or undefined when nobody kept it. */
export async function endKeeper(folder: string, terminal: Terminal): Promise<number | undefined> {
  const keeper = await readKeeper(folder);
  if (keeper === undefined || keeper.pid === process.pid) {
    return undefined;
  }
  askToEnd(keeper);
  terminal.progress(`waiting for process ${keeper.pid}, which keeps the fleet`);
  const askedAt = performance.now();
  let isAskedAgain = false;
  while (!hasEnded(keeper)) {
    const waited = performance.now() - askedAt;
    if (!isAskedAgain && waited > writeMilliseconds) {
      // A statement may run for minutes; the second time, it is given up.
      isAskedAgain = true;
      askToEnd(keeper);
    }
    if (waited > keeperMilliseconds) {
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
