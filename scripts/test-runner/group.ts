import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { endSurvivors, markVariable } from './left-behind.ts';
import type { Outcome, WorkerMessage } from './outcome.ts';
import type { TestGroup } from './select.ts';

export interface GroupContext {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** A pattern of test names; all when undefined. */
  readonly name: string | undefined;
  /** Ends the group early. */
  readonly signal: AbortSignal;
  /** Called for every outcome as it comes. */
  report(outcome: Outcome): void;
  /** What the tests printed, handed over when the group has failures. */
  print(output: string): void;
}

const worker = join(import.meta.dirname, 'worker.ts');
const keptOutput = 8_000;
/** Longer than the slowest hook that stops servers after the last test. */
const quietSeconds = 20;
let count = 0;

/** Runs the files of a group in one process; resolves when that process, and all that it started, has ended. */
export async function runGroup(group: TestGroup, context: GroupContext): Promise<void> {
  const mark = `${process.pid}-${++count}`;
  const settings = { files: group.files.map((file) => join(context.root, file)), name: context.name, quietSeconds };
  const child = fork(worker, [JSON.stringify(settings)], {
    cwd: context.root,
    env: { ...context.env, [markVariable]: mark },
    // A process group of its own, so that it can be ended with all that it started.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const watch = new Watch(child, (outcome) => context.report(outcome));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child);
  }, group.limitSeconds * 1_000);
  const abort = () => endGroup(child);
  context.signal.addEventListener('abort', abort);
  const ended = await endOf(child);
  clearTimeout(timer);
  context.signal.removeEventListener('abort', abort);

  const left = child.pid === undefined ? [] : await endSurvivors(mark, child.pid);
  const problem = context.signal.aborted
    ? 'interrupted'
    : timedOut
      ? `did not end within ${group.limitSeconds} s${watch.during()}`
      : (watch.problem(ended) ?? (left.length > 0 ? `left processes running:\n${left.join('\n')}` : undefined));
  if (problem !== undefined) context.report({ verdict: 'failed', name: group.title, place: '', error: problem });
  if (problem !== undefined || watch.failures > 0) context.print(watch.output.trimEnd());
}

/** What one worker says and prints. */
class Watch {
  failures = 0;
  output = '';
  #ended = false;
  #hanging: readonly string[] | undefined;
  readonly #running = new Map<number, string>();

  constructor(child: ChildProcess, report: (outcome: Outcome) => void) {
    child.on('message', (message) => this.#receive(message as WorkerMessage, report));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output = (this.output + text).slice(-keptOutput)));
    }
  }

  #receive(message: WorkerMessage, report: (outcome: Outcome) => void): void {
    switch (message.type) {
      case 'started':
        this.#running.set(message.id, message.name);
        break;
      case 'completed':
        this.#running.delete(message.id);
        break;
      case 'outcome':
        if (message.outcome.verdict === 'failed') this.failures++;
        report(message.outcome);
        break;
      case 'end':
        this.#ended = true;
        break;
      case 'hanging':
        this.#hanging = message.resources;
    }
  }

  during(): string {
    return this.#running.size === 0 ? '' : `, during: ${[...this.#running.values()].join(', ')}`;
  }

  /** Why the process's end is not that of finished tests. */
  problem(ended: string | number): string | undefined {
    if (this.#hanging) return `the tests ended, but this keeps the process alive: ${this.#hanging.join(', ')}`;
    if (!this.#ended) return `the process ended before its tests (${ended})${this.during()}`;
    if (ended !== 0 && this.failures === 0) return `no test failed, but the process ended with ${ended}`;
    return undefined;
  }
}

/** Exit code, signal or error; a process that the tests left behind may hold the output open, so that is not awaited. */
function endOf(child: ChildProcess): Promise<string | number> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(signal ?? code ?? 1));
    child.on('exit', (code, signal) => setTimeout(() => resolve(signal ?? code ?? 1), 500));
  });
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-pid, name);
    } catch {
      // All have ended.
    }
  };
  signal('SIGTERM');
  setTimeout(() => signal('SIGKILL'), 5_000).unref();
}
