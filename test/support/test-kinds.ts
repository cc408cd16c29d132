import type { Answer } from '../../src/model/answer.ts';
import { absent, couldNotAsk, notYet, present } from '../../src/model/answer.ts';
import type { Change } from '../../src/model/change.ts';
import type { TargetDefinition } from '../../src/model/compiled.ts';
import { digestOf } from '../../src/model/digest.ts';
import { Failure } from '../../src/model/failure.ts';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { ResourceId, TargetId } from '../../src/model/ids.ts';
import type { OutputValue, Resource } from '../../src/model/resource.ts';
import type {
  AnyResourceKind,
  AnyTargetKind,
  ApplyContext,
  Applied,
  InventoryRecord,
  ReadyChange,
  ResourceKind,
} from '../../src/engine/interfaces.ts';

/** A spec of the engine's test kind: any plain values. */
export type ThingSpec = Readonly<Record<string, unknown>>;

export interface Thing {
  readonly spec: ThingSpec;
  readonly mark: string;
}

/** A target of the engine's tests: a handful of things in memory, that can be told to misbehave. */
export class ThingWorld {
  readonly things = new Map<ResourceId, Thing>();
  identity = 'world-1';
  state: 'present' | 'notYet' | 'stopped' | 'unreachable' = 'present';
  /** Ids whose write fails, with the message. */
  readonly failing = new Map<ResourceId, string>();
  /** What was asked of it, in order. */
  readonly calls: string[] = [];
  /** Waited for before each write. */
  beforeWrite: (id: ResourceId, io: ApplyContext) => Promise<void> = async () => {};
}

/** Target kind `site` over worlds, by target id. */
export function worldTargets(worlds: ReadonlyMap<TargetId, ThingWorld>): AnyTargetKind {
  return {
    kind: 'site',
    connect: async (target: TargetDefinition): Promise<Answer<ThingWorld>> => {
      const world = worlds.get(target.id);
      switch (world?.state) {
        case undefined:
          return couldNotAsk('no such world');
        case 'notYet':
          return notYet('the world is not made yet', false);
        case 'stopped':
          return notYet('the world is stopped', true);
        case 'unreachable':
          return couldNotAsk('connection refused');
        default:
          return present(world as ThingWorld);
      }
    },
    identity: async (world: ThingWorld) => world.identity,
    close: async () => {},
  };
}

/** A kind of things; its name and what happens on removal can be chosen. */
export function thingKind(
  options: { readonly kind?: string; readonly onRemoval?: 'remove' | 'retain' } = {},
): ResourceKind<ThingWorld, ThingSpec, Thing> & AnyResourceKind {
  const kind = options.kind ?? 'thing';
  return {
    kind,
    targetKind: 'site',
    onRemoval: options.onRemoval ?? 'remove',
    ownership: 'marked',
    async observe(world, wanted, recorded) {
      world.calls.push(`observe ${kind} ${wanted.length}`);
      const ids = new Set([...wanted.map(({ id }) => id), ...recorded.map(({ id }) => id)]);
      return new Map([...ids].map((id) => [id, world.things.has(id) ? present(world.things.get(id)) : absent]));
    },
    diff: diffThing,
    outputs: (resource) => outputsOf(resource.id, resource.spec),
    async *apply(world, changes, io): AsyncIterable<Applied> {
      world.calls.push(`apply ${kind} ${changes.length}`);
      for (const change of changes) {
        yield await writeThing(world, change, io);
      }
    },
  };
}

function diffThing(
  wanted: Resource<ThingSpec> | undefined,
  seen: Thing | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  if (wanted === undefined) {
    return { id: recorded!.id, action: 'remove', fields: [] };
  }
  const { id, spec } = wanted;
  if (seen === undefined) {
    return { id, action: 'create', fields: [] };
  }
  if (spec['needsOperation'] === true) {
    return { id, action: 'operation', fields: [], needs: 'keywright rotate it' };
  }
  if (seen.mark === 'foreign') {
    return {
      id,
      action: 'refused',
      fields: [],
      reason: 'it is not ours',
      refusal: { code: 'adopt-existing', remedy: 'allow' },
    };
  }
  if (seen.mark === 'broken') {
    throw new Failure({ code: 'thing-broken', message: 'the thing is broken', remedy: 'mend it' });
  }
  const isSame = digestOf(seen.spec) === digestOf(spec) && seen.mark !== 'unmarked';
  return { id, action: isSame ? 'none' : 'update', fields: [] };
}

function outputsOf(id: ResourceId, spec: ThingSpec): Record<string, OutputValue> {
  return { version: digestOf(spec).slice(0, 8), id };
}

async function writeThing(
  world: ThingWorld,
  { change, resource }: ReadyChange<ThingSpec, Thing>,
  io: ApplyContext,
): Promise<Applied> {
  const { id } = change;
  await world.beforeWrite(id, io);
  try {
    io.guard();
  } catch (error) {
    return { id, outcome: 'failed', error: error as Error };
  }
  const failure = world.failing.get(id);
  if (failure !== undefined) {
    return { id, outcome: 'failed', error: new Failure({ code: 'thing-failed', message: failure }) };
  }
  world.calls.push(`${change.action} ${id}`);
  if (change.action === 'remove') {
    world.things.delete(id);
    return { id, outcome: 'done' };
  }
  if (change.action === 'retain') {
    world.things.set(id, { ...world.things.get(id)!, mark: 'lifted' });
    return { id, outcome: 'done' };
  }
  const spec = resource!.spec;
  world.things.set(id, { spec, mark: io.fleet });
  return { id, outcome: 'done', record: { mark: io.fleet, outputs: outputsOf(id, spec) } };
}

/** `site/<world>/<kind>/<name>` as a resource. */
export function thing(
  world: string,
  name: string,
  spec: ThingSpec = {},
  more: Partial<Resource> & { readonly kind?: string } = {},
): Resource<ThingSpec> {
  const target = targetId('site', world);
  const kind = more.kind ?? 'thing';
  return {
    id: resourceId(target, kind, name),
    kind,
    target,
    dependsOn: [],
    document: `Thing/${name}`,
    ...more,
    spec,
  };
}

export function worldTarget(name: string, dependsOn: readonly ResourceId[] = []): TargetDefinition {
  return { id: targetId('site', name), kind: 'site', spec: { name }, dependsOn };
}
