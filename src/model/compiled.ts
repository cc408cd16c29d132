import type { Claim } from './claim.ts';
import type { ResourceId, TargetId, TargetKindName } from './ids.ts';
import type { Resource } from './resource.ts';

/** Where a target is and what it needs to be reached: plain data made by compile. */
export interface TargetDefinition<Spec = unknown> {
  readonly id: TargetId;
  readonly kind: TargetKindName;
  readonly spec: Spec;
  /** Kinds on this target wait for these resources (a server before its roles). */
  readonly dependsOn: readonly ResourceId[];
}

/** What compile makes of a fleet. */
export interface CompiledFleet {
  readonly fleet: string;
  /** Name of the Store that holds inventory and lock. */
  readonly home: string;
  readonly targets: readonly TargetDefinition[];
  readonly resources: readonly Resource[];
  readonly claims: readonly Claim[];
}
