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
import type { Change } from '../../model/change.ts';
import { formatDuration } from '../../model/duration.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { OutputValue, Resource } from '../../model/resource.ts';
import { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { EntryInfo, SecretEntry } from '../../stores/backend.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { VaultRefusal } from '../../stores/vault/failures.ts';
import { asNumber, asText, strings } from '../../stores/vault/reply.ts';
import { compareContent, entryFingerprint } from '../store/entry-fingerprint.ts';
import { readPresent } from '../store/entries.ts';
import { judgeOwnership, markedMetadata, markOf, metadataNames, ownershipOf } from '../store/mark.ts';
import type { Ownership } from '../store/mark.ts';
import { applyRemovals, leavingAnswer } from '../store/removal.ts';
import { applyEach } from './apply-each.ts';
import { tokenPath } from './token.spec.ts';
import type { TokenSpec } from './token.spec.ts';

const keys = { token: 'token', accessor: 'accessor' } as const;

/** A token as the server knows it. */
interface LiveToken {
  readonly role: string;
  readonly policies: readonly string[];
  readonly isOrphan: boolean;
  readonly isRenewable: boolean;
  readonly ttlSeconds: number;
}

/** What the store says of a token's entry, and the server of the token. */
export interface SeenToken {
  readonly version: string;
  readonly owner: Ownership;
  readonly content: 'same' | 'different' | 'unknown';
  /** Undefined: the server does not know it any more, or its entry is deleted. */
  readonly live?: LiveToken;
  readonly outputs?: Readonly<Record<string, OutputValue>>;
}

type Done = Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>;
type TokenChange = ReadyChange<TokenSpec, SeenToken>;

/** `store/<Store>/token/<name>`: see `token.spec.ts`. */
export const tokenKind: ResourceKind<VaultStore, TokenSpec, SeenToken> = {
  kind: 'token',
  targetKind: 'store',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe(store, wanted, recorded, context) {
    const wantedIds = new Set(wanted.map(({ id }) => id));
    const leaving = recorded.filter(({ id }) => !wantedIds.has(id));
    const pathOf = ({ id }: { readonly id: ResourceId }): string => entryPath(context, id);
    const infos = await store.infoMany([...wanted, ...leaving].map(pathOf));
    const entries = await readPresent(
      store,
      wanted.map(pathOf).filter((path) => infos.has(path)),
    );
    const answers = new Map<ResourceId, Answer<SeenToken>>();
    for (const record of leaving) {
      const bare = ({ version }: EntryInfo): SeenToken => ({ version, owner: { by: 'us' }, content: 'unknown' });
      answers.set(record.id, leavingAnswer(context.fleet, record, infos.get(pathOf(record)), bare));
    }
    await Promise.all(
      wanted.map(async (resource) => {
        const path = pathOf(resource);
        answers.set(resource.id, await look(store.client, resource.id, infos.get(path), entries.get(path), context));
      }),
    );
    return answers;
  },

  diff(wanted, seen, recorded, context) {
    if (wanted === undefined) {
      const { id, reclaimPolicy } = recorded as InventoryRecord;
      return reclaimPolicy === 'retain'
        ? { id, action: 'retain', fields: [], reason: 'left the fleet; nobody renews it any more' }
        : { id, action: 'remove', fields: [], reason: 'left the fleet; it is revoked' };
    }
    const { id, spec } = wanted;
    if (seen === undefined) {
      const period = { field: 'period', after: formatDuration(spec.periodSeconds * 1000) };
      return { id, action: 'create', fields: [{ field: 'policies', after: allPolicies(spec).join(', ') }, period] };
    }
    const claim = judgeOwnership(wanted, entryPath(context, id), seen.owner, recorded?.state);
    if (claim.as === 'refused') {
      return claim.change;
    }
    return claim.as === 'adopted'
      ? { id, action: 'adopt', fields: [], reason: 'takes over what is there' }
      : keeping(wanted, seen, recorded);
  },

  outputs: (_resource, { outputs }) => outputs ?? {},

  async *apply(store, changes, io) {
    yield* revokeAll(
      store,
      changes.filter(({ resource }) => resource === undefined),
      io,
    );
    yield* applyEach(
      changes.filter(({ resource }) => resource !== undefined),
      io,
      (change) => applyToken(store, change, io),
    );
  },
};

async function look(
  client: VaultClient,
  id: ResourceId,
  info: EntryInfo | undefined,
  entry: SecretEntry | undefined,
  context: RunContext,
): Promise<Answer<SeenToken>> {
  if (info === undefined) {
    return absent;
  }
  const { version, path, metadata } = info;
  const owner = ownershipOf(metadata, context.fleet, id);
  if (entry === undefined) {
    return present({ version, owner, content: 'unknown' });
  }
  const content = compareContent(context.fingerprint, metadata[metadataNames.fingerprint], path, entry.data);
  try {
    const live = await lookUp(client, entry);
    const outputs = live && outputsOf(version, live.ttlSeconds, context.environment.now());
    return present({ version, owner, content, live, outputs });
  } catch (error) {
    if (error instanceof Failure) {
      return couldNotAsk(error.message);
    }
    throw error;
  }
}

/** Why a token has to be made anew; none when it serves. */
function faultsOf({ policies, role }: TokenSpec, { content, live }: SeenToken): readonly string[] {
  if (live === undefined) {
    return ['it is gone'];
  }
  return [
    ...(content === 'different' ? ['its entry was changed by hand'] : []),
    ...(live.role === role ? [] : [`it was not made by the role ${role}`]),
    ...(live.policies.join() === allPolicies({ policies }).join() ? [] : ['its policies are others than declared']),
    ...(live.isOrphan && live.isRenewable ? [] : ['it ends with another token, or cannot be renewed']),
  ];
}

function keeping({ id, spec }: Resource<TokenSpec>, seen: SeenToken, recorded: InventoryRecord | undefined): Change {
  const faults = faultsOf(spec, seen);
  if (faults.length > 0) {
    const field = {
      field: 'token',
      before: 'former',
      after: 'a new one',
      note: 'the former one ends unless it is renewed',
    };
    return { id, action: 'update', fields: [field], reason: faults.join('; ') };
  }
  const left = seen.live?.ttlSeconds ?? 0;
  if (isDue(spec, left)) {
    return { id, action: 'update', fields: [], reason: `is renewed: it ends in ${formatDuration(left * 1000)}` };
  }
  const before = recorded?.outputs?.['version'];
  const reasons = [
    ...(seen.content === 'unknown' || seen.owner.by !== 'us' ? ['its mark and fingerprint are made anew'] : []),
    ...(before === undefined || before === seen.version ? [] : ['its version is recorded anew']),
  ];
  return reasons.length === 0
    ? { id, action: 'none', fields: [] }
    : { id, action: 'update', fields: [], reason: reasons.join('; ') };
}

/** Below a third of its period, or longer than the period that its role gives now. */
function isDue({ periodSeconds }: TokenSpec, leftSeconds: number): boolean {
  return leftSeconds < periodSeconds / 3 || leftSeconds > periodSeconds;
}

async function applyToken(store: VaultStore, change: TokenChange, io: ApplyContext): Promise<Done> {
  const { id, spec } = change.resource as Resource<TokenSpec>;
  const path = entryPath(io, id);
  const entry = (await readPresent(store, [path])).get(path);
  const { seen } = change;
  const serves =
    entry !== undefined && seen !== undefined && entry.version === seen.version && faultsOf(spec, seen).length === 0;
  if (!serves) {
    return make(store, change, entry, io);
  }
  const left = seen.live?.ttlSeconds ?? 0;
  const ttlSeconds = isDue(spec, left) ? await renew(store.client, entry) : left;
  const fingerprint = entryFingerprint(io.fingerprint, path, entry.data);
  const metadata = markedMetadata(entry.metadata, io.fleet, id, { fingerprint });
  if (JSON.stringify(metadata) !== JSON.stringify(entry.metadata)) {
    io.guard();
    await store.writeMetadata(path, metadata);
  }
  return done(io, id, entry.version, ttlSeconds);
}

/** A token that a killed run made and did not write down is renewed by nobody, and ends. */
async function make(
  store: VaultStore,
  { resource }: TokenChange,
  current: SecretEntry | undefined,
  io: ApplyContext,
): Promise<Done> {
  const { id, spec } = resource as Resource<TokenSpec>;
  const mark = markOf(io.fleet, id);
  io.guard();
  const { auth } = await store.client.request({
    method: 'POST',
    path: `auth/token/create/${spec.role}`,
    body: { display_name: 'keywright', meta: { keywright: mark } },
  });
  if (auth === undefined) {
    throw new Failure({ code: 'token-not-made', message: `role ${spec.role} gave no token`, object: id });
  }
  const data = new Map([
    [keys.token, new Secret(auth.clientToken)],
    [keys.accessor, new Secret(auth.accessor)],
  ]);
  const path = entryPath(io, id);
  const fingerprint = entryFingerprint(io.fingerprint, path, data);
  const metadata = markedMetadata(current?.metadata ?? {}, io.fleet, id, { fingerprint });
  try {
    const { version } = await store.write({ path, data, metadata, expect: current?.version ?? 'absent' });
    return done(io, id, version, auth.leaseSeconds);
  } catch (error) {
    // Nobody will ever hold it.
    await revoke(store.client, new Secret(auth.accessor));
    if (error instanceof CheckAndSetConflict) {
      throw new Failure({
        code: 'store-conflict',
        message: error.message,
        object: id,
        remedy: 'run the command again: it starts from what is there now',
      });
    }
    throw error;
  }
}

/** Seconds that it lives from now on. */
async function renew(client: VaultClient, entry: SecretEntry): Promise<number> {
  const { auth } = await client.request({
    method: 'POST',
    path: 'auth/token/renew-accessor',
    body: { accessor: entry.data.get(keys.accessor) },
    repeat: 'safe',
  });
  return auth?.leaseSeconds ?? 0;
}

/** Tokens that left the fleet end before their entries go, so that none is left that nobody knows of. */
async function* revokeAll(
  store: VaultStore,
  changes: readonly TokenChange[],
  io: ApplyContext,
): AsyncIterable<Applied> {
  const pathOf = ({ change }: TokenChange): string => entryPath(io, change.id);
  const removed = changes.filter(({ change }) => change.action === 'remove');
  const entries = await readPresent(store, removed.map(pathOf));
  for (const change of removed) {
    const entry = entries.get(pathOf(change));
    const accessor = entry?.data.get(keys.accessor);
    if (accessor !== undefined) {
      io.guard();
      await revoke(store.client, accessor);
    }
  }
  yield* applyRemovals(store, changes, io, pathOf);
}

async function revoke(client: VaultClient, accessor: Secret): Promise<void> {
  await client.request({ method: 'POST', path: 'auth/token/revoke-accessor', body: { accessor }, repeat: 'safe' });
}

async function lookUp(client: VaultClient, entry: SecretEntry): Promise<LiveToken | undefined> {
  const accessor = entry.data.get(keys.accessor);
  if (accessor === undefined) {
    return undefined;
  }
  try {
    const { data } = await client.request({
      method: 'POST',
      path: 'auth/token/lookup-accessor',
      body: { accessor },
      repeat: 'safe',
    });
    return {
      role: asText(data['role']),
      policies: strings(data['policies']).toSorted(),
      isOrphan: data['orphan'] === true,
      isRenewable: data['renewable'] === true && asNumber(data['explicit_max_ttl']) === 0,
      ttlSeconds: asNumber(data['ttl']),
    };
  } catch (error) {
    if (error instanceof VaultRefusal && error.says('invalid accessor')) {
      return undefined;
    }
    throw error;
  }
}

function done(io: ApplyContext, id: ResourceId, version: string, ttlSeconds: number): Done {
  return {
    record: { mark: markOf(io.fleet, id), version, outputs: outputsOf(version, ttlSeconds, io.environment.now()) },
  };
}

function outputsOf(version: string, ttlSeconds: number, now: Date): Readonly<Record<string, OutputValue>> {
  return { version, expires: new Date(now.getTime() + ttlSeconds * 1000).toISOString() };
}

function allPolicies({ policies }: Pick<TokenSpec, 'policies'>): string[] {
  return [...new Set(['default', ...policies])].toSorted();
}

function entryPath({ fleet }: { readonly fleet: string }, id: ResourceId): string {
  return tokenPath(fleet, parseResourceId(id).names.join('/'));
}
