import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { Failure } from '../../model/failure.ts';
import type { DirectorySpec } from './directory.spec.ts';

/** Long enough for a service to restart, in milliseconds. */
const longestCommand = 60_000;

export interface Changed {
  readonly spec: DirectorySpec;
  /** Absolute path of the delivered folder. */
  readonly directory: string;
  readonly generation: string;
  /** Absolute path of the fleet's folder: relative names start there. */
  readonly fleetFolder: string;
  readonly signal: AbortSignal;
}

/**
 * Tells a consumer that a new generation is in place. Answers a sentence for a person when there was nobody to tell.
 * Throws a Failure when the command fails. What it prints is thrown away: it could repeat what it has read.
 */
export async function tellConsumer(changed: Changed): Promise<string | undefined> {
  const { onChange } = changed.spec;
  if (onChange === undefined) {
    return undefined;
  }
  if ('command' in onChange) {
    await runCommand(onChange.command, changed);
    return undefined;
  }
  return sendSignal(onChange.signal, changed);
}

async function runCommand(command: readonly string[], changed: Changed): Promise<void> {
  const [program, ...args] = command;
  const { spec, directory, generation, fleetFolder, signal } = changed;
  const failed = (how: string, cause?: unknown): Failure =>
    new Failure({
      code: 'on-change-failed',
      message: `onChange of consumer ${spec.consumer} ${how} (${program ?? 'no command'})`,
      object: `Consumer/${spec.consumer}`,
      why: 'the new files are in place, but the consumer may not have read them',
      remedy: 'run the command by hand to see what it says; the next apply runs it again',
      cause,
    });
  if (program === undefined) {
    throw failed('names no command');
  }
  await new Promise<void>((done, fail) => {
    const child = spawn(program.includes('/') ? resolve(fleetFolder, program) : program, args, {
      cwd: fleetFolder,
      stdio: 'ignore',
      // A group of its own, so that an interrupted run lets it finish and a late one ends with its children.
      detached: true,
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LANG: 'C.UTF-8',
        KEYWRIGHT_CONSUMER: spec.consumer,
        KEYWRIGHT_SECRET: spec.name,
        KEYWRIGHT_DIRECTORY: directory,
        KEYWRIGHT_GENERATION: generation,
      },
    });
    const end = (): void => {
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // It ended in this very moment.
        }
      }
    };
    const timer = setTimeout(() => {
      end();
      fail(failed(`took longer than ${longestCommand / 1000} s`));
    }, longestCommand);
    signal.addEventListener('abort', end, { once: true });
    const finish = (then: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      then();
    };
    child.once('error', (error) =>
      finish(() => fail(failed(`could not be started: ${(error as NodeJS.ErrnoException).code}`))),
    );
    child.once('exit', (code, killedBy) =>
      finish(() =>
        code === 0 ? done() : fail(failed(killedBy === null ? `ended with code ${code}` : `was ended by ${killedBy}`)),
      ),
    );
  });
}

async function sendSignal(
  { pidFile, name }: { readonly pidFile: string; readonly name: string },
  { spec, fleetFolder }: Changed,
): Promise<string | undefined> {
  const path = resolve(fleetFolder, pidFile);
  const signal = name.startsWith('SIG') ? name : `SIG${name}`;
  const failed = (how: string): Failure =>
    new Failure({
      code: 'on-change-failed',
      message: `consumer ${spec.consumer} could not be told by ${signal}: ${how}`,
      object: `Consumer/${spec.consumer}`,
      why: 'the new files are in place, but the consumer may not have read them',
      remedy: 'correct onChange; the next apply tries again',
    });
  if (!Object.hasOwn(constants.signals, signal)) {
    throw failed('there is no such signal');
  }
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return `consumer ${spec.consumer} does not run (no ${path}), so nobody was told`;
    }
    throw failed(`${path} cannot be read`);
  }
  const pid = Number(/^\s*(\d+)\s*(\n|$)/.exec(text)?.[1] ?? NaN);
  // 0 and 1 would reach our own group, or everything.
  if (!Number.isSafeInteger(pid) || pid < 2) {
    throw failed(`${path} holds no process id`);
  }
  try {
    process.kill(pid, signal);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') {
      return `consumer ${spec.consumer} does not run (process ${pid} of ${path} is gone), so nobody was told`;
    }
    throw failed(
      (error as NodeJS.ErrnoException).code === 'EPERM' ? `process ${pid} belongs to another account` : 'it failed',
    );
  }
}
