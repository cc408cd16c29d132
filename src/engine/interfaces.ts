import type { Answer } from '../model/answer.ts';
import type { Change } from '../model/change.ts';
import type { Environment } from '../model/environment.ts';
import type { TargetDefinition } from '../model/compiled.ts';
import type { ResourceId, TargetKindName } from '../model/ids.ts';
import type { OutputValue, Resource } from '../model/resource.ts';
import type { SecretBackend } from '../stores/backend.ts';

/** What a run knows about one managed thing: no secret value, ever. */
export interface InventoryRecord {
  readonly id: ResourceId;
  readonly kind: string;
  /** `intended` is written before an object observed absent is created, so that a crash leaves no orphan. */
  readonly state: 'intended' | 'present' | 'retained';
  readonly mark?: string;
  /** Version of the secret material that was written, opaque. */
  readonly version?: string;
  /** What the target itself reported after the write; see decision 10 of the design. */
  readonly fingerprint?: string;
  readonly outputs?: Readonly<Record<string, OutputValue>>;
  /** SHA-256 of the spec that was applied, outputs resolved. */
  readonly appliedDigest?: string;
  /** What the kind needs to remove the thing when its document is gone (names, never secrets). */
  readonly removal?: Readonly<Record<string, OutputValue>>;
  readonly dependsOn?: readonly ResourceId[];
  readonly document?: string;
  readonly reclaimPolicy?: 'retain' | 'delete';
}

/** What sessions and kinds are given from outside. */
export interface RunContext {
  readonly fleet: string;
  /** Absolute path of the folder that relative paths of the fleet start from. */
  readonly folder: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Opens a store by its name; the same session for the whole run. */
  store(name: string): Promise<SecretBackend>;
  /** HMAC-SHA-256 with the fleet's fingerprint key, hex. */
  fingerprint(...parts: readonly (string | Uint8Array)[]): string;
  /** The output of another resource, from this run or the inventory. */
  output(id: ResourceId, name: string): OutputValue | undefined;
  /** The target was made or is being made in this run: `connect` may create what is its own (a store folder). */
  readonly mayCreate: boolean;
  /** Variables for `import: { env }`, handed in; undefined when unset. */
  env(name: string): string | undefined;
  /** Names the policy of the fleet that allows something in a Vault, for the message of a refusal. */
  grantedBy?(store: string, path: string, capabilities: readonly string[]): string | undefined;
}

/** A live system. `connect` answers notYet while the system is still to be made, couldNotAsk when it did not answer. */
export interface TargetKind<Session, Spec = unknown> {
  readonly kind: TargetKindName;
  connect(target: TargetDefinition<Spec>, context: RunContext): Promise<Answer<Session>>;
  /** Physical identity (system identifier, cluster id), by which an exchanged server is noticed; undefined: has none. */
  identity(session: Session): Promise<string | undefined>;
  /** Where the fleet itself says that the target lives. Under another place than before, another identity is meant. */
  place?(target: TargetDefinition<Spec>): string;
  close(session: Session): Promise<void>;
}

export interface DiffContext {
  readonly fleet: string;
  readonly now: Date;
  /** What holds the data until now, under another id: it is moved, never made anew. */
  readonly movesFrom?: InventoryRecord;
}

/** Where something that is wanted for the first time has its data: in one that left, or in one of several. */
export type Move = { readonly from: InventoryRecord } | { readonly unclear: readonly InventoryRecord[] };

/** A change whose turn has come: spec with all outputs filled in. */
export interface ReadyChange<Spec, Seen> {
  readonly change: Change;
  /** Undefined for what left the fleet. */
  readonly resource?: Resource<Spec>;
  readonly seen?: Seen;
  readonly recorded?: InventoryRecord;
  /** Still there, and stays until this change is done. */
  readonly movesFrom?: InventoryRecord;
}

/** The final result for one resource; partial results are kept when a later one fails. */
export type Applied =
  | {
      readonly id: ResourceId;
      readonly outcome: 'done';
      /** For what is there now: goes into the inventory record. Undefined after a removal. */
      readonly record?: Pick<InventoryRecord, 'mark' | 'version' | 'fingerprint' | 'outputs' | 'removal'>;
      /** Something a person should read, for example "port 15432 was taken, 15433 used". */
      readonly note?: string;
    }
  | { readonly id: ResourceId; readonly outcome: 'failed'; readonly error: Error };

export interface ApplyContext extends RunContext {
  /** Throws when the run was interrupted or lost its lock: call it before each write. */
  guard(): void;
  /** Tells what a long write waits for, shown as progress. */
  progress(id: ResourceId, text: string): void;
}

/** What a folder in targets/ contributes for one kind of resource. `diff` and `describe` are pure. */
export interface ResourceKind<Session, Spec, Seen> {
  /** Second part of the id, for example `role`. */
  readonly kind: string;
  readonly targetKind: TargetKindName;
  readonly onRemoval: 'remove' | 'retain';
  readonly ownership: 'marked' | 'grantee' | 'file';
  /**
   * Asks for all wanted and recorded resources of this kind on one target at once: a fixed number of queries however
   * many there are. The answer for a present object tells whose mark it bears. Specs may still hold OutputRefs: find
   * objects by id and name only. Recorded ids that are not wanted are observed too, for removal.
   */
  observe(
    session: Session,
    wanted: readonly Resource<Spec>[],
    recorded: readonly InventoryRecord[],
    context: RunContext,
  ): Promise<ReadonlyMap<ResourceId, Answer<Seen>>>;
  /**
   * What has to change. `wanted` undefined: it left the fleet (answer remove, or retain when the kind or its
   * reclaimPolicy keeps data). `seen` undefined: absent. Specs have their outputs filled in.
   */
  diff(
    wanted: Resource<Spec> | undefined,
    seen: Seen | undefined,
    recorded: InventoryRecord | undefined,
    context: DiffContext,
  ): Change;
  /**
   * Which of those that left the fleet, on any target, are the same things as those wanted and not there yet, under the
   * id that they had before their store or path changed. Pure; for kinds whose data must survive that. Optional.
   */
  moves?(wanted: readonly Resource<Spec>[], leaving: readonly InventoryRecord[]): ReadonlyMap<ResourceId, Move>;
  /**
   * Outputs of a present, unchanged resource when the record has none (lost inventory, adoption). Optional.
   */
  outputs?(resource: Resource<Spec>, seen: Seen): Readonly<Record<string, OutputValue>>;
  /** Carries the changes out, in bulk. Yields one Applied per change, as soon as it is final. */
  apply(session: Session, changes: readonly ReadyChange<Spec, Seen>[], io: ApplyContext): AsyncIterable<Applied>;
}

/** Kinds with any session and spec, for the registry. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyResourceKind = ResourceKind<any, any, any>;
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyTargetKind = TargetKind<any, any>;

/** All kinds that a program knows, composed in one place (`cli/registry.ts`). */
export interface Registry {
  readonly targets: readonly AnyTargetKind[];
  readonly kinds: readonly AnyResourceKind[];
}
