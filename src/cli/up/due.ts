import { effectiveDependencies } from '../../engine/graph.ts';
import type { Outputs } from '../../engine/run.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { CompiledFleet } from '../../model/compiled.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { CertificateSpec } from '../../targets/authority/authority.spec.ts';
import type { LeaseSpec } from '../../targets/postgres/postgres.spec.ts';
import type { TokenSpec } from '../../targets/vault/token.spec.ts';

/** Something that a keeper has to do, and when at the latest. */
export interface Due {
  readonly id: ResourceId;
  readonly what: 'lease' | 'certificate' | 'token';
  readonly at: Date;
  /** When it ends, if nobody does anything. */
  readonly expires: Date;
}

/** Leases and tokens below a third of their life and certificates in their renewal time, soonest first. */
export function dueDates(compiled: CompiledFleet, outputs: ReadonlyMap<ResourceId, Outputs>): Due[] {
  const found = compiled.resources.flatMap((resource) => {
    const due = dueDate(resource, outputs.get(resource.id) ?? {});
    return due === undefined ? [] : [due];
  });
  return found.sort((left, right) => left.at.getTime() - right.at.getTime());
}

function dueDate(resource: Resource, outputs: Outputs): Due | undefined {
  const { kind } = parseResourceId(resource.id);
  if (kind === 'lease') {
    const expires = instant(outputs['expires']);
    const third = (resource.spec as LeaseSpec).ttlMilliseconds / 3;
    return expires && { id: resource.id, what: 'lease', at: new Date(expires.getTime() - third), expires };
  }
  if (kind === 'token') {
    const expires = instant(outputs['expires']);
    const third = ((resource.spec as TokenSpec).periodSeconds * 1000) / 3;
    return expires && { id: resource.id, what: 'token', at: new Date(expires.getTime() - third), expires };
  }
  if (kind === 'certificate') {
    const expires = instant(outputs['notAfter']);
    const before = (resource.spec as CertificateSpec).renewBeforeMilliseconds;
    return expires && { id: resource.id, what: 'certificate', at: new Date(expires.getTime() - before), expires };
  }
  return undefined;
}

function instant(value: unknown): Date | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time);
}

/** Kinds that a keeper acts on by itself. All else that differs is for a person, who sees it in a plan. */
const keptKinds: readonly string[] = ['lease', 'token', 'certificate', 'process', 'vault-server'];

/** What the keeper looks at: only what an apply has made, so that it never applies a change of the fleet by itself. */
export function keptResources(compiled: CompiledFleet, isMade: (id: ResourceId) => boolean): Set<ResourceId> {
  const kept = compiled.resources.filter(({ id }) => keptKinds.includes(parseResourceId(id).kind) && isMade(id));
  return new Set(kept.map(({ id }) => id));
}

/** The given resources and all that rests on them, as far as an apply has made it. */
export function withDependents(
  compiled: CompiledFleet,
  ids: Iterable<ResourceId>,
  isMade: (id: ResourceId) => boolean,
): Set<ResourceId> {
  const dependents = new Map<ResourceId, ResourceId[]>();
  for (const [id, dependencies] of effectiveDependencies(compiled.resources, compiled.targets)) {
    for (const dependency of dependencies) {
      dependents.set(dependency, [...(dependents.get(dependency) ?? []), id]);
    }
  }
  const reached = new Set<ResourceId>(ids);
  for (const id of reached) {
    (dependents.get(id) ?? []).filter(isMade).forEach((dependent) => reached.add(dependent));
  }
  return reached;
}
