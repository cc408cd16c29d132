import { lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Fleet } from '../fleet/model.ts';
import type { SecretBackend } from '../stores/backend.ts';
import { openFileStore } from '../stores/file/open.ts';
import { purgeServers } from '../targets/process/servers.ts';
import type { LocalSite } from '../targets/process/local-site.ts';
import { purgePeers } from '../targets/vault/server/peers.ts';
import { systemEnvironment } from './environment.ts';
import { serversOf } from './local-sites.ts';
import type { Terminal } from './terminal.ts';

/** Something that the fleet made on this machine. */
export interface Doomed {
  readonly what: string;
  /** As it is shown: from the fleet's folder where it lies in it. */
  readonly path: string;
}

/** What a purge deletes, in its order: servers with their data, delivered folders, stores, our own small files. */
export async function whatWouldGo(fleet: Fleet, sites: readonly LocalSite[]): Promise<readonly Doomed[]> {
  const servers = (await serversOf(sites)).map(({ folder }) => ({ what: 'server', path: folder }));
  const delivered = await deliveredFolders(sites);
  const stores = (await fileStores(fleet)).map(({ folder }) => ({ what: 'store', path: folder }));
  const all = [...servers, ...delivered.map((path) => ({ what: 'delivered', path })), ...stores];
  return all.map(({ what, path }) => ({ what, path: shown(fleet, path) }));
}

/** Deletes all that. A store that holds records of another fleet stays, and so does every file that we did not make. */
export async function purgeFleet(
  fleet: Fleet,
  sites: readonly LocalSite[],
  terminal: Terminal,
): Promise<readonly Doomed[]> {
  const doomed = await whatWouldGo(fleet, sites);
  const deleted: Doomed[] = [];
  for (const site of sites) {
    await purgePeers(site);
    await purgeServers(site, (text) => terminal.progress(text));
  }
  deleted.push(...doomed.filter(({ what }) => what === 'server'));
  for (const path of await deliveredFolders(sites)) {
    await rm(path, { recursive: true, force: true });
    deleted.push({ what: 'delivered', path: shown(fleet, path) });
  }
  for (const store of await fileStores(fleet)) {
    const others = await otherFleets(fleet, store);
    if (others.length > 0) {
      terminal.err(`kept store ${shown(fleet, store.folder)}: it holds records of fleet ${others.join(', ')}\n`);
      continue;
    }
    await deleteStore(store);
    deleted.push({ what: 'store', path: shown(fleet, store.folder) });
  }
  const own = join(fleet.folder, '.keywright');
  for (const name of ['evidence.json', 'keeper.json']) {
    await rm(join(own, name), { force: true });
  }
  if (
    (await names(own)).every(
      (name) => name === '.gitignore' || sites.some(({ directory }) => directory === join(own, name)),
    )
  ) {
    await rm(join(own, '.gitignore'), { force: true });
  }
  for (const site of sites) {
    await removeEmptyUpTo(join(site.directory, 'consumers'), fleet.folder);
  }
  await removeEmptyUpTo(own, fleet.folder);
  return deleted;
}

/** Folders that were delivered: they have our `..data` link. */
async function deliveredFolders(sites: readonly LocalSite[]): Promise<string[]> {
  const found: string[] = [];
  for (const site of sites) {
    const consumers = join(site.directory, 'consumers');
    for (const consumer of await names(consumers)) {
      for (const name of await names(join(consumers, consumer))) {
        const path = join(consumers, consumer, name);
        if ((await lstat(join(path, '..data')).catch(() => undefined))?.isSymbolicLink() === true) {
          found.push(path);
        }
      }
    }
  }
  return found;
}

interface FileStorePlace {
  readonly name: string;
  readonly folder: string;
  readonly identityFile: string;
}

async function fileStores(fleet: Fleet): Promise<FileStorePlace[]> {
  const places = [...fleet.stores.values()].flatMap(({ name, spec }) =>
    spec.file === undefined
      ? []
      : [
          {
            name,
            folder: resolve(fleet.folder, spec.file.path),
            identityFile: resolve(fleet.folder, spec.file.identityFile),
          },
        ],
  );
  const there = await Promise.all(places.map(({ folder }) => lstat(join(folder, 'store.json')).catch(() => undefined)));
  return places.filter((_, index) => there[index] !== undefined);
}

/** Other fleets whose home this store is. A store that cannot be opened any more tells of none. */
async function otherFleets(fleet: Fleet, place: FileStorePlace): Promise<string[]> {
  let store: SecretBackend | undefined;
  try {
    const answer = await openFileStore({ ...place, mayCreate: false, environment: systemEnvironment });
    store = answer.state === 'present' ? answer.seen : undefined;
    const entries = (await store?.list('keywright')) ?? [];
    const fleets = entries.map(({ path }) => path.split('/')[1] ?? '');
    return [...new Set(fleets)].filter((name) => name !== '' && name !== fleet.name);
  } catch {
    return [];
  } finally {
    await store?.close();
  }
}

async function deleteStore({ folder, identityFile }: FileStorePlace): Promise<void> {
  const shards = join(folder, 'shards');
  for (const name of await names(shards)) {
    if (/^[0-9a-f]+\.age(\..*)?$/.test(name)) {
      await rm(join(shards, name), { force: true });
    }
  }
  await rmdir(shards).catch(() => undefined);
  // First what makes it a store: a purge that is killed here leaves no store without shards.
  for (const name of await names(folder)) {
    if (/^(store\.json|lock)(\..*)?$/.test(name)) {
      await rm(join(folder, name), { force: true, recursive: true });
    }
  }
  await rmdir(folder).catch(() => undefined);
  await rm(identityFile, { force: true });
}

/** Removes a folder that is empty, then its parent, and so on, below `top`. */
async function removeEmptyUpTo(folder: string, top: string): Promise<void> {
  for (const name of await names(folder)) {
    await rmdir(join(folder, name)).catch(() => undefined);
  }
  for (
    let path = folder;
    relative(top, path) !== '' && !relative(top, path).startsWith('..');
    path = resolve(path, '..')
  ) {
    const isRemoved = await rmdir(path).then(
      () => true,
      (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT',
    );
    if (!isRemoved) {
      return;
    }
  }
}

async function names(folder: string): Promise<string[]> {
  const found: string[] = await readdir(folder).catch(() => []);
  return found.sort();
}

function shown(fleet: Fleet, path: string): string {
  const inside = relative(fleet.folder, path);
  return inside.startsWith('..') ? path : inside;
}
