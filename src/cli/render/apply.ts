import type { ApplyEvent, ApplyResult } from '../../engine/apply-events.ts';
import type { TargetId } from '../../model/ids.ts';
import { errorJson, failureText } from '../failure-text.ts';
import type { Terminal } from '../terminal.ts';
import { count, spread, took } from '../text.ts';
import { changeLines, shortName } from './plan.ts';

/** What a person reads; a program gets all. */
const shownReasons = 10;

/** Tells an apply while it runs: a progress line on a terminal, a line per change with `verbose`, JSON Lines. */
export class ApplyReporter {
  readonly #terminal: Terminal;
  readonly #verbose: boolean;
  readonly #running = new Map<TargetId, number>();
  #total = 0;
  #finished = 0;
  #stoppedAt: number | undefined;

  constructor(terminal: Terminal, options: { readonly verbose: boolean }) {
    this.#terminal = terminal;
    this.#verbose = options.verbose;
  }

  readonly onEvent = (event: ApplyEvent): void => {
    if (this.#terminal.json) {
      this.#terminal.outJson(eventJson(event));
    }
    switch (event.type) {
      case 'begin':
        this.#total = event.total;
        break;
      case 'started':
        this.#running.set(event.target, (this.#running.get(event.target) ?? 0) + 1);
        break;
      case 'progress':
        this.#terminal.progress(`${shortName(event.id)}: ${event.text}`);
        return;
      case 'stopping':
        this.#stoppedAt = event.running;
        if (!this.#terminal.json) {
          this.#terminal.err(`stopping after ${count(event.running, 'running change')}; the same again gives it up\n`);
        }
        return;
      case 'skipped':
        this.#finished += 1;
        break;
      default:
        this.#finished += 1;
        this.#end(event.target);
        this.#tell(event);
    }
    this.#showProgress();
  };

  /** The last lines: what failed and what was left out, then the counts. */
  summary(result: ApplyResult, milliseconds: number): string {
    const { json } = this.#terminal;
    if (json) {
      return '';
    }
    if (result.interrupted) {
      const finished = result.done.length + result.unchanged.length;
      return (
        `stopped. ${finished} of ${result.total} done, nothing half-made.\n` +
        'Run `keywright apply` again to continue.\n'
      );
    }
    const counts = resultCounts(result);
    return `${spread(counts, took(milliseconds))}\n`;
  }

  /** Errors of failed changes and the names of those that waited for them, for standard error. */
  failures(result: ApplyResult): string {
    const lines: string[] = [];
    // A store that went away fails hundreds of changes for one reason.
    const reasons = [...Map.groupBy(result.failed, ({ error }) => error.message).values()];
    for (const failed of reasons.slice(0, shownReasons)) {
      const [{ id, error }] = failed as [(typeof failed)[number]];
      const ids = failed.length === 1 ? id : `${id} and ${failed.length - 1} more`;
      lines.push(
        failureText(error, this.#terminal.debug)
          .replace(/^error: /, `error: ${ids}: `)
          .replace(`${id}: ${id}`, id),
      );
    }
    const untold = reasons.slice(shownReasons).flat().length;
    lines.push(untold === 0 ? '' : `and ${untold} more failed; all of them: keywright apply --output json\n`);
    const byCause = [...Map.groupBy(result.skipped, ({ because }) => because)];
    for (const [because, skipped] of byCause.slice(0, shownReasons)) {
      const names = skipped.slice(0, 4).map(({ id }) => `  ${id}\n`);
      const more = skipped.length > 4 ? `  and ${skipped.length - 4} more\n` : '';
      const isFailed = result.failed.some(({ id }) => id === because);
      const why = isFailed ? `waiting for ${because}` : `waiting for ${because}, which could not be asked`;
      lines.push(`skipped, ${why}:\n${names.join('')}${more}`);
    }
    const left = byCause.slice(shownReasons).flatMap(([, skipped]) => skipped).length;
    lines.push(left === 0 ? '' : `and ${left} more skipped\n`);
    for (const change of result.operations) {
      lines.push(`left to do: ${change.needs ?? change.id}\n`);
    }
    return lines.join('');
  }

  get stoppedWithRunning(): number | undefined {
    return this.#stoppedAt;
  }

  #end(target: TargetId): void {
    const left = (this.#running.get(target) ?? 1) - 1;
    if (left > 0) {
      this.#running.set(target, left);
    } else {
      this.#running.delete(target);
    }
  }

  #tell(event: Exclude<ApplyEvent, { type: 'begin' | 'started' | 'progress' | 'stopping' | 'skipped' }>): void {
    if (this.#terminal.json || event.type !== 'done') {
      return;
    }
    if (this.#verbose) {
      const lines = changeLines(this.#terminal, event);
      this.#terminal.out(`${event.target}${lines[0]?.slice(1) ?? ''}  ${took(event.milliseconds)}\n`);
    }
    if (event.note !== undefined) {
      this.#terminal.err(`${shortName(event.id)}: ${event.note}\n`);
    }
  }

  #showProgress(): void {
    const targets = [...this.#running].map(([target, running]) => `${target} ${running}`).join(', ');
    this.#terminal.progress(`apply ${this.#finished} of ${this.#total}${targets === '' ? '' : `: ${targets}`}`);
  }
}

/** `12 created, 1 changed, 2 removed`, or `nothing changed`. */
export function resultCounts(result: ApplyResult): string {
  const of = (...actions: readonly string[]): number =>
    result.done.filter(({ change, isNew }) => !isNew && actions.includes(change.action)).length;
  const parts = [
    [result.done.filter(({ isNew }) => isNew).length, 'created'],
    [of('create'), 'made again'],
    [of('update', 'adopt', 'mayChange'), 'changed'],
    [of('remove'), 'removed'],
    [of('retain'), 'kept and let go'],
    [result.failed.length, 'failed'],
    [result.skipped.length, 'skipped'],
    [result.operations.length, 'left to an operation'],
  ] as const;
  const shown = parts.filter(([number]) => number > 0).map(([number, text]) => `${number} ${text}`);
  return shown.length === 0 ? 'nothing changed' : shown.join(', ');
}

function eventJson(event: ApplyEvent): unknown {
  return event.type === 'failed' ? { ...event, error: errorJson(event.error) } : event;
}

/** The last line of `apply --output json`. */
export function resultJson(result: ApplyResult): unknown {
  return {
    type: 'result',
    summary: {
      total: result.total,
      done: result.done.length,
      unchanged: result.unchanged.length,
      failed: result.failed.length,
      skipped: result.skipped.length,
      operations: result.operations.length,
      remaining: result.remaining.length,
      interrupted: result.interrupted,
    },
    done: result.done,
    failed: result.failed.map(({ id, error }) => ({ id, ...errorJson(error) })),
    skipped: result.skipped,
    operations: result.operations,
    remaining: result.remaining,
  };
}
