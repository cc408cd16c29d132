import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const entry = fileURLToPath(new URL('../../bin/entry.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A command that runs. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until standard output matches. Throws when the command ends before. */
  saw(pattern: RegExp): Promise<void>;
}

/** Starts the real command line. */
export function startKeywright(args: readonly string[], options: StartOptions = {}): Running {
  const child = spawn(process.execPath, [entry, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    watchers.forEach((look) => look());
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    async saw(pattern) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => void (pattern.test(stdout) && resolve());
      watchers.add(look);
      look();
      void ended.then(({ code }) => reject(new Error(`ended with ${code} before ${pattern}\n${stdout}\n${stderr}`)));
      await promise.finally(() => watchers.delete(look));
    },
  };
}

/** Runs the real command line to its end. */
export function keywright(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return startKeywright(args, options).ended;
}
