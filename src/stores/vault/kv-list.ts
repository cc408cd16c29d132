import { Failure } from '../../model/failure.ts';
import type { EntryInfo } from '../backend.ts';
import type { VaultClient } from './client.ts';
import { VaultRefusal } from './failures.ts';
import { infoOf, readKvMetadata } from './kv-metadata.ts';
import { inParallel } from './parallel.ts';
import { asObject, asText } from './reply.ts';

/** Entries under way at once; the client lets fewer requests through. */
export const parallelEntries = 32;

/** So few entries of a folder are asked for one by one. */
const fewEntries = 8;

/** Where entries are listed: a KV v2 mount. */
export interface KvMount {
  readonly client: VaultClient;
  readonly mount: string;
  now(): Date;
}

/**
 * Everything below a folder (`''`: the mount), versions and metadata included, in one request. Undefined where the
 * server has no such list or the token may not use it.
 */
export async function scanDetailed({ client, mount, now }: KvMount, folder: string): Promise<EntryInfo[] | undefined> {
  const path = `${mount}/detailed-metadata/${folder === '' ? '' : `${folder}/`}`;
  let found: Awaited<ReturnType<VaultClient['readIfPresent']>>;
  try {
    found = await client.request({ method: 'SCAN', path, accept: [404] });
  } catch (error) {
    if (error instanceof VaultRefusal && (error.status === 403 || error.status === 405)) {
      return undefined;
    }
    throw error;
  }
  if (found.status === 404) {
    // An empty list is an API error that lists nothing; a server without this list says that the path is wrong.
    return found.hasErrors && found.errors.length === 0 ? [] : undefined;
  }
  return Object.entries(asObject(found.data['key_info']) ?? {}).map(([key, info]) =>
    infoOf(below(folder, key), readKvMetadata(asObject(info) ?? {}, now())),
  );
}

/** The same with the calls that every KV v2 has: a list per folder and a read per entry. */
export async function listEach(kv: KvMount, folder: string): Promise<EntryInfo[]> {
  const found: EntryInfo[] = [];
  const keys = await kv.client.list(`${kv.mount}/metadata/${folder === '' ? '' : `${folder}/`}`);
  const folders = keys.filter((key) => key.endsWith('/'));
  const entries = keys.filter((key) => !key.endsWith('/'));
  await inParallel(entries, parallelEntries, async (key) => {
    const info = await readInfo(kv, below(folder, key));
    if (info !== undefined) {
      found.push(info);
    }
  });
  for (const inner of folders) {
    found.push(...(await listEach(kv, below(folder, inner.slice(0, -1)))));
  }
  return found;
}

/**
 * Version and metadata of these entries, but for those that are not there. Where many of one folder are wanted and the
 * first is not there, a list tells which of the others are worth asking for.
 */
export async function readInfos(kv: KvMount, paths: readonly string[]): Promise<EntryInfo[]> {
  const found: EntryInfo[] = [];
  const read = async (path: string): Promise<boolean> => {
    const info = await readInfo(kv, path);
    found.push(...(info === undefined ? [] : [info]));
    return info !== undefined;
  };
  const folders = Map.groupBy(paths, (path) => path.slice(0, path.lastIndexOf('/') + 1));
  const others = new Set(paths);
  await inParallel([...folders], parallelEntries, async ([folder, [first, ...rest]]) => {
    if (first === undefined || rest.length < fewEntries) {
      return;
    }
    others.delete(first);
    const names = (await read(first)) ? undefined : await namesIn(kv, folder);
    rest.filter((path) => names?.has(path.slice(folder.length)) === false).forEach((path) => others.delete(path));
  });
  await inParallel([...others], parallelEntries, async (path) => {
    await read(path);
  });
  return found;
}

/** What a folder holds; undefined where the token may not list it. */
async function namesIn({ client, mount }: KvMount, folder: string): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set(await client.list(`${mount}/metadata/${folder}`));
  } catch (error) {
    if (error instanceof VaultRefusal && error.status === 403) {
      return undefined;
    }
    throw error;
  }
}

/** Version and metadata of one entry; undefined when it is not there. */
export async function readInfo({ client, mount, now }: KvMount, path: string): Promise<EntryInfo | undefined> {
  const reply = await client.readIfPresent(`${mount}/metadata/${path}`);
  return reply === undefined ? undefined : infoOf(path, readKvMetadata(reply.data, now()));
}

export interface MountFacts {
  /** It has the list of everything. */
  readonly detailedList: boolean;
  /** Empty when the token may not read it. */
  readonly description: string;
}

/** What a mount says of itself; undefined when it is not there. Throws a Failure unless it is KV v2. */
export async function inspectMount({ client, mount }: KvMount): Promise<MountFacts | undefined> {
  const [reply, description] = await Promise.all([
    client.request({ method: 'GET', path: mount, query: { help: '1' }, accept: [400, 404] }),
    describe(client, mount),
  ]);
  if (reply.status !== 200) {
    return undefined;
  }
  const help = asText(reply.data['help']);
  if (!help.includes('^data/') || !help.includes('^metadata/')) {
    throw new Failure({
      code: 'vault-not-kv2',
      message: `${mount} of store ${client.store} is no KV engine of version 2`,
      object: `store/${client.store}`,
      why: 'only that one keeps versions, and lets two writers at one entry notice each other',
      remedy: `Name another mount in mounts.kv of the Store document, or mount one: bao secrets enable -path=NAME kv-v2`,
    });
  }
  return { detailedList: help.includes('^detailed-metadata/'), description };
}

async function describe(client: VaultClient, mount: string): Promise<string> {
  try {
    return asText((await client.request({ method: 'GET', path: `sys/mounts/${mount}` })).data['description']);
  } catch (error) {
    if (error instanceof VaultRefusal) {
      return '';
    }
    throw error;
  }
}

function below(folder: string, key: string): string {
  return folder === '' ? key : `${folder}/${key}`;
}

/** How many entries a mount holds, deleted ones included. */
export async function countEntries(kv: KvMount): Promise<number> {
  return ((await scanDetailed(kv, '')) ?? (await listEach(kv, ''))).length;
}
