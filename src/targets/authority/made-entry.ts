import type { Applied, ApplyContext, InventoryRecord, ReadyChange, RunContext } from '../../engine/interfaces.ts';
import type { Change } from '../../model/change.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { OutputValue, Resource } from '../../model/resource.ts';
import type { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { sameContent } from '../store/content.ts';
import { compareContent, entryFingerprint } from '../store/entry-fingerprint.ts';
import { readPresent } from '../store/entries.ts';
import { judgeOwnership, markedMetadata, markOf, metadataNames, ownershipOf, refusalOf } from '../store/mark.ts';
import type { Ownership } from '../store/mark.ts';

/** What is seen of an entry that is made from others as a whole (a bundle, a revocation list), so that it can be made again. */
export interface SeenMade {
  readonly version: string;
  readonly owner: Ownership;
  readonly content: 'same' | 'different' | 'unknown';
  /** Why it is not what it should be. */
  readonly faults: readonly string[];
  /** The public part, for outputs. */
  readonly text?: string;
}

const attempts = 4;

export function seenMade(
  entry: SecretEntry,
  context: Pick<RunContext, 'fleet' | 'fingerprint'>,
  id: ResourceId,
  faults: readonly string[],
): SeenMade {
  const stored = entry.metadata[metadataNames.fingerprint];
  return {
    version: entry.version,
    owner: ownershipOf(entry.metadata, context.fleet, id),
    content: compareContent(context.fingerprint, stored, entry.path, entry.data),
    faults,
  };
}

/** What has to change about such an entry. */
export function diffMade(
  wanted: Resource | undefined,
  path: string | undefined,
  seen: SeenMade | undefined,
  recorded: InventoryRecord | undefined,
  faults: readonly string[],
  keep: 'remove' | 'retain' = 'remove',
): Change {
  if (wanted === undefined) {
    const id = (recorded as InventoryRecord).id;
    const policy = recorded?.reclaimPolicy ?? (keep === 'retain' ? 'retain' : 'delete');
    return { id, action: policy === 'delete' ? 'remove' : 'retain', fields: [], reason: 'left the fleet' };
  }
  const { id } = wanted;
  if (seen === undefined) {
    return { id, action: 'create', fields: [] };
  }
  const claim = judgeOwnership(wanted, path ?? '', seen.owner, recorded?.state);
  if (claim.as === 'refused') {
    return claim.change;
  }
  const before = recorded?.outputs?.version;
  const moved = before !== undefined && before !== seen.version;
  const reasons = [
    ...(seen.content === 'different' ? ['was changed by hand'] : []),
    ...faults,
    ...(seen.content === 'unknown' || seen.owner.by === 'sibling' ? ['its mark and fingerprint are made anew'] : []),
  ];
  const fields = moved ? [{ field: 'version', before: String(before), after: seen.version }] : [];
  if (claim.as === 'adopted') {
    return { id, action: 'adopt', fields, reason: 'takes over what is there' };
  }
  return reasons.length === 0 && !moved
    ? { id, action: 'none', fields: [] }
    : { id, action: 'update', fields, reason: reasons.join('; ') || undefined };
}

export interface MadeEntry {
  readonly path: string;
  /** Digest of what it is made from, for people who look at the metadata. */
  readonly spec: string;
  /** What it shall hold; the same content is not written again. Called anew when somebody else wrote meanwhile. */
  readonly content: (
    current: SecretEntry | undefined,
  ) => ReadonlyMap<string, Secret> | Promise<ReadonlyMap<string, Secret>>;
  readonly outputs: (version: string, data: ReadonlyMap<string, Secret>) => Readonly<Record<string, OutputValue>>;
}

/** Writes such an entry under check-and-set. */
export async function writeMade(
  backend: SecretBackend,
  { resource, recorded }: ReadyChange<unknown, SeenMade>,
  io: ApplyContext,
  made: MadeEntry,
): Promise<Applied> {
  const { id } = resource as Resource;
  for (let attempt = 1; ; attempt++) {
    const current = (await readPresent(backend, [made.path])).get(made.path);
    if (current !== undefined) {
      refuseForeign(resource as Resource, made.path, current, recorded, io);
    }
    const data = await made.content(current);
    const fingerprint = entryFingerprint(io.fingerprint, made.path, data);
    const metadata = markedMetadata(current?.metadata ?? {}, io.fleet, id, { spec: made.spec, fingerprint });
    io.guard();
    try {
      const version = await put(backend, made.path, current, data, metadata);
      return {
        id,
        outcome: 'done',
        record: {
          mark: markOf(io.fleet, id),
          version,
          fingerprint,
          outputs: made.outputs(version, data),
          removal: { path: made.path },
        },
      };
    } catch (error) {
      if (!(error instanceof CheckAndSetConflict) || attempt === attempts) {
        throw error;
      }
    }
  }
}

/** Throws when somebody else put an entry there between plan and apply. */
function refuseForeign(
  resource: Resource,
  path: string,
  current: SecretEntry,
  recorded: InventoryRecord | undefined,
  io: Pick<RunContext, 'fleet'>,
): void {
  const claim = judgeOwnership(resource, path, ownershipOf(current.metadata, io.fleet, resource.id), recorded?.state);
  if (claim.as === 'refused') {
    throw refusalOf(claim.change);
  }
}

async function put(
  backend: SecretBackend,
  path: string,
  current: SecretEntry | undefined,
  data: ReadonlyMap<string, Secret>,
  metadata: SecretEntry['metadata'],
): Promise<string> {
  if (current !== undefined && sameContent(current.data, data)) {
    await backend.writeMetadata(path, metadata);
    return current.version;
  }
  return (await backend.write({ path, data, metadata, expect: current?.version ?? 'absent' })).version;
}
