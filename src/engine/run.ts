import { Failure } from '../model/failure.ts';
import { targetId } from '../model/ids.ts';
import type { CompiledFleet, TargetDefinition } from '../model/compiled.ts';
import type { Environment } from '../model/environment.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import type { OutputValue } from '../model/resource.ts';
import type { Secret } from '../model/secret.ts';
import type { SecretBackend } from '../stores/backend.ts';
import { keyedFingerprint } from '../stores/fingerprint.ts';
import { ensureFingerprintKey, fingerprintKeyId, newFingerprintKey, readFingerprintKey } from './home.ts';
import type { Home } from './home.ts';
import { Inventory } from './inventory.ts';
import type { InventoryOptions } from './inventory.ts';
import { identityKind, recordedDefinition } from './identity.ts';
import type { Registry, RunContext } from './interfaces.ts';
import { Sessions } from './session.ts';

export interface RunOptions {
  readonly compiled: CompiledFleet;
  readonly registry: Registry;
  /** Absolute path of the fleet's folder. */
  readonly folder: string;
  readonly environment: Environment;
  /** Ends what is under way, for good. */
  readonly abort?: AbortSignal;
  readonly env?: (name: string) => string | undefined;
  readonly grantedBy?: RunContext['grantedBy'];
  readonly inventory?: Pick<InventoryOptions, 'maximumShard'>;
}

export type Outputs = Readonly<Record<string, OutputValue>>;

/**
 * One run of a command over a compiled fleet: its sessions, its home and what it knows of outputs. Close it in a
 * `finally`.
 */
export class Run {
  readonly compiled: CompiledFleet;
  readonly registry: Registry;
  readonly sessions: Sessions;
  readonly environment: Environment;
  readonly context: RunContext;
  /** Outputs of resources of this fleet: the inventory's at first, then what this run makes. */
  readonly outputs = new Map<ResourceId, Outputs>();
  inventory: Inventory = Inventory.empty();
  readonly #options: RunOptions;
  readonly #targets: Map<TargetId, TargetDefinition>;
  #home: Home | undefined;
  #key: Secret | undefined;
  #mayCreate = false;
  #isLoaded = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.compiled = options.compiled;
    this.registry = options.registry;
    this.environment = options.environment;
    this.sessions = new Sessions(options.registry);
    this.#targets = new Map(options.compiled.targets.map((target) => [target.id, target]));
    const mayCreate = (): boolean => this.#mayCreate;
    this.context = {
      fleet: options.compiled.fleet,
      folder: options.folder,
      environment: options.environment,
      signal: options.abort ?? new AbortController().signal,
      store: (name) => this.store(name),
      fingerprint: (...parts) => keyedFingerprint(this.#fingerprintKey(), parts),
      output: (id, name) => this.outputs.get(id)?.[name],
      get mayCreate() {
        return mayCreate();
      },
      env: options.env ?? (() => undefined),
      grantedBy: options.grantedBy,
    };
  }

  /** The fleet's home; undefined while its store is not made yet. */
  get home(): Home | undefined {
    return this.#home;
  }

  /** A target of the fleet, or one that left it, as the last apply knew it. */
  target(id: TargetId): TargetDefinition | undefined {
    return this.#targets.get(id);
  }

  /** All targets of the fleet, and those that left it. */
  targets(): TargetId[] {
    return [...this.#targets.keys()];
  }

  /** Opens home and reads the inventory. With `create`, makes the store and the fingerprint key where they are absent. */
  async openHome(options: { readonly create: boolean }): Promise<void> {
    this.#mayCreate ||= options.create;
    const name = this.compiled.home;
    const store = await this.#openStore(name);
    if ('why' in store) {
      return;
    }
    this.#home = { fleet: this.compiled.fleet, name, store };
    this.#key = options.create
      ? await ensureFingerprintKey(this.#home, this.environment)
      : await readFingerprintKey(this.#home);
    if (!this.#isLoaded) {
      await this.reloadInventory();
    }
  }

  /** Reads the inventory again, for example after the lock was waited for. */
  async reloadInventory(): Promise<void> {
    if (this.#home === undefined) {
      return;
    }
    this.inventory = await Inventory.load(this.#home, {
      ...this.#options.inventory,
      key: this.#key === undefined ? undefined : fingerprintKeyId(this.#key),
    });
    this.#isLoaded = true;
    this.outputs.clear();
    for (const record of this.inventory.records().values()) {
      if (record.kind === identityKind) {
        const definition = recordedDefinition(record);
        if (definition !== undefined && !this.#targets.has(definition.id)) {
          this.#targets.set(definition.id, definition);
        }
      } else if (record.outputs !== undefined) {
        this.outputs.set(record.id, record.outputs);
      }
    }
  }

  async store(name: string): Promise<SecretBackend> {
    const store = await this.#openStore(name);
    if ('why' in store) {
      throw new StoreNotMade(name, store);
    }
    return store;
  }

  async close(): Promise<void> {
    await this.sessions.closeAll();
  }

  /** The session of a `store` target is the store itself. */
  async #openStore(name: string): Promise<SecretBackend | NotYet> {
    const target = this.#targets.get(targetId('store', name));
    if (target === undefined) {
      throw new Failure({
        code: 'store-unknown',
        message: `fleet ${this.compiled.fleet} has no store ${name}`,
        object: `store/${name}`,
      });
    }
    const answer = await this.sessions.connect(target, this.context);
    if (answer.state === 'present') {
      return answer.seen.session as SecretBackend;
    }
    if (answer.state === 'couldNotAsk') {
      const { failure } = answer;
      throw new Failure({
        code: 'store-unreachable',
        message: failure?.message ?? `store ${name} did not answer: ${answer.why}`,
        object: target.id,
        why: failure?.details.why,
        remedy: failure?.details.remedy,
        exitCode: 3,
      });
    }
    return answer.state === 'notYet' ? answer : { why: `store ${name} is not made yet`, exists: false };
  }

  /** Before the first apply nothing is compared with a fingerprint, so any key will do until then. */
  #fingerprintKey(): Secret {
    this.#key ??= newFingerprintKey(this.environment);
    return this.#key;
  }
}

interface NotYet {
  readonly why: string;
  readonly exists: boolean;
}

/** A store that an apply will make, or start. What is read from it counts as not there yet. */
export class StoreNotMade extends Failure {
  /** It was made before, and is stopped or sealed. */
  readonly exists: boolean;

  constructor(name: string, { why, exists }: NotYet) {
    super({ code: 'store-not-made', message: why, object: `store/${name}`, remedy: 'keywright apply' });
    this.exists = exists;
  }
}
