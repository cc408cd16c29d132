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
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { generateValue } from '../../stores/generate.ts';
import { vaultClientOf } from '../../stores/vault/client-of.ts';
import { readPresent } from '../store/entries.ts';
import { markedMetadata, ownershipOf } from '../store/mark.ts';
import { formatMark } from '../process/mark.ts';
import { issueLease, lookUpLease, renewLease, revokeLease } from '../vault/database-lease.ts';
import { oneByOne } from './bulk.ts';
import { dropLeaseRoles, endedAt, issueLogin, leaseRoleName, leaseRoles, sweepLeases } from './lease-login.ts';
import { needOf, type CurrentLease, type LeaseSeen, type Need } from './lease-need.ts';
import { differs } from './marked.ts';
import type { LeaseSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';
import { ident, literal } from './sql.ts';

export { issueLogin, leaseRoleName, sweepLeases } from './lease-login.ts';

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
      const current = entry === undefined ? undefined : await currentOf(entry, place, id, context);
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

type Place = Pick<LeaseSpec, 'store' | 'path' | 'group' | 'engine'>;

function placeOfRecord({ removal }: Pick<InventoryRecord, 'removal'>): Place {
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

async function currentOf(
  entry: SecretEntry,
  { store, engine }: Place,
  id: ResourceId,
  context: RunContext,
): Promise<CurrentLease> {
  const lease = engine === undefined ? undefined : entry.data.get('lease')?.expose();
  const times = lease && (await lookUpLease(vaultClientOf(await context.store(store), store), lease));
  return {
    username: entry.data.get('username')?.expose() ?? '',
    version: entry.version,
    issued: times ? times.issued.toISOString() : (entry.metadata[leaseMetadata.issued] ?? ''),
    expires: times ? times.expires.toISOString() : (entry.metadata[leaseMetadata.expires] ?? ''),
    metadata: entry.metadata,
    ownedBy: ownershipOf(entry.metadata, context.fleet, id).by === 'us' ? 'us' : 'others',
    ...(lease && times ? { lease, granted: times.expires.getTime() - times.renewed.getTime() } : {}),
  };
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
    const record = await replace(session, id, spec, current, io);
    await leaveFormerPlace(id, spec, recorded, io);
    return record;
  }
  const expires = need.do === 'renew' ? await renew(session, spec, current, io) : new Date(current.expires);
  if (expires.getTime() - now.getTime() < spec.ttlMilliseconds / 3) {
    // The engine allows less than the fleet: it would be renewed at every look, and end all the same.
    return replace(session, id, spec, current, io);
  }
  io.guard();
  await session.transaction('postgres', async (send) => {
    await send(`ALTER ROLE ${ident(current.username)} WITH CONNECTION LIMIT ${spec.connectionLimit ?? -1}`);
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

/** An access that moved to another store has a new login there; the entry of its old one would stay for ever. */
async function leaveFormerPlace(
  id: ResourceId,
  spec: LeaseSpec,
  recorded: InventoryRecord | undefined,
  io: ApplyContext,
): Promise<void> {
  const { store, path } = placeOfRecord({ removal: recorded?.removal });
  if (store === '' || (store === spec.store && path === spec.path)) {
    return;
  }
  const backend = await io.store(store);
  const [entry] = (await readPresent(backend, [path])).values();
  if (entry !== undefined && ownershipOf(entry.metadata, io.fleet, id).by === 'us') {
    io.guard();
    await backend.destroy(path);
  }
}

/** A later end of the same login. */
async function renew(session: PgSession, spec: LeaseSpec, current: CurrentLease, io: ApplyContext): Promise<Date> {
  io.guard();
  if (spec.engine !== undefined) {
    const client = vaultClientOf(await io.store(spec.store), spec.store);
    const times = await renewLease(client, current.lease ?? '', Math.ceil(spec.ttlMilliseconds / 1000));
    return times?.expires ?? new Date(0);
  }
  const last = Date.parse(current.issued) + spec.maxTtlMilliseconds;
  const expires = new Date(Math.min(io.environment.now().getTime() + spec.ttlMilliseconds, last));
  await session.transaction('postgres', async (send) => {
    await send(`ALTER ROLE ${ident(current.username)} WITH VALID UNTIL ${literal(expires.toISOString())}`);
  });
  return expires;
}

/** A new login beside the old one, which ends by itself: what consumers hold goes on working until then. */
async function replace(
  session: PgSession,
  id: ResourceId,
  spec: LeaseSpec,
  current: CurrentLease | undefined,
  io: ApplyContext,
): Promise<Extract<Applied, { outcome: 'done' }>['record']> {
  if (spec.engine !== undefined) {
    return replaceByEngine(session, id, { ...spec, engine: spec.engine }, current, io);
  }
  const random = (length: number): Uint8Array => io.environment.randomBytes(length);
  const now = io.environment.now();
  const username = leaseRoleName(spec.group, random);
  const password = generateValue({ password: 32 }, random);
  const expires = new Date(now.getTime() + Math.min(spec.ttlMilliseconds, spec.maxTtlMilliseconds));
  const backend = await io.store(spec.store);
  io.guard();
  const { version } = await writeLease(backend, session.fleet, id, spec, {
    data: { username: new Secret(username), password },
    current,
    issued: now,
    expires,
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

/**
 * The same with a login that the store's engine makes. A run that is killed between its answer and our writing leaves a
 * lease that nobody holds; it ends by itself.
 */
async function replaceByEngine(
  session: PgSession,
  id: ResourceId,
  spec: LeaseSpec & { readonly engine: NonNullable<LeaseSpec['engine']> },
  current: CurrentLease | undefined,
  io: ApplyContext,
): Promise<Extract<Applied, { outcome: 'done' }>['record']> {
  const backend = await io.store(spec.store);
  const client = vaultClientOf(backend, spec.store);
  io.guard();
  const lease = await issueLease(client, spec.engine, spec.maxTtlMilliseconds);
  try {
    const times = await lookUpLease(client, lease.id);
    const issued = times?.issued ?? io.environment.now();
    const expires = times?.expires ?? issued;
    const data = { username: new Secret(lease.username), password: lease.password, lease: new Secret(lease.id) };
    const { version } = await writeLease(backend, session.fleet, id, spec, { data, current, issued, expires });
    session.forget();
    const role = (await session.cluster()).roles.get(lease.username);
    const fingerprint = role?.password ?? undefined;
    return recordOf(session.fleet, id, spec, { version, username: lease.username, expires, fingerprint });
  } catch (error) {
    await revokeLease(client, lease.id).catch(() => {});
    throw error;
  }
}

function writeLease(
  backend: SecretBackend,
  fleet: string,
  id: ResourceId,
  { path }: LeaseSpec,
  lease: {
    readonly data: Readonly<Record<string, Secret>>;
    readonly current: CurrentLease | undefined;
    readonly issued: Date;
    readonly expires: Date;
  },
): Promise<{ readonly version: string }> {
  return backend.write({
    path,
    data: new Map(Object.entries(lease.data)),
    expect: lease.current?.version ?? 'absent',
    metadata: {
      ...markedMetadata(lease.current?.metadata ?? {}, fleet, id, {}),
      [leaseMetadata.issued]: lease.issued.toISOString(),
      [leaseMetadata.expires]: lease.expires.toISOString(),
    },
  });
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
