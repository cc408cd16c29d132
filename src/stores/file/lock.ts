import { closeSync, openSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseSync } from 'node:sqlite';
import { Failure, causeOf } from '../../model/failure.ts';
import { systemCode } from './failures.ts';

const sqliteBusy = 5;

/**
 * Runs `work` while no other process, and nothing else in this one, holds the lock of the file at `path`.
 *
 * The lock is the kernel's own, on an empty file, taken through SQLite because Node has no call for it. A holder that
 * dies, at whatever moment, gives it back at once. A lock file with a pid in it cannot promise that: the pid of a live
 * holder in another container looks dead, and two processes that find the same dead holder may both take over.
 *
 * Nothing else in this process may open the lock file: closing it would give the lock up (POSIX record locks).
 *
 * Throws a Failure when the lock is not free after `timeout` milliseconds.
 */
export async function withFileLock<T>(
  path: string,
  store: string,
  options: { readonly timeout: number; readonly signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const database = await acquire(path, store, options);
  try {
    return await work();
  } finally {
    database.close();
  }
}

async function acquire(
  path: string,
  store: string,
  { timeout, signal }: { readonly timeout: number; readonly signal?: AbortSignal | undefined },
): Promise<DatabaseSync> {
  const { DatabaseSync } = await import('node:sqlite');
  const deadline = performance.now() + timeout;
  for (;;) {
    signal?.throwIfAborted();
    const database = tryToLock(DatabaseSync, path, store);
    if (database !== undefined) {
      return database;
    }
    if (performance.now() > deadline) {
      throw await locked(path, store, timeout);
    }
    // Waiting times differ, or two waiting processes would meet again and again.
    await sleep(2 + Math.random() * 8, undefined, { signal });
  }
}

function tryToLock(Database: typeof DatabaseSync, path: string, store: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    createPrivately(path);
    database = new Database(path);
    // In memory, so that no file appears beside the lock; nothing is ever written to this database.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) {
      return undefined;
    }
    throw new Failure({
      code: 'store-lock-failed',
      message: `store ${store} could not be locked for writing: ${causeOf(error)}`,
      object: `store/${store}`,
      file: path,
      why: 'two processes that write at once without a lock would lose what one of them wrote',
      remedy: 'see that this account may write in the folder, and that its file system supports locks',
      cause: error,
    });
  }
}

/** 0600, because whoever can open the file can hold its lock. In one breath, because of what closing it does. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') {
      throw error;
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === sqliteBusy;
}

async function locked(path: string, store: string, timeout: number): Promise<Failure> {
  const holder = await holderOf(path);
  const who = holder === undefined ? 'another process' : `process ${holder}`;
  return new Failure({
    code: 'store-locked',
    message: `store ${store} has been locked by ${who} for ${Math.round(timeout / 1000)} s`,
    object: `store/${store}`,
    file: path,
    why: 'a write holds this lock for some milliseconds only, so that process hangs or is stopped',
    remedy: `look at ${holder === undefined ? `what has ${path} open (fuser ${path})` : `it (ps -p ${holder})`} and end it; its lock ends with it`,
    exitCode: 3,
  });
}

/** Pid of the process that holds the lock, as Linux tells it; undefined where it does not. */
async function holderOf(path: string): Promise<string | undefined> {
  try {
    const { ino } = await stat(path);
    const locks = await readFile('/proc/locks', 'utf8');
    const line = locks.split('\n').find((each) => each.includes(' WRITE ') && each.includes(`:${ino} `));
    return line === undefined ? undefined : / WRITE +(\d+) /.exec(line)?.[1];
  } catch {
    return undefined;
  }
}
