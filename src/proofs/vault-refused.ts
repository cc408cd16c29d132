import type { Measurement } from '../model/claim.ts';
import { patternMatches } from '../model/path-pattern.ts';
import type { VaultCall } from '../stores/vault/call.ts';
import { broken, held } from './measurer.ts';
import { entriesOf } from './vault-entries.ts';
import { ask, asConsumer, type StoreSession } from './vault-session.ts';
import type { StoreIdentitySpec } from './vault.spec.ts';
import { exampleOf, impossibleVersion, probeName } from './vault-writes.ts';

/** Entries of others that are asked about, nearest first: one request takes twice as many paths. */
const mostOthers = 400;

/** Another service's entries, another environment's, Keywright's own: none can be reached in any way. */
export const storeRefusedOthersMeasurer = asConsumer(async (spec, session, tools) => {
  const { kv } = spec.mounts;
  const own = [...readPatterns(spec), ...spec.writes];
  const isOwn = (path: string): boolean =>
    own.some((pattern) => patternMatches(pattern, path) && !(pattern === '**' && path.startsWith('keywright/')));
  const all = (await entriesOf(tools.run, spec.store)).filter((path) => !isOwn(path));
  const others = nearest(all, own).slice(0, mostOthers);
  const paths = [...others.flatMap((path) => [`${kv}/data/${path}`, `${kv}/metadata/${path}`]), ...spec.others];
  const tried = [others[0], others.find((path) => path.startsWith('keywright/'))];
  const calls = tried.flatMap((path) => (path === undefined ? [] : [get(`${kv}/data/${path}`)]));
  const words = `${others.length} of ${all.length} entries and ${spec.others.length} paths of engines that are not for it`;
  // What it only writes may come from others, too.
  const blind = spec.writes.filter(
    (each) => !readPatterns(spec).some((pattern) => patternMatches(pattern, exampleOf(each))),
  );
  const written = new Set(blind.map((pattern) => `${kv}/data/${exampleOf(pattern)}`));
  const isTooMuch = (can: readonly string[], path: string): boolean =>
    written.has(path) ? can.includes('read') || can.includes('root') : isAnything(can);
  return refusedAll(session, [...paths, ...written], calls, words, isTooMuch);
});

/** Names in a store tell who else is there: only what it may read as a whole can be listed. */
export const storeRefusedListMeasurer = asConsumer(async (spec, session) => {
  const { kv, database, transit } = spec.mounts;
  const subtrees = spec.reads.flatMap((read) => ('subtree' in read ? [read.list] : []));
  const folders = [...readPatterns(spec), ...spec.writes]
    .flatMap(foldersAbove)
    .map((folder) => `${kv}/metadata/${folder}`);
  const closed = [`${kv}/metadata/`, ...folders].filter((path) => !subtrees.some((open) => path.startsWith(open)));
  const elsewhere = [
    `${kv}/detailed-metadata/`,
    'sys/policies/acl/',
    `auth/${spec.mount}/role/`,
    `auth/${spec.mount}/certs/`,
    'identity/entity/id/',
    `${database}/roles/`,
    `${transit}/keys/`,
  ];
  const calls: VaultCall[] = closed.slice(0, 1).map((path) => ({ method: 'LIST', path }));
  const list = (can: readonly string[]): boolean => can.some((word) => ['list', 'scan', 'root'].includes(word));
  return refusedAll(session, [...new Set([...closed, ...elsewhere])], calls, 'lists', list);
});

/** Nothing is changed beyond what the fleet lets it write, and nothing deleted at all. */
export const storeRefusedWriteMeasurer = asConsumer(async (spec, session) => {
  const { kv } = spec.mounts;
  const reads = readPatterns(spec).map(exampleOf);
  const readOnly = reads.filter((path) => !spec.writes.some((pattern) => patternMatches(pattern, path)));
  const all = [...new Set([...reads, ...spec.writes.map(exampleOf)])];
  const beside = ['metadata', 'delete', 'undelete', 'destroy'];
  const paths = [
    ...all.map((path) => `${kv}/data/${path}`),
    ...all.flatMap((path) => beside.map((what) => `${kv}/${what}/${path}`)),
    `${kv}/config`,
  ];
  const writable = new Set(spec.writes.map((pattern) => `${kv}/data/${exampleOf(pattern)}`));
  const readOnlyPaths = new Set(readOnly.map((path) => `${kv}/data/${path}`));
  const changes = (can: readonly string[], path: string): boolean => {
    const isFree = writable.has(path) || (path.startsWith(`${kv}/data/`) && !readOnlyPaths.has(path));
    const forbidden = isFree ? ['delete', 'sudo', 'root'] : ['create', 'update', 'patch', 'delete', 'sudo', 'root'];
    return can.some((word) => forbidden.includes(word));
  };
  const [first] = readOnly;
  const [any] = all;
  const calls: VaultCall[] = [
    ...(first === undefined ? [] : [post(`${kv}/data/${first}`, { options: { cas: impossibleVersion }, data: {} })]),
    // Of a version that no entry has.
    ...(any === undefined ? [] : [post(`${kv}/destroy/${any}`, { versions: [impossibleVersion] })]),
  ];
  return refusedAll(session, paths, calls, 'changes and deletions', changes);
});

/** Policies, logins, tokens, engines and the server itself are not its to see or to change. */
export const storeRefusedSysMeasurer = asConsumer(async (spec, session) => {
  const { kv, database, transit } = spec.mounts;
  const role = `auth/${spec.mount}/${spec.method === 'cert' ? 'certs' : 'role'}/${spec.role}`;
  const paths = [
    `sys/policies/acl/${spec.policy}`,
    `sys/policies/acl/${probeName}`,
    'sys/mounts',
    `sys/mounts/${kv}`,
    'sys/auth',
    `sys/auth/${spec.mount}`,
    role,
    `${role}/secret-id`,
    `${role}/custom-secret-id`,
    'auth/token/create',
    'auth/token/create-orphan',
    'identity/entity',
    'identity/group',
    'sys/audit',
    'sys/seal',
    'sys/step-down',
    'sys/rotate/keyring',
    'sys/generate-root-token/attempt',
    'sys/storage/raft/snapshot',
    'sys/leases/revoke-prefix/x',
    `${database}/config/${probeName}`,
    `${database}/roles/${spec.consumer}`,
    `${transit}/keys/${probeName}`,
    `${transit}/export/encryption-key/${probeName}`,
  ];
  const calls = [get(`sys/policies/acl/${spec.policy}`), get(role), get('sys/mounts')];
  return refusedAll(session, paths, calls, 'paths of policies, logins, engines and the server');
});

/** The server says that none of it is allowed, and some of it, tried, is refused. */
async function refusedAll(
  session: StoreSession,
  paths: readonly string[],
  calls: readonly VaultCall[],
  words: string,
  isTooMuch: (can: readonly string[], path: string) => boolean = isAnything,
): Promise<Measurement> {
  const faults: string[] = [];
  for (const [path, can] of await session.client.capabilities(paths)) {
    if (isTooMuch(can, path)) {
      faults.push(`has ${can.join(', ')} on ${path}`);
    }
  }
  for (const call of calls) {
    const { is } = await ask(session, call);
    if (is !== 'refused') {
      faults.push(`is not refused ${call.method} ${call.path}`);
    }
  }
  const shown = faults.slice(0, 5).join('; ') + (faults.length > 5 ? `; and ${faults.length - 5} more` : '');
  return faults.length === 0
    ? held(`${words}: ${paths.length} paths asked about, ${calls.length} requests refused; ${session.source}`)
    : broken(`${shown}; ${session.source}`, 'keywright apply');
}

function isAnything(can: readonly string[]): boolean {
  return can.some((word) => word !== 'deny');
}

/** Patterns of entries that it reads. */
function readPatterns({ reads, mounts }: StoreIdentitySpec): string[] {
  const path = (api: string): string => api.slice(`${mounts.kv}/data/`.length);
  return reads.flatMap((read) =>
    'entry' in read ? [path(read.entry)] : 'subtree' in read ? [`${path(read.subtree)}**`] : [],
  );
}

/** Folders on the way to what a pattern takes in, each with its slash. */
function foldersAbove(pattern: string): string[] {
  const parts = pattern.split('/').slice(0, -1);
  return parts.map((_, at) => `${parts.slice(0, at + 1).join('/')}/`);
}

/** Those first that share the longest beginning with something of its own: siblings, then neighbours. */
function nearest(paths: readonly string[], own: readonly string[]): string[] {
  const shared = (path: string): number => Math.max(0, ...own.map((pattern) => commonLength(path, pattern)));
  return paths
    .map((path) => ({ path, length: shared(path) }))
    .sort((one, other) => other.length - one.length)
    .map(({ path }) => path);
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) {
    length += 1;
  }
  return length;
}

function get(path: string): VaultCall {
  return { method: 'GET', path };
}

function post(path: string, body: object): VaultCall {
  return { method: 'POST', path, body, repeat: 'safe' };
}
