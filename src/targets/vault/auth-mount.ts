import type { Applied, ApplyContext, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { formatDuration } from '../../model/duration.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { diffMarked, isMarked } from '../postgres/marked.ts';
import { formatMark, withMark, withoutMark } from '../process/mark.ts';
import { applyEach } from './apply-each.ts';
import type { AuthMountSpec } from './auth-mount.spec.ts';
import { isMountRecorded, mountedAt, seconds } from './mounted.ts';
import type { Mounted } from './mounted.ts';

export interface SeenAuthMount extends Mounted {
  /** The description: it bears the mark. */
  readonly comment: string;
}

/** `store/<Store>/auth-mount/<path>`: see `auth-mount.spec.ts`. */
export const authMountKind: ResourceKind<VaultStore, AuthMountSpec, SeenAuthMount> = {
  kind: 'auth-mount',
  targetKind: 'store',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe({ client }, wanted, recorded) {
    const mounts = await mountedAt(client, 'sys/auth');
    const answers = new Map<ResourceId, Answer<SeenAuthMount>>();
    for (const { id } of [...wanted, ...recorded]) {
      const mounted = mounts.get(pathOf(id));
      answers.set(id, mounted === undefined ? absent : present({ ...mounted, comment: mounted.description }));
    }
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
        onRemoval: 'remove',
        leaving: () => 'left the fleet; every token that it gave out ends',
        isRecorded: isMountRecorded,
        create: (spec) => [{ field: 'type', after: spec.type }],
        differences: (spec, { defaultLease, maxLease }) => [
          ...lease('default token life', defaultLease, spec.defaultLeaseSeconds),
          ...lease('maximum token life', maxLease, spec.maxLeaseSeconds),
        ],
      })
    );
  },

  outputs: (_resource, { accessor }) => ({ accessor }),

  apply: (session, changes, io) => applyEach(changes, io, (change) => applyAuthMount(session.client, change, io)),
};

function otherType(wanted: Resource<AuthMountSpec> | undefined, seen: SeenAuthMount | undefined): Change | undefined {
  if (wanted === undefined || seen === undefined || seen.type === wanted.spec.type) {
    return undefined;
  }
  return {
    id: wanted.id,
    action: 'refused',
    fields: [{ field: 'type', before: seen.type, after: wanted.spec.type }],
    reason: `auth/${wanted.spec.path} is a login method of another kind`,
    refusal: { code: 'mount-type', remedy: 'name another mount in storeLogin of the Site document' },
  };
}

async function applyAuthMount(
  client: VaultClient,
  { change, resource, seen }: ReadyChange<AuthMountSpec, SeenAuthMount>,
  io: ApplyContext,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  const path = pathOf(change.id);
  const mark = { fleet: io.fleet, id: change.id };
  const tune = async (body: object): Promise<void> => {
    await client.request({ method: 'POST', path: `sys/auth/${path}/tune`, body, repeat: 'safe' });
  };
  if (resource === undefined) {
    if (isMarked(seen?.comment, io.fleet, change.id)) {
      await (change.action === 'remove'
        ? client.request({ method: 'DELETE', path: `sys/auth/${path}`, repeat: 'safe' })
        : tune({ description: withoutMark(seen?.comment) ?? '' }));
    }
    return {};
  }
  const { type, defaultLeaseSeconds, maxLeaseSeconds } = resource.spec;
  const leases = { default_lease_ttl: seconds(defaultLeaseSeconds), max_lease_ttl: seconds(maxLeaseSeconds) };
  if (seen === undefined) {
    const body = { type, description: formatMark(mark), config: leases };
    await client.request({ method: 'POST', path: `sys/auth/${path}`, body });
  } else {
    await tune({ description: withMark(seen.comment, mark), ...leases });
  }
  const made = (await mountedAt(client, 'sys/auth')).get(path);
  return { record: { mark: formatMark(mark), outputs: { accessor: made?.accessor ?? '' } } };
}

function pathOf(id: ResourceId): string {
  return parseResourceId(id).names.join('/');
}

function lease(field: string, before: number, after: number | undefined): FieldChange[] {
  const shown = (value: number): string => (value === 0 ? "the system's" : formatDuration(value * 1000));
  return shown(before) === shown(after ?? 0) ? [] : [{ field, before: shown(before), after: shown(after ?? 0) }];
}
