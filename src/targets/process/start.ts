import { spawn } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../model/failure.ts';
import { asAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import { boundLog, endOfLog, logSize } from './log.ts';
import { pidFile, type Postmaster, runningPostmaster, serverProcesses } from './postmaster.ts';
import type { ServerFolder } from './server-folder.ts';
import { makeSocketDirectory } from './socket-directory.ts';

export interface Waiting {
  readonly signal: AbortSignal;
  /** Called when a start takes longer than a person expects, for example to recover from a crash. */
  readonly progress?: (text: string) => void;
}

/**
 * Starts the server and returns when it takes connections. It lives on when we end, also after Ctrl+C in a terminal.
 * Throws a Failure with the end of the log when it did not start; its code is `port-taken` when that was the cause.
 */
export async function startServer(
  server: ServerFolder,
  binaries: Pick<Binaries, 'postgres'>,
  waiting: Waiting,
): Promise<Postmaster> {
  await clearStalePidFile(server);
  await makeSocketDirectory(server);
  await boundLog(server);
  const from = await logSize(server);
  const child = await launch(server, binaries);
  const ready = await waitUntilReady(server, waiting, () => child.ended !== undefined, child.pid);
  if (ready !== undefined) {
    return ready;
  }
  throw await startFailure(server, child.ended ?? 'it went away', from);
}

interface Launched {
  readonly pid: number | undefined;
  /** How it ended, as soon as it has. */
  ended?: string;
}

async function launch(server: ServerFolder, binaries: Pick<Binaries, 'postgres'>): Promise<Launched> {
  const log = await open(server.logFile, 'a', 0o600);
  try {
    if (server.account !== undefined) {
      await log.chown(server.account.uid, server.account.gid);
    }
    const child = spawn(binaries.postgres, ['-D', server.dataDirectory], {
      ...asAccount(server.account),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const launched: Launched = { pid: child.pid };
    // Listening before the next await: a server that refuses its settings is gone within a millisecond.
    child.once('error', (error) => {
      launched.ended = error.message;
    });
    child.once('exit', (code, signal) => {
      launched.ended = `exit code ${code ?? signal}`;
    });
    child.unref();
    return launched;
  } finally {
    await log.close();
  }
}

/** Waits for a server that somebody else is starting, or that recovers. Undefined when it ended instead. */
export async function waitUntilReady(
  server: ServerFolder,
  waiting: Waiting,
  isGone: () => boolean,
  pid?: number,
): Promise<Postmaster | undefined> {
  const begun = performance.now();
  let told = false;
  for (;;) {
    const found = await runningPostmaster(server.dataDirectory);
    if (found?.status === 'ready' && (pid === undefined || found.pid === pid)) {
      return found;
    }
    if (isGone() || (pid === undefined && found === undefined)) {
      return undefined;
    }
    if (!told && performance.now() - begun > 1000) {
      told = true;
      waiting.progress?.(`waits until ${server.name} takes connections (${found?.status ?? 'starting'})`);
    }
    await delay(10, undefined, { signal: waiting.signal });
  }
}

/**
 * PostgreSQL itself overlooks a pid file whose process is dead or another account's; it refuses to start beside an empty
 * one, and beside one whose number now belongs to any other program of its account.
 */
async function clearStalePidFile(server: ServerFolder): Promise<void> {
  await waitForOrphans(server);
  await rm(pidFile(server.dataDirectory), { force: true });
}

/**
 * Waits until the children of a killed postmaster, which end by themselves within moments, have let go of data folder
 * and port. Throws when they do not.
 */
export async function waitForOrphans(server: ServerFolder): Promise<void> {
  let left = await serverProcesses(server.dataDirectory);
  for (const deadline = performance.now() + 5000; left.length > 0 && performance.now() < deadline;) {
    await delay(20);
    left = await serverProcesses(server.dataDirectory);
  }
  if (left.length === 0) {
    return;
  }
  throw new Failure({
    code: 'server-remains',
    message: `processes of an earlier ${server.name} still work in its data folder: pid ${left.join(', ')}`,
    object: server.name,
    why: 'a second server on the same files would damage them',
    remedy: `look at them, then end them: kill ${left.join(' ')}`,
  });
}

async function startFailure(server: ServerFolder, how: string, from: number): Promise<Failure> {
  const log = await endOfLog(server, 6, from);
  const portTaken = log.includes('could not create any TCP/IP sockets');
  const rules = /could not load .*pg_hba\.conf/.test(log);
  return new Failure({
    code: portTaken ? 'port-taken' : 'server-did-not-start',
    message: `${server.name} did not start (${how})${log === '' ? '' : `; its log ends with:\n${log}`}`,
    object: server.name,
    why: rules ? 'PostgreSQL does not start with a broken pg_hba.conf' : undefined,
    remedy: rules
      ? `remove ${server.dataDirectory}/pg_hba.conf; apply writes it anew`
      : `the whole log: ${server.logFile}`,
  });
}
