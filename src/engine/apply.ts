import { asError } from '../model/failure.ts';
import type { ResourceId, TargetId, TargetKindName } from '../model/ids.ts';
import { applyGroup, Interrupted, refusal } from './apply-group.ts';
import type { GroupOutcome } from './apply-group.ts';
import type { ApplyEvent, ApplyResult } from './apply-events.ts';
import type { ApplyContext } from './interfaces.ts';
import type { FleetLock } from './lock.ts';
import type { Plan, PlannedChange } from './plan.ts';
import type { Run } from './run.ts';

export interface ApplyOptions {
  readonly lock: Pick<FleetLock, 'guard'>;
  /** Aborted at the first Ctrl+C: what is being written is finished, no more is started. */
  readonly stop?: AbortSignal;
  readonly onEvent?: (event: ApplyEvent) => void;
}

/**
 * Groups of one target that run at the same time. One on a PostgreSQL server: its kinds write the same catalog rows,
 * and two writers of one row fail with "tuple concurrently updated".
 */
const groupsAtOnce: Readonly<Record<TargetKindName, number>> = { store: 4, authority: 4, site: 8, postgres: 1 };

/**
 * Carries a plan out: in dependency order, ready changes of one target and kind together, targets in parallel. A
 * failure takes those with it that wait for it, and no other. Throws only when nothing more may be written at all (the
 * lock or the inventory was lost); what was done until then is recorded.
 */
export async function applyPlan(run: Run, plan: Plan, options: ApplyOptions): Promise<ApplyResult> {
  return new Applier(run, plan, options).run();
}

class Applier {
  readonly #run: Run;
  readonly #plan: Plan;
  readonly #options: ApplyOptions;
  readonly #emit: (event: ApplyEvent) => void;
  readonly #waiting: Map<ResourceId, PlannedChange>;
  /** Why a change cannot be built upon: the id of the first cause. */
  readonly #blocked = new Map<ResourceId, ResourceId>();
  readonly #finished = new Set<ResourceId>();
  readonly #running = new Map<string, { readonly target: TargetId; readonly left: Set<ResourceId> }>();
  readonly #writes = new Set<Promise<void>>();
  readonly #result = {
    done: [] as ApplyResult['done'][number][],
    unchanged: [] as ResourceId[],
    failed: [] as ApplyResult['failed'][number][],
    skipped: [] as ApplyResult['skipped'][number][],
    operations: [] as ApplyResult['operations'][number][],
    remaining: [] as ResourceId[],
  };
  #fatal: Error | undefined;
  #passPlanned = false;
  #finish: () => void = () => {};

  constructor(run: Run, plan: Plan, options: ApplyOptions) {
    this.#run = run;
    this.#plan = plan;
    this.#options = options;
    this.#emit = options.onEvent ?? (() => {});
    this.#waiting = new Map(plan.changes.map((change) => [change.id, change]));
  }

  async run(): Promise<ApplyResult> {
    const total = this.#plan.changes.filter(({ change }) => change.action !== 'operation').length;
    this.#emit({ type: 'begin', total });
    this.#plan.unasked.forEach(({ id }) => this.#blocked.set(id, id));
    this.#takeOutWhatIsNotDone();
    if (this.#plan.settle.length > 0) {
      this.#later(this.#run.inventory.commit({ put: this.#plan.settle }));
    }
    const stopping = (): void => {
      const running = [...this.#running.values()].reduce((sum, { left }) => sum + left.size, 0);
      this.#emit({ type: 'stopping', running });
      this.#pass();
    };
    this.#options.stop?.addEventListener('abort', stopping, { once: true });
    await new Promise<void>((resolve) => {
      this.#finish = resolve;
      this.#pass();
    });
    this.#options.stop?.removeEventListener('abort', stopping);
    while (this.#writes.size > 0) {
      this.#run.inventory.flush();
      await Promise.all(this.#writes);
    }
    if (this.#fatal !== undefined) {
      throw this.#fatal;
    }
    this.#result.remaining.push(...this.#waiting.keys());
    return { total, ...this.#result, interrupted: this.#options.stop?.aborted ?? false };
  }

  /** Refused changes and operations: their dependents are judged by what is there. */
  #takeOutWhatIsNotDone(): void {
    for (const { id, target, change } of this.#plan.changes) {
      if (change.action === 'operation') {
        this.#waiting.delete(id);
        this.#finished.add(id);
        this.#result.operations.push(change);
      } else if (change.action === 'refused') {
        this.#waiting.delete(id);
        this.#blocked.set(id, id);
        const error = refusal(change);
        this.#result.failed.push({ id, error });
        this.#emit({ type: 'failed', id, target, error });
      }
    }
  }

  /** Starts all groups that can start. Outcomes of one turn of the event loop are awaited together, for larger groups. */
  #pass(): void {
    if (this.#passPlanned) {
      return;
    }
    this.#passPlanned = true;
    setImmediate(() => {
      this.#passPlanned = false;
      this.#skipBlocked();
      if (!this.#isStopped()) {
        this.#startReady();
      }
      if (this.#running.size === 0 && !this.#passPlanned) {
        this.#finish();
      }
    });
  }

  #isStopped(): boolean {
    return this.#fatal !== undefined || this.#options.stop?.aborted === true;
  }

  #skipBlocked(): void {
    // The plan is in dependency order, so one walk reaches all that wait for a failure, however far away.
    for (const { id, target, after } of this.#waiting.values()) {
      const because = after.map((each) => this.#blocked.get(each)).find((each) => each !== undefined);
      if (because !== undefined) {
        this.#waiting.delete(id);
        this.#blocked.set(id, because);
        this.#result.skipped.push({ id, because });
        this.#emit({ type: 'skipped', id, target, because });
      }
    }
  }

  #startReady(): void {
    const groups = new Map<string, PlannedChange[]>();
    for (const planned of this.#waiting.values()) {
      if (planned.after.every((id) => this.#finished.has(id))) {
        const direction = planned.resource === undefined ? 'out' : 'in';
        const key = `${planned.target} ${planned.kind} ${direction}`;
        const group = groups.get(key) ?? [];
        group.push(planned);
        groups.set(key, group);
      }
    }
    for (const [key, changes] of groups) {
      const { target, kind } = changes[0] as PlannedChange;
      const onTarget = [...this.#running.values()].filter((group) => group.target === target).length;
      const limit = groupsAtOnce[target.split('/')[0] as TargetKindName];
      if (!this.#running.has(key) && onTarget < limit) {
        this.#start(key, target, kind, changes);
      }
    }
  }

  #start(key: string, target: TargetId, kind: string, changes: readonly PlannedChange[]): void {
    const left = new Set(changes.map(({ id }) => id));
    this.#running.set(key, { target, left });
    for (const { id } of changes) {
      this.#waiting.delete(id);
      this.#emit({ type: 'started', id, target });
    }
    const startedAt = performance.now();
    const onOutcome = (outcome: GroupOutcome): void => {
      left.delete(outcome.id);
      this.#take(outcome, target, performance.now() - startedAt);
      this.#pass();
    };
    const io = this.#ioContext();
    const later = (write: Promise<void>): void => this.#later(write);
    void applyGroup({ run: this.#run, target, kind, changes, io, onOutcome, later }).then(() => {
      this.#running.delete(key);
      this.#pass();
    });
  }

  #ioContext(): ApplyContext {
    const { context } = this.#run;
    return {
      ...context,
      get mayCreate() {
        return context.mayCreate;
      },
      guard: () => this.#guard(),
      progress: (id, text) => this.#emit({ type: 'progress', id, text }),
    };
  }

  #guard(): void {
    if (this.#isStopped()) {
      throw new Interrupted();
    }
    try {
      this.#options.lock.guard();
    } catch (error) {
      this.#fatal ??= asError(error);
      throw error;
    }
  }

  #take(outcome: GroupOutcome, target: TargetId, milliseconds: number): void {
    const { id } = outcome;
    switch (outcome.outcome) {
      case 'done':
        this.#finished.add(id);
        this.#result.done.push({
          id,
          change: outcome.change,
          note: outcome.note,
          isNew: outcome.isNew === true,
        });
        this.#dropSessionsThatRestOn(id);
        this.#emit({ type: 'done', id, target, change: outcome.change, milliseconds, note: outcome.note });
        break;
      case 'unchanged':
        this.#finished.add(id);
        this.#result.unchanged.push(id);
        this.#emit({ type: 'unchanged', id, target });
        break;
      case 'operation':
        this.#finished.add(id);
        this.#result.operations.push(outcome.change);
        this.#emit({ type: 'unchanged', id, target });
        break;
      case 'remaining':
        this.#result.remaining.push(id);
        break;
      case 'failed':
        this.#blocked.set(id, id);
        this.#result.failed.push({ id, error: outcome.error });
        this.#emit({ type: 'failed', id, target, error: outcome.error });
        break;
    }
  }

  /** A server that was restarted ends its sessions. */
  #dropSessionsThatRestOn(id: ResourceId): void {
    for (const target of this.#run.compiled.targets) {
      if (target.dependsOn.includes(id)) {
        this.#later(this.#run.sessions.drop(target.id));
      }
    }
  }

  #later(write: Promise<void>): void {
    const tracked = write
      .catch((error: unknown) => {
        this.#fatal ??= asError(error);
      })
      .finally(() => this.#writes.delete(tracked));
    this.#writes.add(tracked);
  }
}
