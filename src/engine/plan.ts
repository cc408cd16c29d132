import { digestOf, isSame } from '../model/digest.ts';
import { causeOf, Failure } from '../model/failure.ts';
import { parseResourceId } from '../model/ids.ts';
import { resolveOutputs } from '../model/resource.ts';
import type { Answer } from '../model/answer.ts';
import type { Change } from '../model/change.ts';
import type { TargetDefinition } from '../model/compiled.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import type { OutputRef, OutputValue, Resource } from '../model/resource.ts';
import { dependencyOrder, effectiveDependencies } from './graph.ts';
import { identityKind } from './identity.ts';
import type { AnyResourceKind, DiffContext, InventoryRecord, Move } from './interfaces.ts';
import { movesOf, recordsOf, sourceOf } from './moves.ts';

/** One change in its place. */
export interface PlannedChange {
  readonly id: ResourceId;
  readonly kind: string;
  readonly target: TargetId;
  readonly change: Change;
  /** As compiled, OutputRefs kept. Undefined for what left the fleet. */
  readonly resource?: Resource;
  /** What it waits for in all, also where nothing changes; for its record. */
  readonly dependsOn: readonly ResourceId[];
  readonly seen?: unknown;
  readonly recorded?: InventoryRecord;
  /** What holds its data until now; let go of only when this change is done. */
  readonly movesFrom?: InventoryRecord;
  /** Changes of this plan that come first. */
  readonly after: readonly ResourceId[];
  /** What was seen says too little: observed again at its turn. */
  readonly lookAgain: boolean;
  /** Declared as it was at the last apply, and gone since: what it held is lost, and made anew. */
  readonly lost?: true;
  /** Gone already: only its record goes. */
  readonly forget?: true;
}

/** Something that could not be judged, and why. */
export interface Unasked {
  readonly id: ResourceId;
  readonly target: TargetId;
  readonly why: string;
}

/** What has to be done, as plain data. */
export interface Plan {
  readonly fleet: string;
  readonly asOf: Date;
  /** In an order in which each comes after what it waits for. Without `none`. */
  readonly changes: readonly PlannedChange[];
  readonly unchanged: number;
  readonly unasked: readonly Unasked[];
  /** Records that are behind, of resources that need no change themselves. */
  readonly settle: readonly InventoryRecord[];
  /** Outputs that are known before anything is changed. */
  readonly outputs: ReadonlyMap<ResourceId, Readonly<Record<string, OutputValue>>>;
  /** SHA-256 over the changes, hex. */
  readonly digest: string;
}

export interface PlanInput {
  readonly fleet: string;
  readonly asOf: Date;
  readonly resources: readonly Resource[];
  /** Of the fleet as it is now. */
  readonly targets: readonly TargetDefinition[];
  readonly kindOf: (target: TargetId, kind: string) => AnyResourceKind | undefined;
  readonly answers: ReadonlyMap<ResourceId, Answer<unknown>>;
  readonly records: ReadonlyMap<ResourceId, InventoryRecord>;
  /** Judge only these; default all. Others count as unchanged. */
  readonly only?: ReadonlySet<ResourceId>;
}

/** Compares what is wanted with what was seen. Pure: the same input gives the same plan. */
export function planChanges(input: PlanInput): Plan {
  return new Planner(input).plan();
}

type Judged = 'unchanged' | 'changed' | 'refused' | 'unasked';

class Planner {
  readonly #input: PlanInput;
  readonly #context: DiffContext;
  readonly #wanted: Map<ResourceId, Resource>;
  readonly #dependencies: Map<ResourceId, readonly ResourceId[]>;
  readonly #judged = new Map<ResourceId, Judged>();
  readonly #outputs = new Map<ResourceId, Readonly<Record<string, OutputValue>>>();
  readonly #changes: PlannedChange[] = [];
  readonly #unasked: Unasked[] = [];
  readonly #settle: InventoryRecord[] = [];
  readonly #moves: ReadonlyMap<ResourceId, Move>;
  #unchanged = 0;

  constructor(input: PlanInput) {
    this.#input = input;
    this.#context = { fleet: input.fleet, now: input.asOf };
    this.#wanted = new Map(input.resources.map((resource) => [resource.id, resource]));
    this.#dependencies = effectiveDependencies(input.resources, input.targets);
    this.#moves = movesOf(input);
    // What a value comes from may have to be started before it can be read.
    for (const [id, move] of this.#moves) {
      const starters = recordsOf(move)
        .filter((from) => input.answers.get(from.id)?.state === 'notYet')
        .flatMap((from) => this.#startersOf(parseResourceId(from.id).target));
      this.#dependencies.set(id, [...new Set([...(this.#dependencies.get(id) ?? []), ...starters])].sort());
    }
  }

  /** What makes and starts a target, where that is a thing of this fleet. */
  #startersOf(target: TargetId): readonly ResourceId[] {
    const found = this.#input.targets.find(({ id }) => id === target);
    return (found?.dependsOn ?? []).filter((id) => this.#wanted.has(id));
  }

  plan(): Plan {
    for (const id of dependencyOrder(this.#wanted.keys(), (each) => this.#dependencies.get(each) ?? [])) {
      this.#judge(this.#wanted.get(id) as Resource);
    }
    this.#judgeRemovals();
    const { fleet, asOf } = this.#input;
    return {
      fleet,
      asOf,
      changes: this.#changes,
      unchanged: this.#unchanged,
      unasked: this.#unasked,
      settle: this.#settle,
      outputs: this.#outputs,
      digest: digestOf(this.#changes.map(({ change, after }) => ({ change, after }))),
    };
  }

  #judge(resource: Resource): void {
    const { id } = resource;
    const recorded = this.#input.records.get(id);
    if (recorded?.outputs !== undefined) {
      this.#outputs.set(id, recorded.outputs);
    }
    if (this.#input.only !== undefined && !this.#input.only.has(id)) {
      this.#judged.set(id, 'unchanged');
      return;
    }
    const answer = this.#input.answers.get(id) ?? { state: 'couldNotAsk', why: 'it was not asked for' };
    const kind = this.#input.kindOf(resource.target, resource.kind);
    if (answer.state === 'couldNotAsk' || kind === undefined) {
      const why = answer.state === 'couldNotAsk' ? answer.why : `unknown kind ${resource.kind}`;
      this.#judged.set(id, 'unasked');
      this.#unasked.push({ id, target: resource.target, why });
      return;
    }
    const seen = answer.state === 'present' ? answer.seen : undefined;
    const source = sourceOf(id, this.#moves.get(id), this.#input.answers, (from) => this.#startersOf(from).length > 0);
    if (source.unasked !== undefined) {
      this.#judged.set(id, 'unasked');
      this.#unasked.push({ id, target: resource.target, why: source.unasked });
      return;
    }
    const { movesFrom } = source;
    const { change, lookAgain } =
      source.refused === undefined
        ? this.#changeOf(resource, answer, kind, recorded, movesFrom)
        : { change: source.refused, lookAgain: false };
    if (change.action !== 'none') {
      const { target } = resource;
      const isLost = change.action === 'create' && answer.state === 'absent' && this.#isAsApplied(resource, recorded);
      const lost = isLost ? ({ lost: true } as const) : {};
      this.#add({ id, kind: resource.kind, target, change, resource, seen, recorded, movesFrom, lookAgain, ...lost });
      return;
    }
    this.#judged.set(id, 'unchanged');
    this.#unchanged += 1;
    const outputs = recorded?.outputs ?? (seen === undefined ? undefined : kind.outputs?.(resource, seen));
    if (outputs !== undefined) {
      this.#outputs.set(id, outputs);
    }
    const record = recordOf(resource, this.#dependencies.get(id) ?? [], { ...recorded, outputs });
    if (!isSame(record, recorded)) {
      this.#settle.push(record);
    }
  }

  #changeOf(
    resource: Resource,
    answer: Exclude<Answer<unknown>, { state: 'couldNotAsk' }>,
    kind: AnyResourceKind,
    recorded: InventoryRecord | undefined,
    movesFrom: InventoryRecord | undefined,
  ): { readonly change: Change; readonly lookAgain: boolean } {
    const { id } = resource;
    if (answer.state === 'notYet') {
      const action = answer.exists ? 'mayChange' : 'create';
      return { change: { id, action, fields: [], reason: withSource(movesFrom, answer.why) }, lookAgain: true };
    }
    const { spec, unknown } = resolveOutputs(resource.spec, (ref) => this.#known(ref));
    const first = unknown[0];
    if (first !== undefined) {
      const action = answer.state === 'present' ? 'mayChange' : 'create';
      const others = new Set(unknown.map(({ from }) => from)).size - 1;
      const more = others > 0 ? ` and ${others} more` : '';
      const reason = withSource(movesFrom, `known after ${first.from}${more}`);
      return { change: { id, action, fields: [], reason }, lookAgain: true };
    }
    const seen = answer.state === 'present' ? answer.seen : undefined;
    const context = { ...this.#context, movesFrom };
    return { change: diffSafely(kind, id, { ...resource, spec }, seen, recorded, context), lookAgain: false };
  }

  #isAsApplied(resource: Resource, recorded: InventoryRecord | undefined): boolean {
    const { spec } = resolveOutputs(resource.spec, ({ from, output }) => this.#outputs.get(from)?.[output]);
    return recorded?.state === 'present' && recorded.appliedDigest === digestOf(spec);
  }

  /** An output counts as known when nothing is going to change the resource that it comes from. */
  #known(ref: OutputRef): OutputValue | undefined {
    return this.#judged.get(ref.from) === 'changed' ? undefined : this.#outputs.get(ref.from)?.[ref.output];
  }

  #add(planned: Omit<PlannedChange, 'after' | 'dependsOn'>): void {
    const { action } = planned.change;
    // An operation leaves the thing as it is for now, so what depends on it goes on as before.
    const judged = action === 'refused' ? 'refused' : action === 'operation' ? 'unchanged' : 'changed';
    this.#judged.set(planned.id, judged);
    const dependsOn = this.#dependencies.get(planned.id) ?? [];
    const after = dependsOn.filter((id) => {
      const dependency = this.#judged.get(id);
      // What could not be asked, but was there last time, is likely to be there still.
      const missing = dependency === 'unasked' && this.#input.records.get(id)?.state !== 'present';
      return dependency === 'changed' || dependency === 'refused' || missing;
    });
    this.#changes.push({ ...planned, dependsOn, after });
  }

  /** What is recorded and no longer wanted, those that others rested on last. */
  #judgeRemovals(): void {
    const leaving = new Map<ResourceId, InventoryRecord>();
    for (const record of this.#input.records.values()) {
      const asked = this.#input.only?.has(record.id) ?? true;
      if (asked && record.kind !== identityKind && record.state !== 'retained' && !this.#wanted.has(record.id)) {
        leaving.set(record.id, record);
      }
    }
    if (leaving.size === 0) {
      return;
    }
    const incomplete = new Set<TargetId>(this.#unasked.map(({ target }) => target));
    for (const record of leaving.values()) {
      if ((this.#input.answers.get(record.id)?.state ?? 'couldNotAsk') === 'couldNotAsk') {
        incomplete.add(parseResourceId(record.id).target);
      }
    }
    const restingOn = new Map<ResourceId, ResourceId[]>();
    for (const record of this.#input.records.values()) {
      for (const dependency of record.dependsOn ?? []) {
        if (leaving.has(dependency) && record.state !== 'retained') {
          restingOn.set(dependency, [...(restingOn.get(dependency) ?? []), record.id]);
        }
      }
    }
    // What takes its data over rests on it until it has.
    for (const [id, move] of this.#moves) {
      for (const { id: from } of recordsOf(move)) {
        restingOn.set(from, [...(restingOn.get(from) ?? []), id]);
      }
    }
    for (const id of dependencyOrder(leaving.keys(), (each) => restingOn.get(each) ?? [])) {
      this.#judgeRemoval(leaving.get(id) as InventoryRecord, restingOn.get(id) ?? [], incomplete);
    }
  }

  #judgeRemoval(record: InventoryRecord, restingOn: readonly ResourceId[], incomplete: ReadonlySet<TargetId>): void {
    const { id } = record;
    const { target } = parseResourceId(id);
    const answer = this.#input.answers.get(id) ?? { state: 'couldNotAsk', why: 'it was not asked for' };
    const waitsForUnasked = restingOn.find((each) => this.#judged.get(each) === 'unasked');
    if (answer.state === 'couldNotAsk' || incomplete.has(target) || waitsForUnasked !== undefined) {
      const why =
        answer.state === 'couldNotAsk'
          ? answer.why
          : waitsForUnasked === undefined
            ? `it left the fleet, but nothing is removed while a part of ${target} cannot be asked`
            : `it left the fleet, but ${waitsForUnasked} rests on it and could not be asked`;
      this.#judged.set(id, 'unasked');
      this.#unasked.push({ id, target, why });
      return;
    }
    const kind = this.#input.kindOf(target, record.kind) as AnyResourceKind;
    const targetLeft = !this.#input.targets.some((each) => each.id === target);
    const removal = removalOf(record, answer, kind, this.#context, targetLeft);
    const heir = [...this.#moves].find(([, move]) => 'from' in move && move.from.id === id)?.[0];
    const moved = heir === undefined || removal.forget === true ? undefined : `moves to ${heir}`;
    const planned = moved === undefined ? removal : { ...removal, change: { ...removal.change, reason: moved } };
    this.#judged.set(id, planned.change.action === 'refused' ? 'refused' : 'changed');
    // Its server may be started or changed first, and those that rested on it let go of it first.
    const serverFirst = this.#input.targets.find((each) => each.id === target)?.dependsOn ?? [];
    const after = [...new Set([...restingOn, ...serverFirst])]
      .filter((each) => ['changed', 'refused', 'unasked'].includes(this.#judged.get(each) ?? 'unchanged'))
      .sort();
    const dependsOn = record.dependsOn ?? [];
    this.#changes.push({ id, kind: record.kind, target, recorded: record, dependsOn, after, ...planned });
  }
}

function removalOf(
  record: InventoryRecord,
  answer: Exclude<Answer<unknown>, { state: 'couldNotAsk' }>,
  kind: AnyResourceKind,
  context: DiffContext,
  targetLeft: boolean,
): Pick<PlannedChange, 'change' | 'seen' | 'lookAgain' | 'forget'> {
  const { id } = record;
  const keeps = keepsData(kind, record);
  if (answer.state === 'absent' || (answer.state === 'notYet' && !answer.exists)) {
    return { change: { id, action: 'remove', fields: [], reason: 'gone already' }, lookAgain: false, forget: true };
  }
  if (answer.state === 'notYet') {
    // A server that left the fleet and does not run is kept as it is; one of the fleet is started before.
    const change: Change = targetLeft
      ? { id, action: 'retain', fields: [], reason: `left the fleet; ${answer.why}` }
      : { id, action: keeps ? 'retain' : 'remove', fields: [], reason: 'left the fleet' };
    return targetLeft ? { change, lookAgain: false, forget: undefined } : { change, lookAgain: true };
  }
  const change = diffSafely(kind, id, undefined, answer.seen, record, context);
  return { change: withPolicy(change, keeps), seen: answer.seen, lookAgain: false };
}

/** Said also of what cannot be looked at yet: nobody has to fear for its value. */
function withSource(movesFrom: InventoryRecord | undefined, reason: string): string {
  return movesFrom === undefined ? reason : `moves from ${movesFrom.id}; ${reason}`;
}

/** Data is never removed for having left the fleet, whatever a kind answers. */
export function withPolicy(change: Change, keeps: boolean): Change {
  return keeps && change.action === 'remove' ? { ...change, action: 'retain' } : change;
}

export function keepsData(kind: AnyResourceKind, record: InventoryRecord): boolean {
  return record.reclaimPolicy === undefined ? kind.onRemoval === 'retain' : record.reclaimPolicy === 'retain';
}

/** A diff that fails says what is wrong with this one resource; the others are judged all the same. */
export function diffSafely(
  kind: AnyResourceKind,
  id: ResourceId,
  wanted: Resource | undefined,
  seen: unknown,
  recorded: InventoryRecord | undefined,
  context: DiffContext,
): Change {
  try {
    return kind.diff(wanted, seen, recorded, context);
  } catch (error) {
    if (!(error instanceof Failure)) {
      throw error;
    }
    const { code, remedy, why } = error.details;
    const reason = [causeOf(error), why].filter((part) => part !== undefined).join('; ');
    return { id, action: 'refused', fields: [], reason, refusal: { code, remedy: remedy ?? '' } };
  }
}

/** What a target said of a thing after it was written. */
export type RecordedFacts = Partial<
  Pick<InventoryRecord, 'mark' | 'version' | 'fingerprint' | 'outputs' | 'removal' | 'appliedDigest'>
>;

/** The record of a resource that is there. */
export function recordOf(resource: Resource, dependsOn: readonly ResourceId[], facts: RecordedFacts): InventoryRecord {
  return {
    id: resource.id,
    kind: resource.kind,
    state: 'present',
    mark: facts.mark,
    version: facts.version,
    fingerprint: facts.fingerprint,
    outputs: facts.outputs,
    appliedDigest: facts.appliedDigest,
    removal: facts.removal,
    dependsOn,
    document: resource.document,
    reclaimPolicy: resource.reclaimPolicy,
  };
}
