import type { Applied, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, couldNotAsk, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { asNumber, asText } from '../../stores/vault/reply.ts';
import { readMark } from '../process/mark.ts';
import { applyEach } from './apply-each.ts';
import type { EncryptionKeySpec } from './encryption-key.spec.ts';
import { mountedAt } from './mounted.ts';
import { fieldChanges } from './role-fields.ts';
import type { RoleFields } from './role-fields.ts';

export interface SeenEncryptionKey {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The engine bears our fleet's mark: all keys in it are ours. */
  readonly mountIsOurs: boolean;
}

/** `store/<Store>/encryption-key/<mount>/<name>`: see `encryption-key.spec.ts`. */
export const encryptionKeyKind: ResourceKind<VaultStore, EncryptionKeySpec, SeenEncryptionKey> = {
  kind: 'encryption-key',
  targetKind: 'store',
  onRemoval: 'retain',
  ownership: 'file',

  async observe({ client }, wanted, recorded, { fleet }) {
    const mounts = await mountedAt(client, 'sys/mounts');
    const ids = [...new Set([...wanted, ...recorded].map(({ id }) => id))];
    const answers = await Promise.all(
      ids.map(async (id) => {
        const mount = mounts.get(placeOf(id).mount);
        const mountIsOurs = readMark(mount?.description)?.fleet === fleet;
        return [id, mount === undefined ? absent : await look(client, id, mountIsOurs)] as const;
      }),
    );
    return new Map(answers);
  },

  diff(wanted, seen, recorded) {
    if (wanted === undefined) {
      const { id, reclaimPolicy } = recorded as InventoryRecord;
      return reclaimPolicy === 'delete'
        ? { id, action: 'remove', fields: [], reason: 'left the fleet; what it encrypted can never be read again' }
        : { id, action: 'retain', fields: [], reason: 'left the fleet; what it encrypted can still be read' };
    }
    return seen === undefined ? creation(wanted, recorded) : keeping(wanted, seen, recorded);
  },

  outputs: (_resource, { fields }) => outputsOf(fields),

  apply: ({ client }, changes, io) => applyEach(changes, io, (change) => applyKey(client, change)),
};

async function look(client: VaultClient, id: ResourceId, mountIsOurs: boolean): Promise<Answer<SeenEncryptionKey>> {
  if (nameFault(placeOf(id).name) !== undefined) {
    // The server would not understand the question.
    return absent;
  }
  try {
    const reply = await client.readIfPresent(keyPath(id));
    return reply === undefined ? absent : present({ fields: reply.data, mountIsOurs });
  } catch (error) {
    if (error instanceof Failure) {
      return couldNotAsk(error.message);
    }
    throw error;
  }
}

function creation({ id, spec }: Resource<EncryptionKeySpec>, recorded: InventoryRecord | undefined): Change {
  const unfit = nameFault(spec.name);
  if (unfit !== undefined) {
    return refused(id, 'encryption-key-name', `a transit engine takes no key ${spec.name}: ${unfit}`, rename(spec));
  }
  if (recorded?.state === 'present') {
    const reason = 'it is gone, and another one of its name could not read what it encrypted';
    return refused(id, 'encryption-key-lost', reason, `bring its store back from a snapshot, or ${rename(spec)}`);
  }
  return { id, action: 'create', fields: [{ field: 'type', after: spec.type }] };
}

function keeping(
  wanted: Resource<EncryptionKeySpec>,
  seen: SeenEncryptionKey,
  recorded: InventoryRecord | undefined,
): Change {
  const { id, spec } = wanted;
  const { fields } = seen;
  const type = fields['derived'] === true ? `${asText(fields['type'])}, derived` : asText(fields['type']);
  if (type !== spec.type) {
    const change = refused(id, 'encryption-key-type', 'a key never becomes one of another type', rename(spec));
    return { ...change, fields: [{ field: 'type', before: type, after: spec.type }] };
  }
  if (fields['exportable'] === true || fields['allow_plaintext_backup'] === true) {
    // The server has no way back, and whoever could take it out may have it.
    const reason = 'it may be taken out of the engine, which cannot be undone';
    return refused(id, 'encryption-key-exposed', reason, rename(spec));
  }
  const changes: FieldChange[] = [
    ...fieldChanges(settings(fields), fields),
    ...(fields['soft_deleted'] === true ? [{ field: 'deleted', before: 'softly', after: 'brought back' }] : []),
  ];
  const version = outputsOf(fields).version;
  const before = recorded?.outputs?.['version'];
  if (before !== undefined && before !== version) {
    changes.push({ field: 'version', before: String(before), after: version });
  }
  const made = recorded?.state === 'present' || recorded?.state === 'intended';
  if (!seen.mountIsOurs && recorded?.state === 'retained') {
    return { id, action: 'adopt', fields: changes, reason: 'was kept when it left the fleet' };
  }
  if (!seen.mountIsOurs && !made) {
    const allowance = wanted.allow?.find(({ rule }) => rule === 'adopt-existing');
    return allowance === undefined
      ? refused(
          id,
          'adopt-existing',
          'it is there already, in an engine that was not made by this fleet',
          'choose another path, or take it over: `allow: [{ rule: adopt-existing, reason: … }]`',
        )
      : { id, action: 'adopt', fields: changes, reason: `taken over: ${allowance.reason}` };
  }
  return { id, action: changes.length === 0 ? 'none' : 'update', fields: changes };
}

/** Settings that can be put back. Every version that is still there may be used to read; the newest one writes. */
function settings(seen: Readonly<Record<string, unknown>>): RoleFields {
  return {
    deletion_allowed: false,
    auto_rotate_period: 0,
    min_decryption_version: Math.max(1, asNumber(seen['min_available_version'])),
    min_encryption_version: 0,
  };
}

async function applyKey(
  client: VaultClient,
  { change, resource, seen }: ReadyChange<EncryptionKeySpec, SeenEncryptionKey>,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  const path = keyPath(change.id);
  const post = (at: string, body: object): Promise<unknown> =>
    client.request({ method: 'POST', path: at, body, repeat: 'safe' });
  if (resource === undefined) {
    if (change.action === 'remove') {
      await post(`${path}/config`, { deletion_allowed: true });
      await client.request({ method: 'DELETE', path, repeat: 'safe' });
    }
    return {};
  }
  const { type } = resource.spec;
  if (seen === undefined) {
    await post(path, { type, exportable: false, allow_plaintext_backup: false, derived: false });
  } else {
    if (seen.fields['soft_deleted'] === true) {
      await post(`${path}/soft-delete-restore`, {});
    }
    await post(`${path}/config`, settings(seen.fields));
  }
  const { data } = await client.request({ method: 'GET', path });
  if (asText(data['type']) !== type) {
    // The server takes the making of a key that is there for done.
    throw new Failure({
      code: 'encryption-key-type',
      message: `${path} is a key of type ${asText(data['type'])}, not ${type}`,
      object: change.id,
      why: 'somebody else made it meanwhile',
      remedy: rename(resource.spec),
    });
  }
  return { record: { outputs: outputsOf(data) } };
}

function refused(id: ResourceId, code: string, reason: string, remedy: string): Change {
  return { id, action: 'refused', fields: [], reason, refusal: { code, remedy } };
}

function rename({ path }: EncryptionKeySpec): string {
  return `give the entry ${path} another path, and encrypt anew what the old key encrypted`;
}

/** What the engine takes for a name: letters, digits, `-`, `_` and `.`, no end of them a dot or a hyphen. */
function nameFault(name: string): string | undefined {
  return /^\w([\w.-]*\w)?$/.test(name)
    ? undefined
    : 'letters, digits, `_`, `-` and `.`, the last two not at either end';
}

function outputsOf(fields: Readonly<Record<string, unknown>>): { readonly version: string } {
  return { version: String(asNumber(fields['latest_version'])) };
}

function placeOf(id: ResourceId): { readonly mount: string; readonly name: string } {
  const { names } = parseResourceId(id);
  return { mount: names.slice(0, -1).join('/'), name: names.at(-1) ?? '' };
}

function keyPath(id: ResourceId): string {
  const { mount, name } = placeOf(id);
  return `${mount}/keys/${name}`;
}
