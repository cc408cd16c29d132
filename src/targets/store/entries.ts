import type { RunContext } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { EntryInfo, SecretBackend, SecretEntry } from '../../stores/backend.ts';

/** An entry of a store, in a certain version when one is given. */
export interface EntryAddress {
  readonly store: string;
  readonly path: string;
  readonly version?: string;
}

/**
 * Reads current entries. Absent ones have no place in the answer. Throws a Failure when one could not be asked for.
 */
export async function readPresent(
  backend: SecretBackend,
  paths: readonly string[],
): Promise<ReadonlyMap<string, SecretEntry>> {
  const answers = await backend.readMany([...new Set(paths)]);
  const entries = new Map<string, SecretEntry>();
  for (const [path, answer] of answers) {
    if (answer.state === 'present') {
      entries.set(path, answer.seen);
    } else if (answer.state !== 'absent') {
      throw unasked(path, answer.why);
    }
  }
  return entries;
}

/**
 * Reads entries of any stores in the versions that were asked for, one call per store for those that are current. The
 * answer for one that is not there any more is a Failure that names it.
 */
export async function readEntries<Name>(
  context: Pick<RunContext, 'store'>,
  addresses: ReadonlyMap<Name, EntryAddress>,
): Promise<ReadonlyMap<Name, SecretEntry | Failure>> {
  const stores = new Set([...addresses.values()].map(({ store }) => store));
  const current = new Map<string, ReadonlyMap<string, SecretEntry>>();
  for (const store of stores) {
    const paths = [...addresses.values()].filter((address) => address.store === store).map(({ path }) => path);
    current.set(store, await readPresent(await context.store(store), paths));
  }
  const found = new Map<Name, SecretEntry | Failure>();
  for (const [name, address] of addresses) {
    found.set(name, await rightVersion(context, address, current.get(address.store)?.get(address.path)));
  }
  return found;
}

async function rightVersion(
  context: Pick<RunContext, 'store'>,
  { store, path, version }: EntryAddress,
  current: SecretEntry | undefined,
): Promise<SecretEntry | Failure> {
  if (current !== undefined && (version === undefined || current.version === version)) {
    return current;
  }
  if (version !== undefined) {
    // Written again meanwhile: what was planned is still delivered whole, and the next plan sees the newer one.
    const answer = await (await context.store(store)).read(path, version);
    if (answer.state === 'present') {
      return answer.seen;
    }
    if (answer.state !== 'absent') {
      throw unasked(path, answer.why);
    }
  }
  const what = current === undefined ? 'is not there' : `has no version ${version} any more`;
  return new Failure({
    code: 'entry-missing',
    message: `entry ${path} of store ${store} ${what}`,
    object: `store/${store}/${path}`,
    remedy: 'run keywright plan again: it looks at the store anew',
  });
}

/** One entry's metadata, undefined when it is not there. */
export async function infoOf(backend: SecretBackend, path: string): Promise<EntryInfo | undefined> {
  return (await backend.infoMany([path])).get(path);
}

function unasked(path: string, why: string): Failure {
  return new Failure({
    code: 'store-unreachable',
    message: `entry ${path} could not be asked for: ${why}`,
    exitCode: 3,
  });
}
