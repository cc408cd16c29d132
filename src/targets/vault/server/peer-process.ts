import { spawn } from 'node:child_process';
import { open, readdir, readlink, realpath, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../../model/failure.ts';
import { asAccount } from '../../process/account.ts';
import { readIfThere, writeOwnedFile } from '../../process/owned-file.ts';
import { isAlive } from '../../process/postmaster.ts';
import type { PeerFolder } from './peer-folder.ts';

const startMilliseconds = 30_000;
const stopMilliseconds = 15_000;
const killMilliseconds = 5_000;

export interface StartOptions {
  /** Path of the `bao` binary. */
  readonly binary: string;
  readonly signal: AbortSignal;
  /** True as soon as the peer answers at its address, whatever it says. */
  answers(): Promise<boolean>;
  readonly progress?: (text: string) => void;
}

export interface RunningPeer {
  readonly pid: number;
  /** It ran already, whoever started it. */
  readonly adopted: boolean;
}

/**
 * Starts a peer that lives on when we end, and returns when it answers; one that runs already is adopted.
 *
 * Throws a Failure with the end of its log when it ended or kept silent: `port-taken` when that was the cause.
 */
export async function startPeer(peer: PeerFolder, options: StartOptions): Promise<RunningPeer> {
  const running = await runningPeer(peer);
  const from = running === undefined ? await logSize(peer) : 0;
  const launched = running === undefined ? await launch(peer, options.binary) : { pid: running, ended: undefined };
  const begun = performance.now();
  let told = false;
  while (!(await options.answers())) {
    const over = performance.now() - begun;
    // One that we started tells how it ended, a moment after it is gone.
    const isGone = running === undefined ? launched.ended !== undefined : !(await isAlive(running));
    if (isGone || over > startMilliseconds) {
      throw await startFailure(peer, launched.ended ?? 'it does not answer', from);
    }
    if (!told && over > 1000) {
      told = true;
      options.progress?.(`waits until peer ${peer.nodeId} answers`);
    }
    await delay(20, undefined, { signal: options.signal });
  }
  return { pid: launched.pid, adopted: running !== undefined };
}

/**
 * Stops a peer, whoever started it: a leader hands over to another peer first. Its process is gone when this returns,
 * because a new one would end at once at an occupied port. False when it did not run.
 */
export async function stopPeer(peer: PeerFolder): Promise<boolean> {
  const pid = await runningPeer(peer);
  if (pid === undefined) {
    return false;
  }
  for (const [signal, patience] of [
    ['SIGTERM', stopMilliseconds],
    ['SIGKILL', killMilliseconds],
  ] as const) {
    signalProcess(pid, signal);
    for (const deadline = performance.now() + patience; performance.now() < deadline; await delay(10)) {
      if (!(await isAlive(pid))) {
        await rm(peer.pidFile, { force: true });
        return true;
      }
    }
  }
  throw new Failure({
    code: 'server-does-not-stop',
    message: `peer ${peer.nodeId} does not stop (pid ${pid})`,
    object: peer.nodeId,
    remedy: `the reason is likely in its log: ${peer.logFile}`,
  });
}

/** Makes a peer read its configuration and certificates again, and open its audit log anew. */
export async function reloadPeer(peer: PeerFolder): Promise<void> {
  const pid = await runningPeer(peer);
  if (pid !== undefined) {
    signalProcess(pid, 'SIGHUP');
  }
}

/**
 * The process of a peer, undefined when none runs. A pid file alone proves nothing, since its number may belong to any
 * program after a crash, and a lost one does not stop the server: what works in the peer's folder and is `bao` is it.
 */
export async function runningPeer(peer: PeerFolder): Promise<number | undefined> {
  const noted = Number((await readIfThere(peer.pidFile))?.trim());
  if (Number.isInteger(noted) && noted > 0 && (await isPeer(noted, peer))) {
    return noted;
  }
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (Number.isInteger(pid) && (await isPeer(pid, peer))) {
      return pid;
    }
  }
  return undefined;
}

/** What a running peer complained of last: the newest errors in its log, at most three; empty when there are none. */
export async function lastErrors(peer: PeerFolder): Promise<string> {
  const text = await endOfPeerLog(peer, 100);
  const errors = text.split('\n').filter((line) => line.includes('[ERROR]'));
  return errors.slice(-3).join('\n');
}

/** The last lines of a peer's log, from a place on. */
async function endOfPeerLog(peer: PeerFolder, lines: number, from = 0): Promise<string> {
  const text = (await readIfThere(peer.logFile)) ?? '';
  return text.slice(from).trimEnd().split('\n').slice(-lines).join('\n');
}

interface Launched {
  readonly pid: number;
  /** How it ended, as soon as it has. */
  ended: string | undefined;
}

async function launch(peer: PeerFolder, binary: string): Promise<Launched> {
  const log = await open(peer.logFile, 'a', 0o600);
  try {
    if (peer.account !== undefined) {
      await log.chown(peer.account.uid, peer.account.gid);
    }
    const child = spawn(binary, ['server', `-config=${peer.configFile}`], {
      ...asAccount(peer.account),
      cwd: peer.folder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const launched: Launched = { pid: child.pid ?? 0, ended: undefined };
    // Listening before the next await: a server that refuses its configuration is gone within milliseconds.
    child.once('error', (error) => {
      launched.ended = error.message;
    });
    child.once('exit', (code, signal) => {
      launched.ended = `exit code ${code ?? signal}`;
    });
    child.unref();
    await writeOwnedFile(peer.pidFile, `${launched.pid}\n`, peer.account);
    return launched;
  } finally {
    await log.close();
  }
}

async function isPeer(pid: number, peer: PeerFolder): Promise<boolean> {
  try {
    const [cwd, exe, folder] = await Promise.all([
      readlink(`/proc/${pid}/cwd`),
      readlink(`/proc/${pid}/exe`),
      realpath(peer.folder),
    ]);
    return cwd === folder && /^bao( \(deleted\))?$/.test(basename(exe)) && (await isAlive(pid));
  } catch {
    return false;
  }
}

async function startFailure(peer: PeerFolder, how: string, from: number): Promise<Failure> {
  const log = await endOfPeerLog(peer, 6, from);
  const portTaken = log.includes('address already in use');
  return new Failure({
    code: portTaken ? 'port-taken' : 'server-did-not-start',
    message: `peer ${peer.nodeId} did not start (${how})${log === '' ? '' : `; its log ends with:\n${log}`}`,
    object: peer.nodeId,
    remedy: `the whole log: ${peer.logFile}`,
  });
}

async function logSize(peer: PeerFolder): Promise<number> {
  return stat(peer.logFile).then(
    ({ size }) => size,
    () => 0,
  );
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
