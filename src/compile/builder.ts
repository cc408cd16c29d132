import type { Claim } from '../model/claim.ts';
import { claimId } from '../model/claim.ts';
import type { CompiledFleet, TargetDefinition } from '../model/compiled.ts';
import { canonicalJson } from '../model/digest.ts';
import { Failure } from '../model/failure.ts';
import { parseResourceId, type ResourceId, type TargetId, type TargetKindName } from '../model/ids.ts';
import type { Allowance, Resource } from '../model/resource.ts';
import type { Fleet, FleetDocument } from '../fleet/model.ts';

/** What every document may say about what becomes of it. */
interface Common {
  readonly reclaimPolicy?: 'retain' | 'delete';
  readonly allow?: readonly Allowance[];
}

export interface ResourceOptions {
  readonly dependsOn?: readonly ResourceId[];
  /** Where the document's own is not meant: what Keywright keeps for itself can always be made again. */
  readonly reclaimPolicy?: 'retain' | 'delete';
}

/** Collects what the documents of a fleet become. Each resource and claim knows the document that asks for it. */
export class Builder {
  readonly fleet: Fleet;
  readonly #targets = new Map<TargetId, TargetDefinition>();
  readonly #resources = new Map<ResourceId, Resource>();
  readonly #claims = new Map<string, Claim>();

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  target<Spec>(id: TargetId, kind: TargetKindName, spec: Spec, dependsOn: readonly ResourceId[] = []): void {
    this.#targets.set(id, { id, kind, spec, dependsOn });
  }

  /** Spec of a target that was added; undefined when it was not. */
  targetSpec<Spec>(id: TargetId): Spec | undefined {
    return this.#targets.get(id)?.spec as Spec | undefined;
  }

  /**
   * Adds a resource. The same id twice is one resource; its dependencies are put together. Throws the Failure
   * `two-resources-one-id` when two documents want different things of it: one would silently win.
   */
  resource<Spec>(document: FleetDocument, id: ResourceId, spec: Spec, options: ResourceOptions = {}): ResourceId {
    const { kind, target } = parseResourceId(id);
    const common = document.spec as Common;
    const earlier = this.#resources.get(id);
    if (earlier !== undefined && canonicalJson(earlier.spec) !== canonicalJson(spec)) {
      throw new Failure({
        code: 'two-resources-one-id',
        message: `${earlier.document} and ${document.document} want different things of ${id}`,
        object: id,
        remedy: 'rename one of them',
      });
    }
    this.#resources.set(id, {
      id,
      kind,
      target,
      spec,
      dependsOn: unique([...(earlier?.dependsOn ?? []), ...(options.dependsOn ?? [])]),
      document: earlier?.document ?? document.document,
      source: earlier?.source ?? document.source,
      reclaimPolicy: options.reclaimPolicy ?? common.reclaimPolicy,
      allow: common.allow,
    });
    return id;
  }

  claim<Spec>(
    document: FleetDocument,
    claim: {
      readonly kind: string;
      readonly subject?: string;
      readonly variant?: readonly string[];
      readonly sentence: string;
      readonly group: string;
      readonly restsOn: readonly ResourceId[];
      readonly spec: Spec;
    },
  ): void {
    const id = claimId(claim.subject ?? document.document, claim.kind, ...(claim.variant ?? []));
    const earlier = this.#claims.get(id);
    if (earlier !== undefined && canonicalJson(earlier.spec) !== canonicalJson(claim.spec)) {
      throw new RangeError(`claim ${id} is made of two different things`);
    }
    this.#claims.set(id, {
      id,
      kind: claim.kind,
      sentence: claim.sentence,
      group: claim.group,
      restsOn: unique(claim.restsOn),
      spec: claim.spec,
      document: document.document,
      source: document.source,
    });
  }

  has(id: ResourceId): boolean {
    return this.#resources.has(id);
  }

  /** In the order of ids, so that the order of files never shows; claims in that of documents, as they are read. */
  build(): CompiledFleet {
    return {
      fleet: this.fleet.name,
      home: this.fleet.home,
      targets: sortedById([...this.#targets.values()]),
      resources: sortedById([...this.#resources.values()]),
      claims: [...this.#claims.values()],
    };
  }
}

function unique<T extends string>(values: readonly T[]): T[] {
  return [...new Set(values)].sort((left, right) => (left < right ? -1 : 1));
}

function sortedById<T extends { readonly id: string }>(values: T[]): T[] {
  return values.sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0));
}
