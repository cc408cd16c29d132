import { digestOf, isSame } from '../model/digest.ts';
import { asError, Failure } from '../model/failure.ts';
import { resolveOutputs } from '../model/resource.ts';
import type { Answer } from '../model/answer.ts';
import type { Change } from '../model/change.ts';
import { parseResourceId } from '../model/ids.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import { identityIsStale, identityRecord, identityRecordId, recordedDefinition } from './identity.ts';
import type { AnyResourceKind, Applied, ApplyContext, InventoryRecord, ReadyChange } from './interfaces.ts';
import { findKind, observeGroup, reach } from './observe.ts';
import { diffSafely, keepsData, recordOf, withPolicy } from './plan.ts';
import type { PlannedChange } from './plan.ts';
import type { Run } from './run.ts';

/** The end of one change of a group. */
export type GroupOutcome =
  | {
      readonly id: ResourceId;
      readonly outcome: 'done';
      readonly change: Change;
      readonly note?: string;
      readonly isNew?: true;
    }
  | { readonly id: ResourceId; readonly outcome: 'unchanged' }
  | { readonly id: ResourceId; readonly outcome: 'operation'; readonly change: Change }
  | { readonly id: ResourceId; readonly outcome: 'failed'; readonly error: Error }
  /** Not begun, because the run was interrupted. */
  | { readonly id: ResourceId; readonly outcome: 'remaining' };

/** The run was asked to stop; thrown by `guard()`. */
export class Interrupted extends Failure {
  constructor() {
    super({ code: 'interrupted', message: 'the run was interrupted', remedy: 'run the command again to continue' });
  }
}

export interface GroupInput {
  readonly run: Run;
  readonly target: TargetId;
  readonly kind: string;
  readonly changes: readonly PlannedChange[];
  readonly io: ApplyContext;
  /** Called as soon as a change is final. */
  readonly onOutcome: (outcome: GroupOutcome) => void;
  /** Takes writes of the inventory that need not be waited for now. */
  readonly later: (write: Promise<void>) => void;
}

interface Ready {
  readonly planned: PlannedChange;
  readonly ready: ReadyChange<unknown, unknown>;
}

/** Carries out changes of one kind on one target. Each change gets exactly one outcome, whatever goes wrong. */
export async function applyGroup(input: GroupInput): Promise<void> {
  const open = new Set(input.changes.map(({ id }) => id));
  const finish = (outcome: GroupOutcome): void => {
    if (open.delete(outcome.id)) {
      input.onOutcome(outcome);
    }
  };
  try {
    await carryOut({ ...input, onOutcome: finish });
  } catch (error) {
    for (const id of open) {
      finish(failedOrStopped(input.run, id, error));
    }
  }
  for (const id of open) {
    finish({ id, outcome: 'failed', error: new Error(`${input.kind} gave no result for it`) });
  }
}

async function carryOut(input: GroupInput): Promise<void> {
  const { run, io, onOutcome } = input;
  const forgotten = input.changes.filter(({ forget }) => forget === true);
  if (forgotten.length > 0) {
    io.guard();
    input.later(run.inventory.record({ remove: forgotten.map(({ id }) => id) }));
    forgotten.forEach(({ id, change }) => onOutcome({ id, outcome: 'done', change }));
  }
  // A server that left the fleet and does not run: nobody to tell, only the record says that it is kept.
  const unreachable = input.changes.filter((each) => each.change.action === 'retain' && !isLookedAt(each));
  for (const { id, change, recorded } of unreachable) {
    input.later(run.inventory.record({ put: [{ ...(recorded as InventoryRecord), state: 'retained' }] }));
    onOutcome({ id, outcome: 'done', change });
  }
  const changes = input.changes.filter((each) => each.forget !== true && !unreachable.includes(each));
  if (changes.length === 0) {
    return;
  }
  io.guard();
  const { session, firstContact } = await connect(run, input.target);
  const kind = findKind(run, input.target, input.kind) as AnyResourceKind;
  const ready = await makeReady(input, kind, session, changes);
  const intents = ready.flatMap(({ planned, ready: { seen } }) =>
    planned.resource !== undefined && seen === undefined ? intentOf(planned) : [],
  );
  if (intents.length > 0 || firstContact !== undefined) {
    const write = run.inventory.commit({ put: [...(firstContact === undefined ? [] : [firstContact]), ...intents] });
    // An intent has to be durable before the thing is made; a first contact only before the run ends.
    await (intents.length > 0 ? write : input.later(write));
  }
  if (ready.length === 0) {
    return;
  }
  io.guard();
  const byId = new Map(ready.map((each) => [each.planned.id, each]));
  for await (const applied of kind.apply(
    session,
    ready.map((each) => each.ready),
    io,
  )) {
    const found = byId.get(applied.id);
    if (found !== undefined) {
      settle(input, found, applied);
    }
  }
}

/** False: planned as kept without having been looked at, and there will be no looking either. */
function isLookedAt(planned: PlannedChange): boolean {
  return planned.seen !== undefined || planned.lookAgain;
}

async function connect(
  run: Run,
  target: TargetId,
): Promise<{ readonly session: unknown; readonly firstContact: InventoryRecord | undefined }> {
  const definition = run.target(target);
  if (definition === undefined) {
    throw new Failure({ code: 'target-unknown', message: `${target} is not in the fleet`, object: target });
  }
  const reached = await reach(run, definition);
  if (reached.state === 'couldNotAsk') {
    throw reached.failure;
  }
  if (reached.state === 'notYet') {
    throw new Failure({
      code: 'target-not-ready',
      message: `${target} cannot be reached yet: ${reached.why}`,
      object: target,
      exitCode: 3,
    });
  }
  const known = run.inventory.get(identityRecordId(target));
  const stale = identityIsStale(known, definition, reached.identity);
  return {
    session: reached.session,
    firstContact: stale ? identityRecord(definition, reached.identity) : undefined,
  };
}

/** Fills outputs in and looks again where what was seen is old. Tells the outcome of all that need no write. */
async function makeReady(
  input: GroupInput,
  kind: AnyResourceKind,
  session: unknown,
  changes: readonly PlannedChange[],
): Promise<Ready[]> {
  const { run, onOutcome } = input;
  const again = changes.filter((each) => each.lookAgain || each.after.length > 0);
  const answers = new Map<ResourceId, Answer<unknown>>();
  if (again.length > 0) {
    const wanted = again.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
    const recorded = again.flatMap(({ id }) => run.inventory.get(id) ?? []);
    const found = await observeGroup(run, session, input.kind, wanted, recorded);
    found.answers.forEach((answer, id) => answers.set(id, answer));
  }
  const ready: Ready[] = [];
  for (const planned of changes) {
    const made = makeOneReady(input, kind, planned, answers.get(planned.id));
    if ('outcome' in made) {
      onOutcome(made);
    } else {
      ready.push({ planned, ready: made });
    }
  }
  return ready;
}

function makeOneReady(
  { run, later }: GroupInput,
  kind: AnyResourceKind,
  planned: PlannedChange,
  answer: Answer<unknown> | undefined,
): ReadyChange<unknown, unknown> | GroupOutcome {
  const { id, resource } = planned;
  const recorded = run.inventory.get(id);
  if (answer?.state === 'couldNotAsk' || answer?.state === 'notYet') {
    const message = `${id} could not be asked: ${answer.why}`;
    const error = new Failure({ code: 'target-unreachable', message, object: id, exitCode: 3 });
    return { id, outcome: 'failed', error };
  }
  const seen = answer === undefined ? planned.seen : answer.state === 'present' ? answer.seen : undefined;
  if (resource === undefined) {
    return removalReady(run, kind, planned, seen, answer, recorded, later);
  }
  const { spec, unknown } = resolveOutputs(resource.spec, (ref) => run.outputs.get(ref.from)?.[ref.output]);
  const first = unknown[0];
  if (first !== undefined) {
    const message = `${id} needs the ${first.output} of ${first.from}, which is not known`;
    return { id, outcome: 'failed', error: new Failure({ code: 'output-unknown', message, object: id }) };
  }
  const resolved = { ...resource, spec };
  const { movesFrom } = planned;
  const context = { fleet: run.compiled.fleet, now: run.environment.now(), movesFrom };
  const change = answer === undefined ? planned.change : diffSafely(kind, id, resolved, seen, recorded, context);
  switch (change.action) {
    case 'none': {
      const outputs = recorded?.outputs ?? (seen === undefined ? undefined : kind.outputs?.(resolved, seen));
      const record = recordOf(resource, planned.dependsOn, { ...recorded, outputs });
      if (!isSame(record, recorded)) {
        later(run.inventory.record({ put: [record] }));
      }
      if (outputs !== undefined) {
        run.outputs.set(id, outputs);
      }
      return { id, outcome: 'unchanged' };
    }
    case 'refused':
      return { id, outcome: 'failed', error: refusal(change) };
    case 'operation':
      return { id, outcome: 'operation', change };
    default:
      return { change, resource: resolved, seen, recorded, movesFrom };
  }
}

function removalReady(
  run: Run,
  kind: AnyResourceKind,
  planned: PlannedChange,
  seen: unknown,
  answer: Answer<unknown> | undefined,
  recorded: InventoryRecord | undefined,
  later: (write: Promise<void>) => void,
): ReadyChange<unknown, unknown> | GroupOutcome {
  const { id } = planned;
  if (answer?.state === 'absent' || recorded === undefined) {
    later(run.inventory.record({ remove: [id] }));
    return { id, outcome: 'done', change: planned.change };
  }
  if (answer === undefined) {
    return { change: planned.change, seen, recorded };
  }
  const context = { fleet: run.compiled.fleet, now: run.environment.now() };
  const change = withPolicy(diffSafely(kind, id, undefined, seen, recorded, context), keepsData(kind, recorded));
  if (change.action === 'refused') {
    return { id, outcome: 'failed', error: refusal(change) };
  }
  return change.action === 'none' ? { id, outcome: 'unchanged' } : { change, seen, recorded };
}

function intentOf({ resource, dependsOn, recorded }: PlannedChange): InventoryRecord[] {
  if (resource === undefined || recorded?.state === 'intended') {
    return [];
  }
  return [{ ...recordOf(resource, dependsOn, { ...recorded }), state: 'intended' }];
}

function settle({ run, onOutcome, later }: GroupInput, { planned, ready }: Ready, applied: Applied): void {
  const { id } = planned;
  if (applied.outcome === 'failed') {
    onOutcome(failedOrStopped(run, id, applied.error));
    return;
  }
  const { change } = ready;
  if (change.action === 'remove') {
    run.outputs.delete(id);
    later(run.inventory.record({ remove: [id, ...recordsOn(run, id)] }));
  } else if (change.action === 'retain') {
    const kept = { ...(ready.recorded as InventoryRecord), ...applied.record, state: 'retained' as const };
    later(run.inventory.record({ put: [kept] }));
  } else if (planned.resource !== undefined) {
    const appliedDigest = digestOf(ready.resource?.spec);
    const facts = { ...(applied.record ?? ready.recorded), appliedDigest };
    later(run.inventory.record({ put: [recordOf(planned.resource, planned.dependsOn, facts)] }));
    run.outputs.set(id, facts.outputs ?? {});
  }
  const isNew = planned.resource !== undefined && ready.recorded?.state !== 'present' ? true : undefined;
  onOutcome({ id, outcome: 'done', change, note: applied.note, isNew });
}

/** Records of all that went with a server: which one it was, and what had been kept inside. */
function recordsOn(run: Run, server: ResourceId): ResourceId[] {
  const gone = new Set(
    run.targets().filter((target) => {
      const record = run.inventory.get(identityRecordId(target));
      return record !== undefined && recordedDefinition(record)?.dependsOn.includes(server) === true;
    }),
  );
  return gone.size === 0
    ? []
    : [...run.inventory.records().keys()].filter((id) => gone.has(parseResourceId(id).target));
}

/** What fails after the run was given up was given up with it. */
function failedOrStopped(run: Run, id: ResourceId, error: unknown): GroupOutcome {
  if (error instanceof Interrupted || run.context.signal.aborted) {
    return { id, outcome: 'remaining' };
  }
  return { id, outcome: 'failed', error: asError(error) };
}

/** A change that cannot be done as asked, as a failure. */
export function refusal(change: Change): Failure {
  return new Failure({
    code: change.refusal?.code ?? 'refused',
    message: `${change.id}: ${change.reason ?? 'refused'}`,
    object: change.id,
    remedy: change.refusal?.remedy || undefined,
  });
}
