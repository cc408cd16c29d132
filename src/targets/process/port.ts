import { lstat, open, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { makeOwnedFolder, readIfThere } from './owned-file.ts';
import { portHolder } from './port-holder.ts';
import { readMemory, type ServerFolder, serverFolderOf } from './server-folder.ts';

/** Whom a port is promised to: a server, or a peer of a store. Its folder is the parent of its data folder. */
export type PortOwner = Pick<ServerFolder, 'name' | 'dataDirectory'>;

/** Below 32768, where outgoing connections borrow ports for a moment. */
const first = 15_432;
const last = 32_000;

/**
 * Promises a free port to a server that has none yet, from 15432 up. The promise is a file, made exclusively, so that two
 * servers that are both stopped now do not get the same one. `taken` are ports that turned out to be held meanwhile.
 */
export async function choosePort(portsFolder: string, server: PortOwner, taken: ReadonlySet<number>): Promise<number> {
  await makePortsFolder(portsFolder);
  for (let port = first; port <= last; port++) {
    if (!taken.has(port) && (await isFree(port)) && (await promise(portsFolder, port, server))) {
      return port;
    }
  }
  throw new Failure({
    code: 'no-free-port',
    message: `no port between ${first} and ${last} is free for ${server.name}`,
    object: server.name,
    remedy: 'stop what listens there, or give the server one: `process: { port: … }`',
  });
}

/** Promises a port that is settled already; another server that was promised it before keeps the promise. */
export async function reservePort(portsFolder: string, port: number, server: PortOwner): Promise<void> {
  await makePortsFolder(portsFolder);
  await promise(portsFolder, port, server);
}

/** Takes the promise of a port back. */
export async function releasePort(portsFolder: string, port: number, server: PortOwner): Promise<void> {
  const path = join(portsFolder, String(port));
  if ((await readIfThere(path))?.trim() === server.dataDirectory) {
    await rm(path, { force: true });
  }
}

/** Of all fleets of an account. Everybody may make names in /tmp, so what is there already is looked at. */
async function makePortsFolder(path: string): Promise<void> {
  await makeOwnedFolder(path, 0o755, undefined);
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Failure({
      code: 'ports-folder-foreign',
      message: `${path}, where promised ports are noted, belongs to somebody else`,
      object: path,
      why: 'whoever owns it could give the port of one server to another',
      remedy: `look at it, then remove it: rm -r ${path}`,
    });
  }
}

/** True when nobody listens there now, on loopback or on all addresses. */
export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** The error for a server whose own port is held by a stranger: clients know that port, so no other is taken instead. */
export async function portTaken(server: Pick<ServerFolder, 'name'>, port: number, declared: boolean): Promise<Failure> {
  const holder = (await portHolder(port)) ?? 'an unknown process';
  return new Failure({
    code: 'port-taken',
    message: `port ${port} of ${server.name} is held by ${holder}`,
    object: server.name,
    why: declared ? 'the fleet declares this port' : 'clients of this server were given this port, so it keeps it',
    remedy: declared
      ? 'stop that process, or declare another port'
      : 'stop that process, or give the server another port: `process: { port: … }`',
  });
}

const settlingMilliseconds = 30_000;

async function ageOf(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Number.POSITIVE_INFINITY,
  );
}

async function promise(portsFolder: string, port: number, server: PortOwner): Promise<boolean> {
  const path = join(portsFolder, String(port));
  for (;;) {
    try {
      const file = await open(path, 'wx', 0o644);
      await file.writeFile(`${server.dataDirectory}\n`);
      await file.close();
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') {
        // The purge of another fleet took the empty folder away.
        await makePortsFolder(portsFolder);
        continue;
      }
      if (code !== 'EEXIST') {
        throw error;
      }
    }
    const holder = (await readIfThere(path))?.trim() ?? '';
    if (holder === server.dataDirectory) {
      return true;
    }
    // Nothing is written yet, or the server is still there and remembers the port: the promise stands.
    const memory = holder === '' ? undefined : await readMemory(serverFolderOf(holder, undefined));
    if (holder === '' || memory?.port === port || memory?.clusterPort === port) {
      return false;
    }
    // It may be about to remember the port: who was promised one writes that down within moments.
    if (memory === undefined && (await ageOf(path)) < settlingMilliseconds) {
      return false;
    }
    await rm(path, { force: true });
  }
}
