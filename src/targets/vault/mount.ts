import type { Applied, ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { formatDuration } from '../../model/duration.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { asNumber, asText } from '../../stores/vault/reply.ts';
import { diffMarked, isMarked, isOursToRemove } from '../postgres/marked.ts';
import { formatMark, withMark, withoutMark } from '../process/mark.ts';
import { applyEach } from './apply-each.ts';
import { contentOf, isKv2 } from './mount-content.ts';
import { isMountRecorded, mountedAt, seconds } from './mounted.ts';
import type { Mounted } from './mounted.ts';
import type { MountSpec } from './mount.spec.ts';

export interface SeenMount extends Mounted {
  /** The description: it bears the mark. */
  readonly comment: string;
  /** Of a KV v2 mount. */
  readonly kv?: { readonly maxVersions: number; readonly casRequired: boolean; readonly deleteAfter: number };
  /** What it holds, where it leaves the fleet: `12 entries`. */
  readonly holds?: string;
}

/** `store/<Store>/mount/<path>`: see `mount.spec.ts`. */
export const mountKind: ResourceKind<VaultStore, MountSpec, SeenMount> = {
  kind: 'mount',
  targetKind: 'store',
  onRemoval: 'retain',
  ownership: 'marked',

  async observe({ client }, wanted, recorded, context) {
    const mounts = await mountedAt(client, 'sys/mounts');
    const wantedIds = new Set(wanted.map(({ id }) => id));
    const answers = new Map<ResourceId, Answer<SeenMount>>();
    await Promise.all(
      [...new Set([...wantedIds, ...recorded.map(({ id }) => id)])].map(async (id) => {
        const mounted = mounts.get(pathOf(id));
        const leaves = !wantedIds.has(id);
        answers.set(
          id,
          mounted === undefined ? absent : present(await seenOf(client, pathOf(id), mounted, leaves, context)),
        );
      }),
    );
    return answers;
  },

  diff(wanted, seen, recorded, context) {
    return (
      otherType(wanted, seen) ??
      diffMarked({
        wanted,
        seen,
        recorded,
        context,
        onRemoval: 'retain',
        leaving: leavingReason,
        isRecorded: isMountRecorded,
        create: (spec) => [{ field: 'type', after: spec.type === 'kv' ? 'kv, version 2' : spec.type }],
        differences,
      })
    );
  },

  outputs: (_resource, { accessor }) => ({ accessor }),

  apply: (session, changes, io) => applyEach(changes, io, (change) => applyMount(session.client, change, io)),
};

async function seenOf(
  client: VaultClient,
  path: string,
  mounted: Mounted,
  leaves: boolean,
  context: { readonly environment: { now(): Date } },
): Promise<SeenMount> {
  const holds = leaves ? { holds: await contentOf(client, mounted, path, () => context.environment.now()) } : {};
  const seen = { ...mounted, comment: mounted.description, ...holds };
  if (!isKv2(mounted)) {
    return seen;
  }
  const { data } = await client.request({ method: 'GET', path: `${path}/config` });
  const kv = {
    maxVersions: asNumber(data['max_versions']),
    casRequired: data['cas_required'] === true,
    deleteAfter: durationSeconds(asText(data['delete_version_after'])),
  };
  return { ...seen, kv };
}

/** An engine cannot be changed into another one, and what it holds would be lost with it. */
function otherType(wanted: Resource<MountSpec> | undefined, seen: SeenMount | undefined): Change | undefined {
  if (wanted === undefined || seen === undefined) {
    return undefined;
  }
  const is = seen.type === 'kv' ? `kv, version ${seen.version}` : seen.type;
  const should = wanted.spec.type === 'kv' ? 'kv, version 2' : wanted.spec.type;
  if (is === should) {
    return undefined;
  }
  return {
    id: wanted.id,
    action: 'refused',
    fields: [{ field: 'type', before: is, after: should }],
    reason: `${wanted.spec.path} is an engine of another kind`,
    refusal: {
      code: 'mount-type',
      remedy: 'name another path in mounts of the Store document, or move that engine away',
    },
  };
}

function differences(spec: MountSpec, seen: SeenMount): FieldChange[] {
  const kv = spec.type === 'kv' ? (spec.kv ?? {}) : undefined;
  return [
    ...lease('default lease', seen.defaultLease, spec.defaultLeaseSeconds),
    ...lease('maximum lease', seen.maxLease, spec.maxLeaseSeconds),
    ...(kv === undefined || seen.kv === undefined
      ? []
      : [
          ...changed('versions kept', versions(seen.kv.maxVersions), versions(kv.maxVersions ?? 0)),
          ...changed('check-and-set required', String(seen.kv.casRequired), String(kv.casRequired ?? false)),
          ...lease('versions deleted after', seen.kv.deleteAfter, kv.deleteVersionAfterSeconds, 'never'),
        ]),
  ];
}

function leavingReason({ holds = 'nothing' }: SeenMount, { reclaimPolicy }: InventoryRecord): string {
  return reclaimPolicy === 'delete'
    ? `left the fleet; with it ${holds} would be lost`
    : `left the fleet; it is kept, and holds ${holds}`;
}

async function applyMount(
  client: VaultClient,
  { change, resource, seen, recorded }: ReadyChange<MountSpec, SeenMount>,
  io: ApplyContext,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  const path = pathOf(change.id);
  const mark = { fleet: io.fleet, id: change.id };
  if (resource === undefined) {
    if (change.action === 'remove') {
      if (isOursToRemove(seen, recorded, io.fleet, change.id)) {
        await client.request({ method: 'DELETE', path: `sys/mounts/${path}`, repeat: 'safe' });
      }
    } else if (isMarked(seen?.comment, io.fleet, change.id)) {
      await tune(client, path, { description: withoutMark(seen?.comment) ?? '' });
    }
    return {};
  }
  const { spec } = resource;
  const leases = { default_lease_ttl: seconds(spec.defaultLeaseSeconds), max_lease_ttl: seconds(spec.maxLeaseSeconds) };
  if (seen === undefined) {
    const options = spec.type === 'kv' ? { options: { version: '2' } } : {};
    await client.request({
      method: 'POST',
      path: `sys/mounts/${path}`,
      // In one call with the mount itself, so that there is no moment at which it is there unmarked.
      body: { type: spec.type, description: formatMark(mark), config: leases, ...options },
    });
  } else {
    await tune(client, path, { description: withMark(seen.comment, mark), ...leases });
  }
  if (spec.type === 'kv') {
    await client.request({ method: 'POST', path: `${path}/config`, body: kvConfig(spec), repeat: 'safe' });
  }
  const made = (await mountedAt(client, 'sys/mounts')).get(path);
  return { record: { mark: formatMark(mark), outputs: { accessor: made?.accessor ?? '' } } };
}

async function tune(client: VaultClient, path: string, body: object): Promise<void> {
  await client.request({ method: 'POST', path: `sys/mounts/${path}/tune`, body, repeat: 'safe' });
}

function kvConfig({ kv = {} }: MountSpec): object {
  return {
    max_versions: kv.maxVersions ?? 0,
    cas_required: kv.casRequired ?? false,
    delete_version_after: seconds(kv.deleteVersionAfterSeconds),
  };
}

function pathOf(id: ResourceId): string {
  return parseResourceId(id).names.join('/');
}

function lease(field: string, before: number, after: number | undefined, none = "the system's"): FieldChange[] {
  const shown = (value: number): string => (value === 0 ? none : formatDuration(value * 1000));
  return changed(field, shown(before), shown(after ?? 0));
}

function changed(field: string, before: string, after: string): FieldChange[] {
  return before === after ? [] : [{ field, before, after }];
}

/** The engine keeps ten versions where nothing is said. */
function versions(count: number): string {
  return String(count === 0 ? 10 : count);
}

/** Seconds of a length of time in Go's spelling, `1h30m0s`. */
function durationSeconds(text: string): number {
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };
  return [...text.matchAll(/([\d.]+)([hms])(?!s)/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ''] ?? 0),
    0,
  );
}
