import { canonicalJson, digestOf } from '../model/digest.ts';
import { Failure, causeOf } from '../model/failure.ts';
import type { Answer } from '../model/answer.ts';
import type { Change } from '../model/change.ts';
import type { CompiledFleet } from '../model/compiled.ts';
import type { ResourceId } from '../model/ids.ts';
import type { Plan } from './plan.ts';
import type { TargetState } from './observe.ts';

/** A plan to be applied later, exactly or not at all. It holds no value, no path and nothing random. */
export interface PlanFile {
  readonly format: 1;
  readonly fleet: string;
  /** ISO 8601: what counts as "now" for the changes. */
  readonly asOf: string;
  /** SHA-256 of the compiled fleet. */
  readonly compiled: string;
  /** Physical identity of each target that was reached. */
  readonly identities: Readonly<Record<string, string>>;
  /** Version of each inventory shard. */
  readonly shards: Readonly<Record<string, string>>;
  /** For each changed resource, SHA-256 of what was seen. */
  readonly seen: Readonly<Record<string, string>>;
  readonly changes: readonly Change[];
}

/** SHA-256 over what a fleet wants: the same on any machine and in any order of its files. */
export function compiledDigest(compiled: CompiledFleet): string {
  const byId = <T extends { readonly id: string }>(items: readonly T[]): T[] =>
    [...items].sort((left, right) => (left.id < right.id ? -1 : 1));
  return digestOf({
    fleet: compiled.fleet,
    home: compiled.home,
    targets: byId(compiled.targets),
    resources: byId(compiled.resources).map(({ source: _position, ...resource }) => resource),
  });
}

/** SHA-256 of what a target said about one thing. */
function answerDigest(answer: Answer<unknown> | undefined): string {
  return digestOf(answer?.state === 'present' ? { present: answer.seen } : { state: answer?.state ?? 'absent' });
}

export interface PlanFileInput {
  readonly compiled: CompiledFleet;
  readonly plan: Plan;
  readonly answers: ReadonlyMap<ResourceId, Answer<unknown>>;
  readonly targets: ReadonlyMap<string, TargetState>;
  readonly shards: Readonly<Record<string, string>>;
}

export function makePlanFile(input: PlanFileInput): PlanFile {
  const { plan } = input;
  return {
    format: 1,
    fleet: plan.fleet,
    asOf: plan.asOf.toISOString(),
    compiled: compiledDigest(input.compiled),
    identities: identitiesOf(input.targets),
    shards: input.shards,
    seen: Object.fromEntries(plan.changes.map(({ id }) => [id, answerDigest(input.answers.get(id))])),
    changes: plan.changes.map(({ change }) => change),
  };
}

/** The text of a plan file: the same plan is the same text. */
export function formatPlanFile(file: PlanFile): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(file)), undefined, 2)}\n`;
}

/** Throws the Failure `plan-file-invalid` for anything but the text of a plan file. */
export function parsePlanFile(text: string, name: string): PlanFile {
  let file: Partial<PlanFile>;
  try {
    file = JSON.parse(text) as Partial<PlanFile>;
  } catch (error) {
    throw invalid(name, causeOf(error));
  }
  const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
  const isComplete =
    file.format === 1 &&
    [file.fleet, file.asOf, file.compiled].every((value) => typeof value === 'string') &&
    !Number.isNaN(Date.parse(file.asOf ?? '')) &&
    [file.identities, file.shards, file.seen].every(isRecord) &&
    Array.isArray(file.changes);
  if (!isComplete) {
    throw invalid(name, 'it is not what `plan --out` of this version writes');
  }
  return file as PlanFile;
}

function invalid(name: string, what: string): Failure {
  return new Failure({
    code: 'plan-file-invalid',
    message: `${name} is no plan file: ${what}`,
    file: name,
    remedy: 'make one with: keywright plan --out FILE',
    exitCode: 64,
  });
}

/** What is different now from when the plan was made; empty when it may be applied. */
export function differencesFrom(planned: PlanFile, now: PlanFile): string[] {
  const differences: string[] = [];
  if (planned.fleet !== now.fleet) {
    differences.push(`it is for fleet ${planned.fleet}, this is ${now.fleet}`);
  }
  if (planned.compiled !== now.compiled) {
    differences.push('the fleet files say something else');
  }
  // Only targets with changes are asked again.
  for (const target of Object.keys(now.identities).filter((key) => planned.identities[key] !== now.identities[key])) {
    differences.push(`${target} is another server, or is reached only now`);
  }
  if (changedKeys(planned.shards, now.shards).length > 0) {
    differences.push('something was applied since');
  }
  for (const id of changedKeys(planned.seen, now.seen)) {
    differences.push(`${id} was changed since`);
  }
  if (differences.length === 0 && canonicalJson(planned.changes) !== canonicalJson(now.changes)) {
    differences.push('the changes themselves are others');
  }
  return differences;
}

/** Throws the Failure `plan-stale` that lists what is different. */
export function requireSamePlan(planned: PlanFile, now: PlanFile, name: string): void {
  const differences = differencesFrom(planned, now);
  if (differences.length > 0) {
    throw new Failure({
      code: 'plan-stale',
      message: `${name} is out of date: ${differences.join('; ')}`,
      file: name,
      why: 'a plan is applied exactly as it was shown, or not at all; nothing was changed',
      remedy: 'plan again, and look at it again: keywright plan --out FILE',
    });
  }
}

function identitiesOf(targets: ReadonlyMap<string, TargetState>): Record<string, string> {
  const pairs = [...targets].flatMap(([target, state]) =>
    state.state === 'present' && state.identity !== undefined ? [[target, state.identity] as const] : [],
  );
  return Object.fromEntries(pairs);
}

function changedKeys(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): string[] {
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].filter((key) => left[key] !== right[key]).sort();
}
