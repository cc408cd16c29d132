import type {
  Applied,
  ApplyContext,
  DiffContext,
  InventoryRecord,
  ReadyChange,
  ResourceKind,
  RunContext,
} from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { OutputValue } from '../../model/resource.ts';
import { Secret } from '../../model/secret.ts';
import type { EntryInfo, SecretEntry } from '../../stores/backend.ts';
import { generateValue } from '../../stores/generate.ts';
import { readPresent } from '../store/entries.ts';
import { markedMetadata, ownershipOf } from '../store/mark.ts';
import { formatMark } from '../process/mark.ts';
import { oneByOne } from './bulk.ts';
import type { SeenRole } from './cluster-snapshot.ts';
import { dropLeaseRoles, endedAt, issueLogin, leaseRoleName, leaseRoles, sweepLeases } from './lease-login.ts';
import { differs } from './marked.ts';
import type { LeaseSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';
import { ident, literal } from './sql.ts';

export { issueLogin, leaseRoleName, sweepLeases } from './lease-login.ts';

/** The credential that consumers hold now, as the store tells. */
export interface CurrentLease {
  readonly username: string;
  readonly version: string;
  /** ISO 8601. */
  readonly issued: string;
  readonly expires: string;
  readonly metadata: EntryInfo['metadata'];
  readonly ownedBy: 'us' | 'others';
}

export interface LeaseSeen {
  readonly current?: CurrentLease;
  /** Every login that bears the lease's mark, ended ones too. */
  readonly roles: readonly SeenRole[];
  /** The current login is a member of the access's group. */
  readonly isMember: boolean;
}

/** Names of metadata of the lease's entry, beside the mark: when it was issued and when it ends, ISO 8601. */
const leaseMetadata = { issued: 'issued', expires: 'expires' } as const;

/** `postgres/<name>/lease/<access>`: see `postgres.spec.ts`. */
export const leaseKind: ResourceKind<PgSession, LeaseSpec, LeaseSeen> = {
  kind: 'lease',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe(session, wanted, recorded, context) {
    const places = new Map<ResourceId, Place>([
      ...recorded.map((record) => [record.id, placeOfRecord(record)] as const),
      ...wanted.map(({ id, spec }) => [id, spec] as const),
    ]);
    const entries = await readEntriesOf([...places.values()], context);
    const { memberships } = await session.cluster();
    const answers = new Map<ResourceId, Answer<LeaseSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const place = places.get(id) as Place;
      const roles = await leaseRoles(session, id);
      const entry = entries.get(`${place.store} ${place.path}`);
      const current = entry === undefined ? undefined : currentOf(entry, context.fleet, id);
      const isMember = memberships.some(({ role, member }) => role === place.group && member === current?.username);
      answers.set(id, entry === undefined && roles.length === 0 ? absent : present({ current, roles, isMember }));
    }
    return answers;
  },

  diff: diffLease,

  outputs: (_resource, { current }): Readonly<Record<string, OutputValue>> =>
    current === undefined ? {} : { version: current.version, username: current.username, expires: current.expires },

  async *apply(session, changes, io) {
    yield* oneByOne(io, changes, async (change) => ({ done: await applyLease(session, change, io) }));
  },
};

type Place = Pick<LeaseSpec, 'store' | 'path' | 'group'>;

function placeOfRecord({ removal }: InventoryRecord): Place {
  const text = (name: string): string => String(removal?.[name] ?? '');
  return { store: text('store'), path: text('path'), group: text('group') };
}

async function readEntriesOf(
  places: readonly Place[],
  context: Pick<RunContext, 'store'>,
): Promise<ReadonlyMap<string, SecretEntry>> {
  const entries = new Map<string, SecretEntry>();
  for (const [store, ofStore] of Map.groupBy(
    places.filter((place) => place.store !== ''),
    (place) => place.store,
  )) {
    for (const [path, entry] of await readPresent(
      await context.store(store),
      ofStore.map((place) => place.path),
    )) {
      entries.set(`${store} ${path}`, entry);
    }
  }
  return entries;
}

function currentOf(entry: SecretEntry, fleet: string, id: ResourceId): CurrentLease {
  return {
    username: entry.data.get('username')?.expose() ?? '',
    version: entry.version,
    issued: entry.metadata[leaseMetadata.issued] ?? '',
    expires: entry.metadata[leaseMetadata.expires] ?? '',
    metadata: entry.metadata,
    ownedBy: ownershipOf(entry.metadata, fleet, id).by === 'us' ? 'us' : 'others',
  };
}

/** What a lease needs: nothing, a later end, or another login. Each has its reasons. */
type Need = { readonly do: 'nothing' | 'renew' } | { readonly do: 'replace'; readonly why: string };

function needOf(spec: LeaseSpec, seen: LeaseSeen, recorded: InventoryRecord | undefined, now: Date): Need {
  const { current, roles, isMember } = seen;
  if (current === undefined) {
    return { do: 'replace', why: 'the store holds no credential' };
  }
  const role = roles.find(({ name }) => name === current.username);
  const end = Date.parse(current.expires);
  if (role === undefined || !role.login) {
    return { do: 'replace', why: `the login ${current.username} is not there` };
  }
  if (role.validUntil === null || Math.abs(Date.parse(role.validUntil) - end) > 1000) {
    return { do: 'replace', why: `the end of ${current.username} was changed by hand` };
  }
  if (!isMember) {
    return { do: 'replace', why: `${current.username} is no member of ${spec.group}` };
  }
  if (
    recorded?.fingerprint !== undefined &&
    recorded.version === current.version &&
    recorded.fingerprint !== role.password
  ) {
    return { do: 'replace', why: `the password of ${current.username} was changed by hand` };
  }
  if (recorded?.version !== undefined && recorded.version !== current.version) {
    return { do: 'replace', why: 'the entry was changed by hand, or not recorded' };
  }
  const third = spec.ttlMilliseconds / 3;
  if (end - now.getTime() >= third) {
    return { do: 'nothing' };
  }
  if (end <= now.getTime()) {
    return { do: 'replace', why: `it ended at ${current.expires}` };
  }
  const lastEnd = Date.parse(current.issued) + spec.maxTtlMilliseconds;
  return lastEnd - now.getTime() > third ? { do: 'renew' } : { do: 'replace', why: 'it may not be renewed any longer' };
}

function diffLease(
  wanted: ReadyChange<LeaseSpec, LeaseSeen>['resource'],
  seen: LeaseSeen | undefined,
  recorded: InventoryRecord | undefined,
  { now }: DiffContext,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet; its logins end at once' };
  }
  if (seen === undefined) {
    return { id, action: 'create', fields: [{ field: 'ttl', after: `${wanted.spec.ttlMilliseconds / 1000} s` }] };
  }
  if (seen.current?.ownedBy === 'others') {
    return {
      id,
      action: 'refused',
      fields: [],
      reason: `${wanted.spec.path} holds something else`,
      refusal: { code: 'path-taken', remedy: 'move what is there to another path' },
    };
  }
  const need = needOf(wanted.spec, seen, recorded, now);
  const role = seen.roles.find(({ name }) => name === seen.current?.username);
  const fields: FieldChange[] = [
    ...(need.do === 'renew' ? [{ field: 'end', before: seen.current?.expires, note: 'renewed' }] : []),
    ...(need.do === 'replace'
      ? [{ field: 'login', before: seen.current?.username, note: `replaced: ${need.why}` }]
      : []),
    ...(role === undefined || need.do === 'replace'
      ? []
      : differs('connection limit', role.connectionLimit, wanted.spec.connectionLimit ?? -1)),
    ...endedAt(seen.roles, now).map(({ name }) => ({ field: 'ended login', before: name, note: 'removed' })),
  ];
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

async function applyLease(
  session: PgSession,
  { resource, seen, recorded, change }: ReadyChange<LeaseSpec, LeaseSeen>,
  io: ApplyContext,
): Promise<Extract<Applied, { outcome: 'done' }>['record']> {
  const guard = (): void => io.guard();
  if (resource === undefined) {
    await dropLeaseRoles(
      session,
      (await leaseRoles(session, change.id)).map(({ name }) => name),
      guard,
    );
    const { store, path } = placeOfRecord(recorded as InventoryRecord);
    if (seen?.current?.ownedBy === 'us') {
      io.guard();
      await (await io.store(store)).destroy(path);
    }
    return undefined;
  }
  const { id, spec } = resource;
  const now = io.environment.now();
  await sweepLeases(session, { lease: id, now, guard });
  const need: Need = seen === undefined ? { do: 'replace', why: 'it is new' } : needOf(spec, seen, recorded, now);
  const current = seen?.current;
  if (need.do === 'replace' || current === undefined) {
    return replace(session, resource.id, spec, current, io);
  }
  const expires = need.do === 'renew' ? renewedEnd(spec, current, now) : new Date(current.expires);
  io.guard();
  await session.transaction('postgres', async (send) => {
    await send(
      `ALTER ROLE ${ident(current.username)} WITH CONNECTION LIMIT ${spec.connectionLimit ?? -1} ` +
        `VALID UNTIL ${literal(expires.toISOString())}`,
    );
  });
  const backend = await io.store(spec.store);
  // The role lasts at least as long as the store says, whenever the run is killed.
  await backend.writeMetadata(spec.path, { ...current.metadata, [leaseMetadata.expires]: expires.toISOString() });
  return recordOf(session.fleet, id, spec, {
    version: current.version,
    username: current.username,
    expires,
    fingerprint: recorded?.fingerprint,
  });
}

function renewedEnd(spec: LeaseSpec, current: CurrentLease, now: Date): Date {
  const last = Date.parse(current.issued) + spec.maxTtlMilliseconds;
  return new Date(Math.min(now.getTime() + spec.ttlMilliseconds, last));
}

/** A new login beside the old one, which ends by itself: what consumers hold goes on working until then. */
async function replace(
  session: PgSession,
  id: ResourceId,
  spec: LeaseSpec,
  current: CurrentLease | undefined,
  io: ApplyContext,
): Promise<Extract<Applied, { outcome: 'done' }>['record']> {
  const random = (length: number): Uint8Array => io.environment.randomBytes(length);
  const now = io.environment.now();
  const username = leaseRoleName(spec.group, random);
  const password = generateValue({ password: 32 }, random);
  const expires = new Date(now.getTime() + Math.min(spec.ttlMilliseconds, spec.maxTtlMilliseconds));
  const backend = await io.store(spec.store);
  io.guard();
  const { version } = await backend.write({
    path: spec.path,
    data: new Map([
      ['username', new Secret(username)],
      ['password', password],
    ]),
    expect: current?.version ?? 'absent',
    metadata: {
      ...markedMetadata(current?.metadata ?? {}, session.fleet, id, {}),
      [leaseMetadata.issued]: now.toISOString(),
      [leaseMetadata.expires]: expires.toISOString(),
    },
  });
  io.guard();
  const fingerprint = await issueLogin(
    session,
    {
      lease: id,
      name: username,
      group: spec.group,
      password,
      expires,
      connectionLimit: spec.connectionLimit,
      setRole: spec.setRole,
    },
    random,
  );
  return recordOf(session.fleet, id, spec, { version, username, expires, fingerprint });
}

function recordOf(
  fleet: string,
  id: ResourceId,
  { store, path, group }: LeaseSpec,
  made: { readonly version: string; readonly username: string; readonly expires: Date; readonly fingerprint?: string },
): Extract<Applied, { outcome: 'done' }>['record'] {
  const { version, username, fingerprint } = made;
  return {
    mark: formatMark({ fleet, id }),
    version,
    fingerprint,
    outputs: { version, username, expires: made.expires.toISOString() },
    removal: { store, path, group },
  };
}
