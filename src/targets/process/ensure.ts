import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../model/failure.ts';
import { type Binaries, prepareBinaries } from './binaries.ts';
import { initialise } from './initialise.ts';
import { type LiveSettings, readLiveSettings, resetOverrides } from './live-settings.ts';
import type { LocalSite } from './local-site.ts';
import { readIfThere, writeOwnedFile } from './owned-file.ts';
import { choosePort, isFree, portTaken, releasePort, reservePort } from './port.ts';
import { type Postmaster, runningPostmaster } from './postmaster.ts';
import type { ProcessSpec } from './process.spec.ts';
import { firstUnreachable } from './reachable.ts';
import { hasData, makeServerFolder, readMemory, type ServerFolder, writeMemory } from './server-folder.ts';
import { parseSettings, renderSettings } from './settings.ts';
import { startServer, type Waiting, waitForOrphans, waitUntilReady } from './start.ts';
import { reloadServer, stopServer } from './stop.ts';
import { isDoorOpen, openDoor } from './superuser-door.ts';

export interface Ensuring {
  readonly site: LocalSite;
  readonly server: ServerFolder;
  readonly spec: ProcessSpec;
  readonly mark: string;
  readonly waiting: Waiting;
  /** Throws when nothing more may be written. */
  guard(): void;
}

export interface Ensured {
  readonly port: number;
  readonly note?: string;
}

/**
 * Brings a server to where the fleet wants it, from whatever is there: makes its data folder, writes its settings,
 * starts, adopts, reloads or restarts it. Everything that can be judged is judged before anything is made.
 */
export async function ensureServer(ensuring: Ensuring): Promise<Ensured> {
  const { site, server, spec } = ensuring;
  await requireReachable(site, server);
  const binaries = await prepareBinaries(site.binariesFolder, spec.version);
  const memory = await readMemory(server);
  const running = await settled(ensuring);
  const kept = spec.port ?? memory?.port ?? running?.port;
  if (kept !== undefined && running?.port !== kept && !(await isFree(kept))) {
    throw await portTaken(server, kept, spec.port !== undefined);
  }
  ensuring.guard();
  await makeServerFolder(server);
  if (kept !== undefined) {
    await reservePort(site.portsFolder, kept, server);
  }
  const taken = new Set<number>();
  for (;;) {
    const port = kept ?? (await choosePort(site.portsFolder, server, taken));
    await writeMemory(server, { mark: ensuring.mark, port });
    try {
      const restarted = await ensureRunning(ensuring, binaries, port);
      if (memory !== undefined && memory.port !== port) {
        await releasePort(site.portsFolder, memory.port, server);
      }
      return { port, note: restarted };
    } catch (error) {
      const lost = error instanceof Failure && error.code === 'port-taken';
      if (lost && kept === undefined) {
        // Somebody else was faster; this port was promised to nobody yet.
        taken.add(port);
        await releasePort(site.portsFolder, port, server);
        continue;
      }
      throw lost ? await portTaken(server, port, spec.port !== undefined) : error;
    }
  }
}

async function requireReachable(site: LocalSite, server: ServerFolder): Promise<void> {
  const blocked = site.account === undefined ? undefined : await firstUnreachable(server.folder, site.account);
  if (site.account !== undefined && blocked !== undefined) {
    throw new Failure({
      code: 'folder-unreachable',
      message: `${blocked} cannot be entered by the account ${site.account.name}, which runs ${server.name}`,
      object: server.name,
      why: `everything of this server lies below ${server.folder}`,
      remedy: `chmod o+x ${blocked}`,
    });
  }
}

/** The server when it runs, after waiting for one that is just starting or stopping. */
async function settled({ server, waiting }: Ensuring): Promise<Postmaster | undefined> {
  for (;;) {
    const found = await runningPostmaster(server.dataDirectory);
    if (found === undefined) {
      await waitForOrphans(server);
      return undefined;
    }
    if (found.status !== 'starting' && found.status !== 'stopping') {
      return found;
    }
    if (found.status === 'starting') {
      return waitUntilReady(server, waiting, () => false);
    }
    await delay(20, undefined, { signal: waiting.signal });
  }
}

/** What a person should know: that a running server was restarted, and for what. */
async function ensureRunning(ensuring: Ensuring, binaries: Binaries, port: number): Promise<string | undefined> {
  const { server, spec, waiting } = ensuring;
  const { socketDirectory } = server;
  const settings = renderSettings({ port, socketDirectory, startSettings: spec.startSettings });
  if (!(await hasData(server))) {
    ensuring.guard();
    waiting.progress?.(`makes the data folder of ${server.name}`);
    await initialise(server, binaries, settings);
  }
  const file = join(server.dataDirectory, 'postgresql.conf');
  const settingsDiffer = (await readIfThere(file)) !== settings;
  const doorShut = !(await isDoorOpen(server));
  ensuring.guard();
  if (settingsDiffer) {
    await writeOwnedFile(file, settings, server.account);
  }
  if (doorShut) {
    await openDoor(server);
  }
  const running = await runningPostmaster(server.dataDirectory);
  if (running === undefined) {
    await startServer(server, binaries, waiting);
    const live = await liveSettings(ensuring, port, settings);
    return live.overridden.length > 0 ? restart(ensuring, binaries, port, live) : undefined;
  }
  if (settingsDiffer || doorShut) {
    await reloadServer(server);
  }
  const live = await liveSettings(ensuring, running.port, settings);
  const isDue = live.overridden.length > 0 || live.pendingRestart.length > 0 || running.port !== port;
  return isDue ? restart(ensuring, binaries, running.port, live) : undefined;
}

async function restart(
  { server, waiting, guard }: Ensuring,
  binaries: Binaries,
  port: number,
  live: LiveSettings,
): Promise<string> {
  guard();
  await resetOverrides(server, port, live.overridden);
  await stopServer(server, waiting.progress);
  await startServer(server, binaries, waiting);
  const names = [...new Set([...live.overridden, ...live.pendingRestart])];
  return names.length === 0 ? `${server.name} was restarted` : `${server.name} was restarted for ${names.join(', ')}`;
}

/** Asks until the server lets us in: a reload that opens its door happens a little after we asked for it. */
async function liveSettings({ server, waiting }: Ensuring, port: number, settings: string): Promise<LiveSettings> {
  const names = [...parseSettings(settings).keys()];
  const deadline = performance.now() + 10_000;
  for (;;) {
    const live = await readLiveSettings(server, port, names);
    if (live !== undefined) {
      return live;
    }
    if (performance.now() > deadline) {
      throw new Failure({
        code: 'superuser-locked-out',
        message: `${server.name} runs, but does not let its superuser in over ${server.socketDirectory}`,
        object: server.name,
        remedy: `the reason is in its log: ${server.logFile}`,
      });
    }
    await delay(20, undefined, { signal: waiting.signal });
  }
}
