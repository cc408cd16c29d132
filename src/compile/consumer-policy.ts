import { milliseconds } from '../fleet/durations.ts';
import type { Fleet, FleetDocument } from '../fleet/model.ts';
import { accessPath, askedStore, databaseCredsPath, encryptionKeyName, entryPath } from '../fleet/names.ts';
import { Failure } from '../model/failure.ts';
import type { StoreRead } from '../proofs/vault.spec.ts';
import type { PolicyCapability, PolicyRule } from '../targets/vault/policy.spec.ts';

type Consumer = FleetDocument<'Consumer'>;
type Mounts = NonNullable<FleetDocument<'Store'>['spec']['vault']>['mounts'];

/** What a consumer asks one Vault for, in paths of its API. */
export interface StoreRights {
  readonly rules: readonly PolicyRule[];
  readonly reads: readonly StoreRead[];
  /** Paths of entries, or patterns that end in `**`. */
  readonly writes: readonly string[];
  readonly wrapSeconds?: number;
}

/** The policy of a consumer in a Vault: what its document says, and nothing else. */
export function storeRights(fleet: Fleet, consumer: Consumer, store: string): StoreRights {
  const mounts = fleet.stores.get(store)?.spec.vault?.mounts;
  if (mounts === undefined) {
    throw new RangeError(`${store} is no Vault`);
  }
  const { spec } = consumer;
  const reads = spec.reads
    .filter((read) => askedStore(fleet, read) === store)
    .flatMap((read) => readsOf(fleet, store, mounts, read));
  const writes = spec.writes.filter((write) => write.store === store).map(({ path }) => path);
  const wrapSeconds = spec.wrap === undefined ? undefined : Math.max(1, Math.ceil(milliseconds(spec.wrap) / 1000));
  const rights = [...reads.flatMap((read) => readRights(read)), ...writes.map((path) => writeRight(mounts, path))];
  const literal = rights.find(({ path }) => path.split('/').includes('+'));
  if (literal !== undefined) {
    throw new Failure({
      code: 'policy-path',
      message: `${consumer.document} names a path with the segment +, which stands for any segment in a policy`,
      object: consumer.document,
      remedy: 'rename the entry, or name the subtree that it lies in',
    });
  }
  return { rules: [...policyRules(rights, wrapSeconds), ...keepOut(mounts, rights)], reads, writes, wrapSeconds };
}

function readsOf(
  fleet: Fleet,
  store: string,
  mounts: Mounts,
  read: Consumer['spec']['reads'][number],
): readonly StoreRead[] {
  const { encryptionKey } = read;
  if (encryptionKey === undefined) {
    return [readOf(fleet, mounts, read)];
  }
  const at = (what: string): string => `${mounts.transit}/${what}/${encryptionKeyName(encryptionKey)}`;
  const type = keyType(fleet, store, encryptionKey);
  const encrypts = { encrypt: at('encrypt'), decrypt: at('decrypt') };
  const signs = { sign: at('sign'), verify: at('verify') };
  return /^(ed|ecdsa)/.test(type) ? [signs] : type.startsWith('rsa') ? [encrypts, signs] : [encrypts];
}

/** What a key can do follows from its type; one that no tree of this fleet declares encrypts, as its name says. */
function keyType(fleet: Fleet, store: string, path: string): string {
  const entries = [...fleet.secretTrees.values()]
    .filter((tree) => tree.spec.store === store)
    .flatMap((tree) => tree.spec.entries.map((entry) => ({ path: entryPath(tree, entry), key: entry.encryptionKey })));
  return entries.find((entry) => entry.path === path)?.key?.type ?? '';
}

function readOf(fleet: Fleet, mounts: Mounts, read: Consumer['spec']['reads'][number]): StoreRead {
  const access = read.access === undefined ? undefined : fleet.accesses.get(read.access);
  const creds = access === undefined ? undefined : databaseCredsPath(fleet, access);
  if (creds !== undefined) {
    return { creds };
  }
  const path = access === undefined ? (read.path ?? '') : accessPath(access);
  const folder = folderOf(path);
  return folder === undefined
    ? { entry: `${mounts.kv}/data/${path}` }
    : { subtree: `${mounts.kv}/data/${folder}`, list: `${mounts.kv}/metadata/${folder}` };
}

/** What a pattern that ends in `**` lies below, with its slash; undefined for a path. */
function folderOf(pattern: string): string | undefined {
  return pattern === '**' ? '' : pattern.endsWith('/**') ? pattern.slice(0, -2) : undefined;
}

/** Something asked for; a path that ends in `*` takes in whatever begins so. */
interface Right {
  readonly path: string;
  readonly capabilities: readonly PolicyCapability[];
  /** Its answers hold values. */
  readonly hasValues: boolean;
}

function readRights(read: StoreRead): Right[] {
  const value = (path: string, capability: PolicyCapability): Right => {
    return { path, capabilities: [capability], hasValues: true };
  };
  if ('entry' in read) {
    return [value(read.entry, 'read')];
  }
  if ('subtree' in read) {
    // Who may read a subtree has to find out what is in it; who may read one entry knows its name.
    return [value(`${read.subtree}*`, 'read'), { path: `${read.list}*`, capabilities: ['list'], hasValues: false }];
  }
  if ('creds' in read) {
    return [value(read.creds, 'read')];
  }
  const [make, undo] = 'sign' in read ? [read.sign, read.verify] : [read.encrypt, read.decrypt];
  return [value(make, 'update'), value(undo, 'update')];
}

function writeRight({ kv }: Mounts, pattern: string): Right {
  const folder = folderOf(pattern);
  return {
    path: folder === undefined ? `${kv}/data/${pattern}` : `${kv}/data/${folder}*`,
    capabilities: ['create', 'update', 'patch'],
    hasValues: false,
  };
}

/**
 * The fewest rules that give these rights. Only the closest pattern counts for a path, so each rule repeats what wider
 * ones give; one that would only repeat is left out.
 */
function policyRules(rights: readonly Right[], wrapSeconds: number | undefined): PolicyRule[] {
  const paths = [...new Set(rights.map(({ path }) => path))].sort();
  const whole = paths.map((path) => {
    const covering = rights.filter((right) => covers(right.path, path));
    const capabilities = order.filter((each) => covering.some((right) => right.capabilities.includes(each)));
    const isWrapped = wrapSeconds !== undefined && covering.some(({ hasValues }) => hasValues);
    return { path, capabilities, ...(isWrapped ? { minWrappingTtl: 1, maxWrappingTtl: wrapSeconds } : {}) };
  });
  return whole.filter((rule) => {
    const wider = whole.filter((other) => other !== rule && covers(other.path, rule.path));
    const closest = wider.sort((one, other) => other.path.length - one.path.length)[0];
    return (
      closest === undefined ||
      closest.capabilities.length < rule.capabilities.length ||
      closest.maxWrappingTtl !== rule.maxWrappingTtl
    );
  });
}

const order: readonly PolicyCapability[] = ['create', 'read', 'update', 'patch', 'list'];

function covers(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
}

/** Who is given a whole store is not given what Keywright keeps in it for itself. */
function keepOut({ kv }: Mounts, rights: readonly Right[]): PolicyRule[] {
  const isWhole = (what: string): boolean => rights.some(({ path }) => path === `${kv}/${what}/*`);
  return ['data', 'metadata']
    .filter(isWhole)
    .map((what) => ({ path: `${kv}/${what}/keywright/*`, capabilities: ['deny'] }));
}
