import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';

/** One test's end, or something that went wrong beside the tests of a file (a crash, a process left behind). */
export type Outcome =
  | { readonly verdict: 'passed' }
  | { readonly verdict: 'failed'; readonly name: string; readonly place: string; readonly error: string }
  | { readonly verdict: 'skipped'; readonly name: string; readonly place: string; readonly reason: string };

/** What a worker sends to the runner over its channel. */
export type WorkerMessage =
  | { readonly type: 'started'; readonly id: number; readonly name: string }
  | { readonly type: 'completed'; readonly id: number }
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  | { readonly type: 'end' }
  | { readonly type: 'hanging'; readonly resources: readonly string[] };

/** The part of node:test's events that is read; its own types leave out the ids. */
export interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly testId?: number;
    readonly parentId?: number;
    readonly file?: string;
    readonly line?: number;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly message?: string;
    readonly type?: string;
    readonly details?: { readonly type?: string; readonly error?: NodeTestError };
  };
}

interface NodeTestError {
  readonly message: string;
  readonly failureType?: string;
  readonly cause?: unknown;
}

/** Turns node:test's events of one process into messages; keeps the names of the suites around each test. */
export class EventTranslator {
  readonly #names = new Map<number, string>();
  #open = 0;

  /** Every test that was ever announced has ended. */
  get allEnded(): boolean {
    return this.#open === 0 && this.#names.size > 0;
  }

  translate({ type, data }: TestEvent): WorkerMessage | undefined {
    switch (type) {
      case 'test:enqueue':
        this.#remember(data);
        return undefined;
      case 'test:dequeue':
        if (data.type === 'suite' || data.testId === undefined) return undefined;
        return { type: 'started', id: data.testId, name: this.#nameOf(data) };
      case 'test:complete':
        if (data.testId === undefined) return undefined;
        this.#open--;
        return { type: 'completed', id: data.testId };
      case 'test:pass':
      case 'test:fail': {
        const outcome = outcomeOf(type === 'test:pass', data, this.#nameOf(data));
        return outcome && { type: 'outcome', outcome };
      }
      case 'test:diagnostic':
        return strayError(data.message ?? '');
      default:
        return undefined;
    }
  }

  #remember(data: TestEvent['data']): void {
    if (data.testId === undefined) return;
    this.#open++;
    const parent = this.#names.get(data.parentId ?? 0);
    const name = data.name ?? '';
    this.#names.set(data.testId, parent === undefined ? name : `${parent} > ${name}`);
  }

  #nameOf(data: TestEvent['data']): string {
    return this.#names.get(data.testId ?? -1) ?? data.name ?? '';
  }
}

function outcomeOf(passed: boolean, data: TestEvent['data'], name: string): Outcome | undefined {
  const place = data.file === undefined ? '' : `${data.file}:${data.line ?? 1}`;
  if (data.todo !== undefined && data.todo !== false) {
    return { verdict: 'skipped', name, place, reason: `to do${typeof data.todo === 'string' ? `: ${data.todo}` : ''}` };
  }
  if (data.skip !== undefined && data.skip !== false) {
    const reason = typeof data.skip === 'string' && data.skip !== '' ? data.skip : 'no reason given';
    return { verdict: 'skipped', name, place, reason };
  }
  if (passed) return data.details?.type === 'suite' ? undefined : { verdict: 'passed' };
  const error = data.details?.error;
  // The test inside has been reported already.
  if (error?.failureType === 'subtestsFailed') return undefined;
  return { verdict: 'failed', name, place, error: error ? errorText(error) : 'failed without an error' };
}

function errorText(error: NodeTestError): string {
  const { cause } = error;
  // The fields of an assertion error repeat what its message shows.
  const text = cause instanceof AssertionError ? (cause.stack ?? cause.message) : inspect(cause ?? error);
  const own = text.split('\n').filter((line) => !/^\s+at .*\(?node:/.test(line));
  const heading = error.failureType === 'hookFailed' ? [`${error.message}:`] : [];
  return [...heading, ...own].join('\n');
}

/** An error after the end of its test fails nothing by itself: node:test tells it in a remark only. */
function strayError(message: string): WorkerMessage | undefined {
  if (!message.includes('asynchronous activity after the test ended')) return undefined;
  return { type: 'outcome', outcome: { verdict: 'failed', name: 'after a test', place: '', error: message } };
}
