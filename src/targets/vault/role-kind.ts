import type { Applied, ApplyContext, InventoryRecord, ResourceKind, RunContext } from '../../engine/interfaces.ts';
import { absent, couldNotAsk, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import type { Environment } from '../../model/environment.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { OutputValue, Resource } from '../../model/resource.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { VaultRefusal } from '../../stores/vault/failures.ts';
import { readMark } from '../process/mark.ts';
import { applyEach } from './apply-each.ts';
import { mountedAt } from './mounted.ts';
import { fieldChanges, newFields } from './role-fields.ts';
import type { FieldValue, RoleFields } from './role-fields.ts';

export interface SeenRole {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The login method or engine bears our fleet's mark: all roles in it are ours. */
  readonly mountIsOurs: boolean;
  /** What the kind itself found to differ, beside the fields. */
  readonly more: readonly FieldChange[];
  readonly outputs?: Readonly<Record<string, OutputValue>>;
}

export interface RoleKindParts<Spec> {
  readonly kind: string;
  /** What the roles are in; a login method unless told. */
  readonly within?: 'engine';
  /** Below the mount. */
  readonly collection: string;
  fields(spec: Spec): RoleFields;
  /** Beside the fields: what is compared and sent, but lies elsewhere. */
  compare?(spec: Spec, seen: Readonly<Record<string, unknown>>, context: RunContext): Promise<readonly FieldChange[]>;
  extra?(spec: Spec, context: RunContext): Promise<Readonly<Record<string, unknown>>>;
  outputs?(client: VaultClient, path: string): Promise<Readonly<Record<string, OutputValue>>>;
  /** What a new role may be given instead of asking for what the server chose. */
  choose?(environment: Environment): {
    readonly fields: Readonly<Record<string, FieldValue>>;
    readonly outputs: Readonly<Record<string, OutputValue>>;
  };
  /** The role has something that no write can take away, so it is made anew. */
  mustBeNew?(seen: Readonly<Record<string, unknown>>, spec: Spec): boolean;
  /** Ends what a role gave out, when it is removed. */
  revoke?(client: VaultClient, place: RolePlace): Promise<void>;
}

/** Where a role is. */
export interface RolePlace {
  readonly mount: string;
  readonly role: string;
}

/**
 * A kind of role in a login method or an engine. A role can bear no mark: those in a mount that bears our mark are ours; in
 * another one, those that the inventory says we made.
 */
export function roleKind<Spec>(parts: RoleKindParts<Spec>): ResourceKind<VaultStore, Spec, SeenRole> {
  return {
    kind: parts.kind,
    targetKind: 'store',
    onRemoval: 'remove',
    ownership: 'file',

    async observe({ client }, wanted, recorded, context) {
      const mounts = await mountedAt(client, parts.within === 'engine' ? 'sys/mounts' : 'sys/auth');
      const answers = new Map<ResourceId, Answer<SeenRole>>();
      const specs = new Map(wanted.map(({ id, spec }) => [id, spec]));
      const records = new Map(recorded.map((record) => [record.id, record]));
      const ids = [...new Set([...wanted, ...recorded].map(({ id }) => id))];
      // Without the mount there is no role, and asking would only be refused.
      const inMounts = ids.filter((id) => mounts.has(placeOf(id).mount));
      const isAbsent = await absentRoles(parts, client, inMounts, records);
      ids.forEach((id) => answers.set(id, absent));
      await Promise.all(
        inMounts
          .filter((id) => !isAbsent(id))
          .map(async (id) => {
            const mark = readMark(mounts.get(placeOf(id).mount)?.description);
            const mountIsOurs = mark?.fleet === context.fleet;
            const look = { spec: specs.get(id), mountIsOurs, record: records.get(id) };
            answers.set(id, await observeRole(parts, client, id, look, context));
          }),
      );
      return answers;
    },

    diff: (wanted, seen, recorded) => diffRole(parts, wanted, seen, recorded),

    outputs: (_resource, seen) => seen.outputs ?? {},

    apply: ({ client }, changes, io) =>
      applyEach(changes, io, async ({ change, resource, seen }) => {
        const path = pathOf(parts, change.id);
        if (resource === undefined) {
          if (change.action === 'remove') {
            // Before, so that a failure leaves the role to the next run; after, for what it gave out meanwhile.
            await parts.revoke?.(client, placeOf(change.id));
            await client.request({ method: 'DELETE', path, repeat: 'safe' });
            await parts.revoke?.(client, placeOf(change.id));
          }
          return {};
        }
        if (seen !== undefined && parts.mustBeNew?.(seen.fields, resource.spec) === true) {
          await client.request({ method: 'DELETE', path, repeat: 'safe' });
        }
        return writeRole(parts, client, path, { spec: resource.spec, seen }, io);
      }),
  };
}

/** So many roles are asked for one by one. */
const fewRoles = 8;

/** Which roles are surely not there: told by one list per mount where many may be new, since a list has names only. */
async function absentRoles<Spec>(
  parts: RoleKindParts<Spec>,
  client: VaultClient,
  ids: readonly ResourceId[],
  records: ReadonlyMap<ResourceId, InventoryRecord>,
): Promise<(id: ResourceId) => boolean> {
  const fresh = Map.groupBy(
    ids.filter((id) => records.get(id)?.state !== 'present'),
    (id) => placeOf(id).mount,
  );
  const names = new Map<string, ReadonlySet<string>>();
  for (const [mount, [first, ...others]] of fresh) {
    const folder = pathOf(parts, first as ResourceId)
      .split('/')
      .slice(0, -1)
      .join('/');
    const listed = others.length < fewRoles ? undefined : await client.list(folder).catch(onlyRefusals);
    if (listed !== undefined) {
      names.set(mount, new Set(listed.map((name) => name.toLowerCase())));
    }
  }
  return (id) => {
    const { mount, role } = placeOf(id);
    return records.get(id)?.state !== 'present' && names.get(mount)?.has(role.toLowerCase()) === false;
  };
}

function onlyRefusals(error: unknown): undefined {
  if (!(error instanceof VaultRefusal)) {
    throw error;
  }
}

interface Look<Spec> {
  readonly spec: Spec | undefined;
  readonly mountIsOurs: boolean;
  readonly record: InventoryRecord | undefined;
}

async function observeRole<Spec>(
  parts: RoleKindParts<Spec>,
  client: VaultClient,
  id: ResourceId,
  { spec, mountIsOurs, record }: Look<Spec>,
  context: RunContext,
): Promise<Answer<SeenRole>> {
  const path = pathOf(parts, id);
  try {
    const reply = await client.readIfPresent(path);
    if (reply === undefined) {
      return absent;
    }
    const more = spec === undefined ? [] : ((await parts.compare?.(spec, reply.data, context)) ?? []);
    // Known from the record as a rule; asked for only when the inventory was lost.
    const outputs = record?.outputs ?? (spec === undefined ? undefined : await parts.outputs?.(client, path));
    return present({ fields: reply.data, mountIsOurs, more, ...(outputs === undefined ? {} : { outputs }) });
  } catch (error) {
    if (error instanceof Failure) {
      return couldNotAsk(error.message);
    }
    throw error;
  }
}

function diffRole<Spec>(
  parts: RoleKindParts<Spec>,
  wanted: Resource<Spec> | undefined,
  seen: SeenRole | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  const made = recorded?.state === 'present' || recorded?.state === 'intended';
  if (wanted === undefined) {
    return recorded?.reclaimPolicy === 'retain'
      ? { id, action: 'retain', fields: [], reason: 'left the fleet; reclaimPolicy: retain' }
      : { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  const fields = parts.fields(wanted.spec);
  if (seen === undefined) {
    return { id, action: 'create', fields: newFields(fields) };
  }
  const changes = [...fieldChanges(fields, seen.fields), ...seen.more];
  if (!seen.mountIsOurs && !made) {
    const allowance = wanted.allow?.find(({ rule }) => rule === 'adopt-existing');
    return allowance === undefined
      ? {
          id,
          action: 'refused',
          fields: changes,
          reason: `it is there already, in ${parts.within === 'engine' ? 'an engine' : 'a login method'} that was not made by this fleet`,
          refusal: {
            code: 'adopt-existing',
            remedy: 'choose another name, or take it over: `allow: [{ rule: adopt-existing, reason: … }]`',
          },
        }
      : { id, action: 'adopt', fields: changes, reason: `taken over: ${allowance.reason}` };
  }
  return { id, action: changes.length === 0 ? 'none' : 'update', fields: changes };
}

async function writeRole<Spec>(
  parts: RoleKindParts<Spec>,
  client: VaultClient,
  path: string,
  { spec, seen }: { readonly spec: Spec; readonly seen: SeenRole | undefined },
  io: ApplyContext,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  const chosen = seen === undefined ? parts.choose?.(io.environment) : undefined;
  const body = { ...parts.fields(spec), ...(await parts.extra?.(spec, io)), ...chosen?.fields };
  await client.request({ method: 'POST', path, body, repeat: 'safe' });
  const outputs = chosen?.outputs ?? seen?.outputs ?? (await parts.outputs?.(client, path));
  return { record: outputs === undefined ? {} : { outputs } };
}

function placeOf(id: ResourceId): RolePlace {
  const { names } = parseResourceId(id);
  return { mount: names.slice(0, -1).join('/'), role: names.at(-1) ?? '' };
}

function pathOf<Spec>(parts: RoleKindParts<Spec>, id: ResourceId): string {
  const { mount, role } = placeOf(id);
  return `${parts.within === 'engine' ? '' : 'auth/'}${mount}/${parts.collection}/${role}`;
}
