import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRoot } from './account.ts';
import { type LocalSite, machineFolder } from './local-site.ts';
import { runningPostmaster } from './postmaster.ts';
import { releasePort } from './port.ts';
import { readMemory, serverFolder, type ServerFolder } from './server-folder.ts';
import { removeSocketDirectory } from './socket-directory.ts';
import { stopServer } from './stop.ts';
import { trustFolder } from './trust-file.ts';

export interface LocalServer {
  readonly server: ServerFolder;
  /** Pid of its postmaster, undefined while it is stopped. */
  readonly pid?: number;
}

/** Every server that a site has on this machine, also one that left the fleet, sorted by name. */
export async function listServers(site: LocalSite): Promise<readonly LocalServer[]> {
  const names = (await readdir(site.serversFolder).catch(() => [])).filter((name) => !name.startsWith('.')).sort();
  return Promise.all(
    names.map(async (name) => {
      const server = serverFolder(site, name);
      return { server, pid: (await runningPostmaster(server.dataDirectory))?.pid };
    }),
  );
}

/** Stops every server of the site at the same time, whoever started it. Names of those that ran. */
export async function stopAllServers(site: LocalSite, progress?: (text: string) => void): Promise<readonly string[]> {
  const servers = await listServers(site);
  const stopped = await Promise.all(servers.map(({ server }) => stopServer(server, progress)));
  return servers.filter((_, index) => stopped[index] === true).map(({ server }) => server.name);
}

/** Deletes a stopped server with its data, its log, its socket and the promise of its port. */
export async function deleteServer(site: LocalSite, server: ServerFolder): Promise<void> {
  const memory = await readMemory(server);
  await rm(server.folder, { recursive: true, force: true });
  await removeSocketDirectory(server);
  if (memory !== undefined) {
    await releasePort(site.portsFolder, memory.port, server);
  }
}

/**
 * Stops and deletes every server of the site with its data, and the copies of the binaries; folders that are empty then
 * go too. Names of the servers that were deleted.
 */
export async function purgeServers(site: LocalSite, progress?: (text: string) => void): Promise<readonly string[]> {
  await stopAllServers(site, progress);
  const servers = await listServers(site);
  for (const { server } of servers) {
    await deleteServer(site, server);
  }
  await rm(trustFolder(site), { recursive: true, force: true });
  await removeEmpty(dirname(trustFolder(site)));
  await removeEmpty(site.serversFolder);
  if (isRoot()) {
    // Binaries are shared by the sites of a fleet: the last one takes them along.
    const fleetFolder = dirname(site.serversFolder);
    const rest = await readdir(fleetFolder).catch(() => []);
    if (rest.every((name) => join(fleetFolder, name) === site.binariesFolder)) {
      await rm(site.binariesFolder, { recursive: true, force: true });
    }
    await removeEmpty(fleetFolder);
  } else {
    await rm(site.binariesFolder, { recursive: true, force: true });
  }
  await removeEmpty(site.portsFolder);
  if (isRoot()) {
    await removeEmpty(machineFolder);
  }
  return servers.map(({ server }) => server.name);
}

async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => {});
}
