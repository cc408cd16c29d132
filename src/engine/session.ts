import { couldNotAsk, present } from '../model/answer.ts';
import type { Answer } from '../model/answer.ts';
import type { TargetDefinition } from '../model/compiled.ts';
import type { TargetId } from '../model/ids.ts';
import type { AnyTargetKind, Registry, RunContext } from './interfaces.ts';

/** A connected target. The session's own type is known to the kinds of the target only. */
export interface OpenSession {
  readonly kind: AnyTargetKind;
  readonly session: unknown;
  /** Asked once per session. */
  identity(): Promise<string | undefined>;
}

/** One session per target and run, opened at first use. */
export class Sessions {
  readonly #registry: Registry;
  readonly #open = new Map<TargetId, Promise<Answer<OpenSession>>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** An answer `present` is kept for the run; every other one, and a failure, is asked for again next time. */
  async connect(target: TargetDefinition, context: RunContext): Promise<Answer<OpenSession>> {
    const opening = this.#open.get(target.id) ?? this.#connect(target, context);
    this.#open.set(target.id, opening);
    let keep = false;
    try {
      const answer = await opening;
      keep = answer.state === 'present';
      return answer;
    } finally {
      if (!keep && this.#open.get(target.id) === opening) {
        this.#open.delete(target.id);
      }
    }
  }

  /** Forgets a target whose session must not be used any longer (the server was made anew). */
  async drop(target: TargetId): Promise<void> {
    const opening = this.#open.get(target);
    this.#open.delete(target);
    const answer = await opening?.catch(() => undefined);
    if (answer?.state === 'present') {
      await answer.seen.kind.close(answer.seen.session);
    }
  }

  /** Closes all but the stores: what is proven next is proven by connections of its own, and may have to write. */
  async closeTargets(): Promise<void> {
    await Promise.allSettled([...this.#open.keys()].filter((id) => !isStore(id)).map((id) => this.drop(id)));
  }

  /** Closes the sessions, stores last: the others may still write to them while they close. */
  async closeAll(): Promise<void> {
    await this.closeTargets();
    await Promise.allSettled([...this.#open.keys()].map((id) => this.drop(id)));
  }

  async #connect(target: TargetDefinition, context: RunContext): Promise<Answer<OpenSession>> {
    const kind = this.#registry.targets.find((each) => each.kind === target.kind);
    if (kind === undefined) {
      return couldNotAsk(`this Keywright knows no target of kind ${target.kind}`);
    }
    const answer = await kind.connect(target, context);
    return answer.state === 'present' ? present(openSession(kind, answer.seen)) : answer;
  }
}

function isStore(id: TargetId): boolean {
  return id.startsWith('store/');
}

function openSession(kind: AnyTargetKind, session: unknown): OpenSession {
  let identity: Promise<string | undefined> | undefined;
  return { kind, session, identity: () => (identity ??= kind.identity(session)) };
}
