import { randomBytes } from 'node:crypto';
import { digestOf } from '../../src/model/digest.ts';
import type { Answer } from '../../src/model/answer.ts';
import type { Change } from '../../src/model/change.ts';
import type { TargetDefinition } from '../../src/model/compiled.ts';
import { parseResourceId, targetId } from '../../src/model/ids.ts';
import type { ResourceId } from '../../src/model/ids.ts';
import { type Allowance, type Resource, resolveOutputs } from '../../src/model/resource.ts';
import { Secret } from '../../src/model/secret.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import { keyedFingerprint } from '../../src/stores/fingerprint.ts';
import type {
  Applied,
  ApplyContext,
  InventoryRecord,
  ReadyChange,
  ResourceKind,
  RunContext,
  TargetKind,
} from '../../src/engine/interfaces.ts';

/**
 * Drives kinds without the engine: what a run hands to them and keeps of them, and nothing else. `records` is the
 * inventory; a test may delete from it, as a lost inventory would.
 */
export class KindBench {
  readonly fleet: string;
  readonly folder: string;
  readonly records = new Map<ResourceId, InventoryRecord>();
  readonly progress: string[] = [];
  /** The clock; real unless a test sets it. */
  now: () => Date = () => new Date();
  readonly stores = new Map<string, SecretBackend>();
  readonly #fingerprintKey = new Secret(randomBytes(32).toString('hex'));
  readonly #abort = new AbortController();

  constructor(fleet: string, folder: string) {
    this.fleet = fleet;
    this.folder = folder;
  }

  get context(): RunContext {
    return {
      fleet: this.fleet,
      folder: this.folder,
      environment: { now: () => this.now(), randomBytes: (length) => randomBytes(length) },
      signal: this.#abort.signal,
      store: async (name) => {
        const store = this.stores.get(name);
        if (store === undefined) {
          throw new Error(`no store ${name} in this test`);
        }
        return store;
      },
      fingerprint: (...parts) => keyedFingerprint(this.#fingerprintKey, parts),
      output: (id, name) => this.records.get(id)?.outputs?.[name],
      mayCreate: true,
      env: () => undefined,
    };
  }

  async connect<Session, Spec>(kind: TargetKind<Session, Spec>, name: string, spec: Spec): Promise<Answer<Session>> {
    const target: TargetDefinition<Spec> = {
      id: targetId(kind.kind, name),
      kind: kind.kind,
      spec,
      dependsOn: [],
    };
    return kind.connect(target, this.context);
  }

  /** What a plan would say of these resources, and of what is recorded of the kind and not among them. */
  async plan<Session, Spec, Seen>(
    kind: ResourceKind<Session, Spec, Seen>,
    session: Session,
    resources: readonly Resource<Spec>[],
  ): Promise<Change[]> {
    return (await this.#ready(kind, session, resources)).map(({ change }) => change);
  }

  /** Applies them, records the results, and returns what came out, by id; ids that need no change are not in it. */
  async apply<Session, Spec, Seen>(
    kind: ResourceKind<Session, Spec, Seen>,
    session: Session,
    resources: readonly Resource<Spec>[],
  ): Promise<Map<ResourceId, { readonly change: Change; readonly applied: Applied }>> {
    const all = await this.#ready(kind, session, resources);
    const refused = all.filter(({ change }) => change.action === 'refused');
    if (refused.length > 0) {
      throw new Error(refused.map(({ change }) => `${change.id}: ${change.reason}`).join('; '));
    }
    const ready = all.filter(({ change }) => change.action !== 'none');
    for (const { resource, seen } of ready) {
      if (resource !== undefined && seen === undefined) {
        this.#record(resource, 'intended', this.records.get(resource.id) ?? {});
      }
    }
    const results = new Map<ResourceId, { change: Change; applied: Applied }>();
    const io: ApplyContext = { ...this.context, guard: () => {}, progress: (_, text) => this.progress.push(text) };
    if (ready.length === 0) {
      return results;
    }
    for await (const applied of kind.apply(session, ready, io)) {
      const found = ready.find(({ change }) => change.id === applied.id) as ReadyChange<Spec, Seen>;
      results.set(applied.id, { change: found.change, applied });
      if (applied.outcome === 'failed') {
        continue;
      }
      if (found.change.action === 'remove') {
        this.records.delete(applied.id);
      } else if (found.change.action === 'retain') {
        this.records.set(applied.id, { ...(found.recorded as InventoryRecord), ...applied.record, state: 'retained' });
      } else {
        this.#record(found.resource as Resource, 'present', applied.record ?? {});
      }
    }
    return results;
  }

  /** Applies and throws the first failure. */
  async mustApply<Session, Spec, Seen>(
    kind: ResourceKind<Session, Spec, Seen>,
    session: Session,
    resources: readonly Resource<Spec>[],
  ): Promise<Change[]> {
    const results = await this.apply(kind, session, resources);
    for (const { applied } of results.values()) {
      if (applied.outcome === 'failed') {
        throw applied.error;
      }
    }
    return [...results.values()].map(({ change }) => change);
  }

  #record(resource: Resource, state: InventoryRecord['state'], facts: Partial<InventoryRecord>): void {
    const { mark, version, fingerprint, outputs, removal } = facts;
    const { id, kind, reclaimPolicy } = resource;
    const appliedDigest = digestOf(resource.spec);
    this.records.set(id, {
      id,
      kind,
      state,
      mark,
      version,
      fingerprint,
      outputs,
      removal,
      appliedDigest,
      reclaimPolicy,
    });
  }

  async #ready<Session, Spec, Seen>(
    kind: ResourceKind<Session, Spec, Seen>,
    session: Session,
    unresolved: readonly Resource<Spec>[],
  ): Promise<ReadyChange<Spec, Seen>[]> {
    const target = unresolved[0]?.target;
    const recorded = [...this.records.values()].filter(
      (record) =>
        record.kind === kind.kind &&
        record.state !== 'retained' &&
        (target === undefined || parseResourceId(record.id).target === target),
    );
    const answers = await kind.observe(session, unresolved, recorded, this.context);
    const resources = unresolved.map((resource) => ({
      ...resource,
      spec: resolveOutputs(resource.spec, (ref) => this.context.output(ref.from, ref.output)).spec,
    }));
    const context = { fleet: this.fleet, now: this.now() };
    const seenOf = (id: ResourceId): Seen | undefined => {
      const answer = answers.get(id);
      if (answer?.state === 'couldNotAsk' || answer?.state === 'notYet' || answer === undefined) {
        throw new Error(`${id}: ${answer?.why ?? 'no answer'}`);
      }
      return answer.state === 'present' ? answer.seen : undefined;
    };
    const wanted = resources.map((resource): ReadyChange<Spec, Seen> => {
      const seen = seenOf(resource.id);
      const record = this.records.get(resource.id);
      return { change: kind.diff(resource, seen, record, context), resource, seen, recorded: record };
    });
    const leaving = recorded
      .filter(({ id }) => !resources.some((resource) => resource.id === id))
      .flatMap((record): ReadyChange<Spec, Seen>[] => {
        const seen = seenOf(record.id);
        return seen === undefined
          ? []
          : [{ change: kind.diff(undefined, seen, record, context), seen, recorded: record }];
      });
    return [...wanted, ...leaving];
  }
}

/** A resource as compile would make it. */
export function resource<Spec>(
  id: ResourceId,
  spec: Spec,
  extra: { readonly allow?: readonly Allowance[]; readonly reclaimPolicy?: 'retain' | 'delete' } = {},
): Resource<Spec> {
  const { kind, target } = parseResourceId(id);
  return { id, kind, target, spec, dependsOn: [], document: `Test/${kind}`, ...extra };
}
