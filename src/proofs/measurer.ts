import type { RunContext } from '../engine/interfaces.ts';
import { Failure } from '../model/failure.ts';
import type { Measurement } from '../model/claim.ts';
import type { Value } from '../model/resource.ts';
import type { Secret } from '../model/secret.ts';
import type { PolicyEvaluator } from './policy-evaluator.ts';
import type { EntryRef } from './proofs.spec.ts';

/** What a proof may use. It never reuses a connection or an answer of the code that made a change. */
export interface ProofTools {
  readonly run: RunContext;
  /** Ends with the time of this one measurement. */
  readonly signal: AbortSignal;
  readonly policies: PolicyEvaluator;
  /** Clean-up that runs after the measurement, whatever it found. */
  after(work: () => Promise<void>): void;
  /** The keys of an entry. @throws Failure `entry-missing` when it is not there, and what the store says otherwise */
  entry(ref: EntryRef): Promise<ReadonlyMap<string, Secret>>;
}

/** Measures one kind of claim; the spec's outputs are filled in. What it throws makes the claim unknown. */
export type Measurer<Spec> = (spec: Spec, tools: ProofTools) => Promise<Measurement>;

export function held(seen: string): Measurement {
  return { verdict: 'held', seen };
}

export function broken(seen: string, mend?: string): Measurement {
  return { verdict: 'broken', seen, mend };
}

export function unknown(why: string): Measurement {
  return { verdict: 'unknown', seen: `could not ask: ${why}` };
}

/** A spec's value when its outputs have been filled in. */
export function known<T extends string | number | boolean>(value: Value<T>): T {
  if (typeof value === 'object') {
    const { from, output } = value;
    throw new Failure({ code: 'output-missing', message: `${output} of ${from} is not known yet`, exitCode: 3 });
  }
  return value;
}

/** One key of an entry. @throws Failure `key-missing` */
export function keyOf(entry: ReadonlyMap<string, Secret>, key: string, ref: EntryRef): Secret {
  const value = entry.get(key);
  if (value === undefined) {
    throw new Failure({
      code: 'key-missing',
      message: `${ref.store}/${ref.path} holds no key ${key}`,
      object: ref.path,
    });
  }
  return value;
}
