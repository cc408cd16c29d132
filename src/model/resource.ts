import type { SourcePointer } from './diagnostic.ts';
import type { ResourceId, TargetId } from './ids.ts';

/**
 * A value that exists only after another resource was made (a port, a version, a bundle). The reference is the edge of
 * the graph. Outputs are never secret.
 */
export interface OutputRef {
  readonly from: ResourceId;
  readonly output: string;
}

export type OutputValue = string | number | boolean;

/** A spec field that may be given or come from an output. */
export type Value<T extends OutputValue> = T | OutputRef;

export function isOutputRef(value: unknown): value is OutputRef {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as OutputRef).from === 'string' &&
    typeof (value as OutputRef).output === 'string' &&
    Object.keys(value).length === 2
  );
}

export interface Allowance {
  readonly rule: string;
  readonly reason: string;
  readonly until?: string;
}

/** One thing that Keywright makes and keeps. `spec` is plain data and never holds a secret value. */
export interface Resource<Spec = unknown> {
  readonly id: ResourceId;
  readonly kind: string;
  readonly target: TargetId;
  readonly spec: Spec;
  /** Order without data; edges with data are the OutputRefs in `spec`. */
  readonly dependsOn: readonly ResourceId[];
  /** The document that asks for it, `Kind/name`. */
  readonly document: string;
  readonly source?: SourcePointer;
  readonly reclaimPolicy?: 'retain' | 'delete';
  readonly allow?: readonly Allowance[];
}

/** Every OutputRef that stands anywhere in a spec. */
export function outputRefsIn(value: unknown): OutputRef[] {
  if (isOutputRef(value)) {
    return [value];
  }
  if (Array.isArray(value)) {
    return value.flatMap(outputRefsIn);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.values(value).flatMap(outputRefsIn);
  }
  return [];
}

/** All resources that this one waits for: its `dependsOn` and where its OutputRefs come from. */
export function dependenciesOf(resource: Resource): ResourceId[] {
  return [...new Set([...resource.dependsOn, ...outputRefsIn(resource.spec).map((ref) => ref.from)])];
}

/**
 * Replaces every OutputRef by its value. `unknown` lists those that are not known yet; they stay in place.
 */
export function resolveOutputs<T>(
  spec: T,
  outputs: (ref: OutputRef) => OutputValue | undefined,
): { readonly spec: T; readonly unknown: readonly OutputRef[] } {
  const unknown: OutputRef[] = [];
  const walk = (value: unknown): unknown => {
    if (isOutputRef(value)) {
      const found = outputs(value);
      if (found === undefined) {
        unknown.push(value);
        return value;
      }
      return found;
    }
    if (Array.isArray(value)) {
      return value.map(walk);
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner)]));
    }
    return value;
  };
  return { spec: walk(spec) as T, unknown };
}
