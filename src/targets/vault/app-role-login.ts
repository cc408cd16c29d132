import type {
  Applied,
  ApplyContext,
  InventoryRecord,
  ReadyChange,
  ResourceKind,
  RunContext,
} from '../../engine/interfaces.ts';
import { absent, couldNotAsk, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { Secret } from '../../model/secret.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { asText, strings } from '../../stores/vault/reply.ts';
import { readEntries } from '../store/entries.ts';
import { formatMark } from '../process/mark.ts';
import { applyEach } from './apply-each.ts';
import type { AppRoleLoginSpec } from './app-role-login.spec.ts';
import { mountedAt } from './mounted.ts';

/** What the server has of a role's login: never a value. */
export interface SeenLogin {
  /** Of its secret ids. */
  readonly accessors: readonly string[];
  /** Keyed fingerprint of its role id. */
  readonly roleId: string;
}

/** `store/<Store>/app-role-login/<mount>/<role>`: see `app-role-login.spec.ts`. */
export const appRoleLoginKind: ResourceKind<VaultStore, AppRoleLoginSpec, SeenLogin> = {
  kind: 'app-role-login',
  targetKind: 'store',
  onRemoval: 'remove',
  ownership: 'file',

  async observe({ client }, wanted, recorded, context) {
    const methods = await mountedAt(client, 'sys/auth');
    const answers = new Map<ResourceId, Answer<SeenLogin>>();
    await Promise.all(
      [...new Set([...wanted, ...recorded].map(({ id }) => id))].map(async (id) => {
        answers.set(id, methods.has(placeOf(id).mount) ? await observeLogin(client, id, context) : absent);
      }),
    );
    return answers;
  },

  diff: diffLogin,

  apply: ({ client }, changes, io) => applyEach(changes, io, (ready) => applyLogin(client, ready, io)),
};

async function observeLogin(client: VaultClient, id: ResourceId, context: RunContext): Promise<Answer<SeenLogin>> {
  try {
    const accessors = await accessorsOf(client, id);
    const roleId = accessors.length === 0 ? undefined : await readRoleId(client, id);
    return roleId === undefined ? absent : present({ accessors, roleId: roleIdPrint(context, roleId) });
  } catch (error) {
    if (error instanceof Failure) {
      return couldNotAsk(error.message);
    }
    throw error;
  }
}

function diffLogin(
  wanted: Resource<AppRoleLoginSpec> | undefined,
  seen: SeenLogin | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet; every token that was got with it ends' };
  }
  const known = recorded?.state === 'present' ? recorded : undefined;
  if (seen === undefined) {
    const field: FieldChange = { field: 'secret id', after: 'registered' };
    return { id, action: 'create', fields: [known === undefined ? field : { ...field, before: 'destroyed by hand' }] };
  }
  if (known === undefined) {
    return { id, action: 'update', fields: [], reason: 'is recorded anew' };
  }
  const own = known.outputs?.['accessor'];
  const others = seen.accessors.filter((accessor) => accessor !== own).length;
  const isOwnThere = others < seen.accessors.length;
  const { version } = wanted.spec.entry;
  const fields: FieldChange[] = [
    ...(isOwnThere ? [] : [{ field: 'secret id', before: 'destroyed by hand', after: 'registered' }]),
    ...(others === 0 ? [] : [{ field: 'secret ids made by hand', before: String(others), after: 'none' }]),
    ...(seen.roleId === known.fingerprint
      ? []
      : [{ field: 'role id', before: 'changed by hand', after: 'as delivered' }]),
    ...(typeof version !== 'string' || version === known.version
      ? []
      : [{ field: 'entry', before: `version ${known.version}`, after: `version ${version}` }]),
  ];
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

async function applyLogin(
  client: VaultClient,
  { change, resource }: ReadyChange<AppRoleLoginSpec, SeenLogin>,
  io: ApplyContext,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  const { id } = change;
  if (resource === undefined) {
    await destroy(client, id, await accessorsOf(client, id));
    return {};
  }
  const { entry } = resource.spec;
  const { roleId, secretId } = await idsOf(id, resource.spec, io);
  const role = pathOf(id);
  if ((await readRoleId(client, id)) !== roleId.expose()) {
    await client.request({ method: 'POST', path: `${role}/role-id`, body: { role_id: roleId }, repeat: 'safe' });
  }
  const mark = formatMark({ fleet: io.fleet, id });
  const known = await registered(client, role, secretId);
  const accessor = known ?? (await register(client, role, secretId, mark));
  if (known === undefined) {
    await unlock(client, id, roleId);
  }
  const all = await accessorsOf(client, id);
  await destroy(
    client,
    id,
    all.filter((each) => each !== accessor),
  );
  return {
    record: {
      mark,
      version: versionOf(entry),
      fingerprint: roleIdPrint(io, roleId.expose()),
      outputs: { accessor },
    },
  };
}

async function idsOf(
  id: ResourceId,
  { entry }: AppRoleLoginSpec,
  io: ApplyContext,
): Promise<{ readonly roleId: Secret; readonly secretId: Secret }> {
  const address = { store: entry.store, path: entry.path, version: versionOf(entry) };
  const found = (await readEntries(io, new Map([['entry', address]]))).get('entry');
  if (found instanceof Failure) {
    throw found;
  }
  const [roleId, secretId] = ['role-id', 'secret-id'].map((key) => found?.data.get(key));
  if (roleId === undefined || secretId === undefined) {
    throw new Failure({
      code: 'login-incomplete',
      message: `${entry.path} of store ${entry.store} has no role-id or no secret-id`,
      object: id,
      remedy: 'keywright apply',
    });
  }
  return { roleId, secretId };
}

/** Accessor of a secret id that the server knows already: from before a crash, or from before the inventory was lost. */
async function registered(client: VaultClient, role: string, secretId: Secret): Promise<string | undefined> {
  const { data } = await client.request({
    method: 'POST',
    path: `${role}/secret-id/lookup`,
    body: { secret_id: secretId },
    repeat: 'safe',
  });
  return asText(data['secret_id_accessor']) || undefined;
}

async function register(client: VaultClient, role: string, secretId: Secret, mark: string): Promise<string> {
  const { data } = await client.request({
    method: 'POST',
    path: `${role}/custom-secret-id`,
    // The API wants a JSON text in the JSON.
    body: { secret_id: secretId, metadata: JSON.stringify({ keywright: mark }) },
  });
  return asText(data['secret_id_accessor']);
}

/** Whoever went on trying with ids that were not registered has locked the role: for minutes, right ones are refused too. */
async function unlock(client: VaultClient, id: ResourceId, roleId: Secret): Promise<void> {
  const accessor = (await mountedAt(client, 'sys/auth')).get(placeOf(id).mount)?.accessor ?? '';
  await client.request({
    method: 'POST',
    path: `sys/locked-users/${accessor}/unlock/${roleId.expose()}`,
    body: {},
    repeat: 'safe',
    // A server without locks, or a Keywright that may not unlock: it ends by itself.
    accept: [403, 404, 405],
  });
}

async function destroy(client: VaultClient, id: ResourceId, accessors: readonly string[]): Promise<void> {
  for (const accessor of accessors) {
    const body = { secret_id_accessor: accessor };
    await client.request({ method: 'POST', path: `${pathOf(id)}/secret-id-accessor/destroy`, body, repeat: 'safe' });
  }
}

/** None where the role itself is not there. */
async function accessorsOf(client: VaultClient, id: ResourceId): Promise<string[]> {
  const reply = await client.request({ method: 'LIST', path: `${pathOf(id)}/secret-id`, accept: [400, 404] });
  if (reply.status === 400 && !/does not exist/.test(reply.errors.join())) {
    throw new Failure({ code: 'vault-refused', message: reply.errors.join('; '), object: id, exitCode: 3 });
  }
  return strings(reply.data['keys']);
}

async function readRoleId(client: VaultClient, id: ResourceId): Promise<string | undefined> {
  const reply = await client.readIfPresent(`${pathOf(id)}/role-id`);
  return reply && asText(reply.data['role_id']);
}

/** Filled in before apply's turn comes. */
function versionOf({ version }: AppRoleLoginSpec['entry']): string {
  return typeof version === 'string' ? version : '';
}

function roleIdPrint({ fingerprint }: Pick<RunContext, 'fingerprint'>, roleId: string): string {
  return fingerprint('role-id', roleId);
}

function placeOf(id: ResourceId): { readonly mount: string; readonly role: string } {
  const { names } = parseResourceId(id);
  return { mount: names.slice(0, -1).join('/'), role: names.at(-1) ?? '' };
}

function pathOf(id: ResourceId): string {
  const { mount, role } = placeOf(id);
  return `auth/${mount}/role/${role}`;
}
