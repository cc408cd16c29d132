import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyResourceKind, AnyTargetKind } from '../../src/engine/interfaces.ts';
import { Run } from '../../src/engine/run.ts';
import type { TargetDefinition } from '../../src/model/compiled.ts';
import type { Environment } from '../../src/model/environment.ts';
import { targetId } from '../../src/model/ids.ts';
import type { TargetId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import { openFileStore } from '../../src/stores/file/open.ts';
import { thingKind, ThingWorld, worldTarget, worldTargets } from './test-kinds.ts';

export const testEnvironment: Environment = {
  now: () => new Date(),
  randomBytes: (length) => randomBytes(length),
};

/** A folder of its own for one test, gone with it. */
export async function testFolder(t: { after(cleanUp: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kw-engine-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The real file store in a folder. */
export async function openTestStore(folder: string, mayCreate = true): Promise<SecretBackend> {
  const answer = await openStoreIn(folder, mayCreate);
  if (answer.state !== 'present') {
    throw new Error(`the store is ${answer.state}`);
  }
  return answer.seen;
}

function openStoreIn(folder: string, mayCreate: boolean): ReturnType<typeof openFileStore> {
  const places = { folder: join(folder, 'box'), identityFile: join(folder, '.keywright', 'key.txt') };
  return openFileStore({ ...places, name: 'box', mayCreate, environment: testEnvironment });
}

const storeTarget: AnyTargetKind = {
  kind: 'store',
  connect: (_target, context) => openStoreIn(context.folder, context.mayCreate),
  identity: (store: SecretBackend) => store.identity(),
  close: (store: SecretBackend) => store.close(),
};

/** Everything that outlives a run: the folder with the home store, and the worlds. */
export class TestFleet {
  readonly folder: string;
  readonly worlds = new Map<TargetId, ThingWorld>();
  kinds: AnyResourceKind[] = [thingKind(), thingKind({ kind: 'data', onRemoval: 'retain' })];
  targets: TargetDefinition[] = [];
  name = 'f';

  constructor(folder: string, worlds: readonly string[] = ['a', 'b']) {
    this.folder = folder;
    for (const name of worlds) {
      this.worlds.set(targetId('site', name), new ThingWorld());
      this.targets.push(worldTarget(name));
    }
  }

  world(name: string): ThingWorld {
    return this.worlds.get(targetId('site', name)) as ThingWorld;
  }

  /** A run as a new process would begin it. */
  run(resources: readonly Resource[], environment: Environment = testEnvironment): Run {
    const store: TargetDefinition = { id: targetId('store', 'box'), kind: 'store', spec: {}, dependsOn: [] };
    return new Run({
      compiled: { fleet: this.name, home: 'box', targets: [store, ...this.targets], resources, claims: [] },
      registry: { targets: [storeTarget, worldTargets(this.worlds)], kinds: this.kinds },
      folder: this.folder,
      environment,
    });
  }
}
