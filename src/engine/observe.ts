import { couldNotAsk, notYet } from '../model/answer.ts';
import { causeOf, Failure } from '../model/failure.ts';
import type { Answer } from '../model/answer.ts';
import type { TargetDefinition } from '../model/compiled.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import { parseResourceId } from '../model/ids.ts';
import type { Resource } from '../model/resource.ts';
import { mapLimited } from './concurrency.ts';
import { identityKind, identityProblem, identityRecordId, recordedDefinition } from './identity.ts';
import type { AnyResourceKind, InventoryRecord } from './interfaces.ts';
import { StoreNotMade } from './run.ts';
import type { Run } from './run.ts';

/** How a target answered. */
export type TargetState =
  | { readonly state: 'present'; readonly identity: string | undefined }
  | { readonly state: 'notYet'; readonly exists: boolean; readonly why: string }
  | { readonly state: 'couldNotAsk'; readonly why: string };

/** Something that could not be asked, with the failure to show. */
export interface Problem {
  readonly target: TargetId;
  /** Undefined: the target as a whole. */
  readonly kind?: string;
  readonly failure: Failure;
}

/** What the live systems said. */
export interface Observation {
  readonly answers: ReadonlyMap<ResourceId, Answer<unknown>>;
  readonly targets: ReadonlyMap<TargetId, TargetState>;
  readonly problems: readonly Problem[];
}

export interface ObserveOptions {
  /** Only these; default everything that the fleet has or had. */
  readonly only?: ReadonlySet<ResourceId>;
  /** Called as targets are asked, for a progress line. */
  readonly onTarget?: (target: TargetId, state: 'asking' | 'answered') => void;
}

/** Kinds of one target that are asked at the same time. */
const kindsAtOnce = 8;
const targetsAtOnce = 16;

interface Group {
  readonly kind: string;
  readonly wanted: Resource[];
  readonly recorded: InventoryRecord[];
}

/** Asks all targets for all that the fleet has or had there: one call per target and kind, targets in parallel. */
export async function observe(run: Run, options: ObserveOptions = {}): Promise<Observation> {
  const groups = groupByTarget(run, options.only);
  const answers = new Map<ResourceId, Answer<unknown>>();
  const targets = new Map<TargetId, TargetState>();
  const problems: Problem[] = [];
  await mapLimited([...groups], targetsAtOnce, async ([target, kinds]) => {
    options.onTarget?.(target, 'asking');
    const found = await observeTarget(run, target, [...kinds.values()]);
    found.answers.forEach((answer, id) => answers.set(id, answer));
    targets.set(target, found.state);
    problems.push(...found.problems);
    options.onTarget?.(target, 'answered');
  });
  problems.sort((left, right) => (`${left.target}/${left.kind}` < `${right.target}/${right.kind}` ? -1 : 1));
  return { answers, targets, problems: withoutRepeats(problems) };
}

function groupByTarget(run: Run, only?: ReadonlySet<ResourceId>): Map<TargetId, Map<string, Group>> {
  const groups = new Map<TargetId, Map<string, Group>>();
  const group = (target: TargetId, kind: string): Group => {
    const ofTarget = groups.get(target) ?? new Map<string, Group>();
    const found = ofTarget.get(kind) ?? { kind, wanted: [], recorded: [] };
    groups.set(target, ofTarget.set(kind, found));
    return found;
  };
  const isAsked = (id: ResourceId): boolean => only === undefined || only.has(id);
  const wantedIds = new Set(run.compiled.resources.map((resource) => resource.id));
  for (const resource of run.compiled.resources) {
    if (isAsked(resource.id)) {
      group(resource.target, resource.kind).wanted.push(resource);
    }
  }
  for (const record of run.inventory.records().values()) {
    const relevant = wantedIds.has(record.id) || record.state !== 'retained' || only?.has(record.id);
    if (record.kind !== identityKind && isAsked(record.id) && relevant) {
      group(parseResourceId(record.id).target, record.kind).recorded.push(record);
    }
  }
  return groups;
}

interface TargetObservation {
  readonly state: TargetState;
  readonly answers: ReadonlyMap<ResourceId, Answer<unknown>>;
  readonly problems: readonly Problem[];
}

async function observeTarget(run: Run, target: TargetId, groups: readonly Group[]): Promise<TargetObservation> {
  const definition = run.target(target);
  const everything = (answer: Answer<unknown>): Map<ResourceId, Answer<unknown>> =>
    new Map(groups.flatMap((group) => idsOf(group)).map((id) => [id, answer]));
  if (definition === undefined) {
    const answer = notYet('it left the fleet, and how it was reached is not recorded', false);
    return { state: answer as TargetState, answers: everything(answer), problems: [] };
  }
  const reached = await reach(run, definition);
  if (reached.state !== 'present') {
    const answer: Answer<unknown> =
      reached.state === 'notYet'
        ? // What it held until now comes along: nothing of it is made anew, or gone.
          notYet(reached.why, reached.exists || livedElsewhere(run, definition))
        : couldNotAsk(reached.failure.message);
    const problems = reached.state === 'notYet' ? [] : [{ target, failure: reached.failure }];
    return { state: answer as TargetState, answers: everything(answer), problems };
  }
  const answers = new Map<ResourceId, Answer<unknown>>();
  const problems: Problem[] = [];
  await mapLimited(groups, kindsAtOnce, async (group) => {
    const found = await observeGroup(run, reached.session, group.kind, group.wanted, group.recorded);
    found.answers.forEach((answer, id) => answers.set(id, answer));
    if (found.failure !== undefined) {
      problems.push({ target, kind: group.kind, failure: found.failure });
    }
  });
  return { state: { state: 'present', identity: reached.identity }, answers, problems };
}

export type Reached =
  | { readonly state: 'present'; readonly session: unknown; readonly identity: string | undefined }
  | { readonly state: 'notYet'; readonly why: string; readonly exists: boolean }
  | { readonly state: 'couldNotAsk'; readonly failure: Failure };

/** Connects to a target and makes sure that it still is the same one. */
export async function reach(run: Run, definition: TargetDefinition): Promise<Reached> {
  try {
    const answer = await run.sessions.connect(definition, run.context);
    if (answer.state === 'absent') {
      return { state: 'notYet', why: 'it is not there', exists: false };
    }
    if (answer.state === 'notYet') {
      return answer;
    }
    if (answer.state === 'couldNotAsk') {
      return { state: 'couldNotAsk', failure: unreachable(definition.id, answer.why, answer.failure) };
    }
    const { session } = answer.seen;
    const identity = await answer.seen.identity();
    const record = run.inventory.get(identityRecordId(definition.id));
    const exchanged = livedElsewhere(run, definition) ? undefined : identityProblem(definition.id, record, identity);
    return exchanged === undefined
      ? { state: 'present', session, identity }
      : { state: 'couldNotAsk', failure: exchanged };
  } catch (error) {
    if (error instanceof StoreNotMade) {
      return { state: 'notYet', why: error.message, exists: error.exists };
    }
    return { state: 'couldNotAsk', failure: asFailure(definition.id, error) };
  }
}

/** The fleet itself gave the target another place since it was reached last. */
function livedElsewhere(run: Run, definition: TargetDefinition): boolean {
  const record = run.inventory.get(identityRecordId(definition.id));
  const before = record && recordedDefinition(record);
  const kind = run.registry.targets.find((each) => each.kind === definition.kind);
  return before !== undefined && kind?.place?.(before) !== kind?.place?.(definition);
}

/** Asks one kind on one target. Every wanted and recorded id gets an answer. */
export async function observeGroup(
  run: Run,
  session: unknown,
  kindName: string,
  wanted: readonly Resource[],
  recorded: readonly InventoryRecord[],
): Promise<{ readonly answers: ReadonlyMap<ResourceId, Answer<unknown>>; readonly failure?: Failure }> {
  const ids = idsOf({ wanted, recorded });
  const target = parseResourceId(ids[0] as ResourceId).target;
  const same = (answer: Answer<unknown>): Map<ResourceId, Answer<unknown>> => new Map(ids.map((id) => [id, answer]));
  const kind = findKind(run, target, kindName);
  if (kind === undefined) {
    const why = `this Keywright knows no ${kindName} on ${target}; a newer one made it`;
    return { answers: same(couldNotAsk(why)), failure: unreachable(target, why) };
  }
  try {
    const found = await kind.observe(session, wanted, recorded, run.context);
    const missing = couldNotAsk(`${kindName} gave no answer`);
    const answers = new Map(ids.map((id) => [id, found.get(id) ?? missing] as const));
    const unasked = [...answers.values()].find((answer) => answer.state === 'couldNotAsk');
    return unasked?.state === 'couldNotAsk'
      ? { answers, failure: unreachable(target, unasked.why, unasked.failure) }
      : { answers };
  } catch (error) {
    if (error instanceof StoreNotMade) {
      return { answers: same(notYet(error.message, error.exists)) };
    }
    const failure = asFailure(target, error);
    return { answers: same(couldNotAsk(failure.message)), failure };
  }
}

/** The kind of that name on a target. */
export function findKind(run: Pick<Run, 'registry'>, target: TargetId, kind: string): AnyResourceKind | undefined {
  const targetKind = target.split('/')[0];
  return run.registry.kinds.find((each) => each.kind === kind && each.targetKind === targetKind);
}

function idsOf(group: {
  readonly wanted: readonly Resource[];
  readonly recorded: readonly InventoryRecord[];
}): ResourceId[] {
  return [...new Set([...group.wanted.map(({ id }) => id), ...group.recorded.map(({ id }) => id)])];
}

function unreachable(target: TargetId, why: string, known?: Failure): Failure {
  return new Failure({
    code: 'target-unreachable',
    message: `${target} could not be asked: ${why}`,
    object: target,
    why: known?.details.why,
    remedy: known?.details.remedy,
    exitCode: 3,
  });
}

function asFailure(target: TargetId, error: unknown): Failure {
  if (error instanceof Failure) {
    return error;
  }
  return new Failure({
    code: 'target-unreachable',
    message: `${target} could not be asked: ${causeOf(error)}`,
    object: target,
    exitCode: 3,
    cause: error,
  });
}

/** One store that does not answer is one problem, however many kinds needed it. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = `${problem.failure.code} ${problem.failure.message}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}
