import type {
  Applied,
  ApplyContext,
  DiffContext,
  InventoryRecord,
  ReadyChange,
  ResourceKind,
} from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change } from '../../model/change.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { asText } from '../../stores/vault/reply.ts';
import { isMarked } from '../postgres/marked.ts';
import { formatMark, readMark } from '../process/mark.ts';
import { judgeOwnership, leavingChange, refused } from '../process/ownership.ts';
import { applyEach } from './apply-each.ts';
import type { DatabaseConnectionSpec } from './database-connection.spec.ts';
import { configBody, entranceChanges, ownFields, readConfig, tuningChanges } from './database-config.ts';
import type { SeenConfig } from './database-config.ts';
import { mountedAt } from './mounted.ts';

export interface SeenConnection extends SeenConfig {
  /** The mark that it bears. */
  readonly comment: string;
  /** The engine bears our fleet's mark: what is in it is ours. */
  readonly mountIsOurs: boolean;
}

/** `store/<Store>/database-connection/<mount>/<name>`: see `database-connection.spec.ts`. */
export const databaseConnectionKind: ResourceKind<VaultStore, DatabaseConnectionSpec, SeenConnection> = {
  kind: 'database-connection',
  targetKind: 'store',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe({ client }, wanted, recorded, context) {
    const mounts = await mountedAt(client, 'sys/mounts');
    const answers = new Map<ResourceId, Answer<SeenConnection>>();
    await Promise.all(
      [...new Set([...wanted, ...recorded].map(({ id }) => id))].map(async (id) => {
        const mount = mounts.get(placeOf(id).mount);
        const reply = mount === undefined ? undefined : await client.readIfPresent(pathOf(id));
        if (reply === undefined) {
          answers.set(id, absent);
          return;
        }
        const config = readConfig(reply.data);
        const comment = asText(config.details[ownFields.mark]);
        const mountIsOurs = readMark(mount?.description)?.fleet === context.fleet;
        answers.set(id, present({ ...config, comment, mountIsOurs }));
      }),
    );
    return answers;
  },

  diff: diffConnection,

  outputs: (resource) => ({ name: resource.spec.name }),

  apply: ({ client }, changes, io) => applyEach(changes, io, (change) => applyConnection(client, change, io)),
};

function diffConnection(
  wanted: Resource<DatabaseConnectionSpec> | undefined,
  seen: SeenConnection | undefined,
  recorded: InventoryRecord | undefined,
  { fleet }: DiffContext,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  const question = { fleet, id, comment: seen?.comment, wanted, recorded };
  const mark = readMark(seen?.comment);
  // Made again by hand in an engine of ours, or by us before the mark was lost: nobody else's.
  const unmarkedOurs = mark === undefined && (seen?.mountIsOurs === true || recorded?.state === 'present');
  if (wanted === undefined) {
    return leavingChange(unmarkedOurs ? { ...question, comment: formatMark({ fleet, id }) } : question, 'remove');
  }
  if (seen === undefined) {
    const { spec } = wanted;
    return { id, action: 'create', fields: [{ field: 'database', after: spec.database }] };
  }
  const ownership = unmarkedOurs ? ({ owner: 'us' } as const) : judgeOwnership(question);
  if (ownership.owner === 'other') {
    return refused(id, ownership);
  }
  const fields = [...entranceChanges(wanted.spec, seen), ...tuningChanges(wanted.spec, seen)];
  if (ownership.owner === 'adoptable') {
    return { id, action: 'adopt', fields, reason: ownership.why };
  }
  if (mark === undefined) {
    fields.push({ field: 'mark', after: 'written' });
  }
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

async function applyConnection(
  client: VaultClient,
  { change, resource, seen }: ReadyChange<DatabaseConnectionSpec, SeenConnection>,
  io: ApplyContext,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  const path = pathOf(change.id);
  if (resource === undefined) {
    if (change.action === 'remove') {
      await client.request({ method: 'DELETE', path, repeat: 'safe' });
    } else if (isMarked(seen?.comment, io.fleet, change.id)) {
      await write(client, path, { [ownFields.mark]: '' });
    }
    return {};
  }
  const { spec } = resource;
  const mark = formatMark({ fleet: io.fleet, id: change.id });
  const isSame = seen !== undefined && readMark(seen.comment) !== undefined && entranceChanges(spec, seen).length === 0;
  await write(client, path, {
    ...configBody(spec),
    [ownFields.mark]: mark,
    // A password that was handed over holds for the entrance that it was proven at.
    ...(isSame ? {} : { [ownFields.login]: '' }),
  });
  return { record: { mark, outputs: { name: spec.name } } };
}

/** Without logging in: the password may still be to come. Whoever hands it over verifies the connection. */
async function write(client: VaultClient, path: string, body: object): Promise<void> {
  await client.request({ method: 'POST', path, body: { ...body, verify_connection: false }, repeat: 'safe' });
}

function placeOf(id: ResourceId): { readonly mount: string; readonly name: string } {
  const { names } = parseResourceId(id);
  return { mount: names.slice(0, -1).join('/'), name: names.at(-1) ?? '' };
}

function pathOf(id: ResourceId): string {
  const { mount, name } = placeOf(id);
  return `${mount}/config/${name}`;
}
