import type { Applied, ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import type { Answer } from '../../model/answer.ts';
import { asError } from '../../model/failure.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import { diffProcess } from './diff.ts';
import { ensureServer } from './ensure.ts';
import { inParallel } from './in-parallel.ts';
import type { LocalSite } from './local-site.ts';
import { formatMark, readMark } from './mark.ts';
import { observeServer, type ProcessSeen } from './observe.ts';
import { readControlFile } from './control-file.ts';
import type { ProcessSpec } from './process.spec.ts';
import { serverFolder, type ServerFolder } from './server-folder.ts';
import { deleteServer } from './servers.ts';
import { stopServer } from './stop.ts';

/** Starting and initdb are bound by disk and processors, so more at once gains nothing. */
const serversAtOnce = 4;

/** `site/<site>/process/<postgres>`: see `process.spec.ts`. */
export const processKind: ResourceKind<LocalSite, ProcessSpec, ProcessSeen> = {
  kind: 'process',
  targetKind: 'site',
  onRemoval: 'retain',
  ownership: 'file',

  async observe(site, wanted, recorded) {
    const ids = new Set<ResourceId>([...wanted.map(({ id }) => id), ...recorded.map(({ id }) => id)]);
    const answers = new Map<ResourceId, Answer<ProcessSeen>>();
    await Promise.all([...ids].map(async (id) => answers.set(id, await observeServer(folderOf(site, id)))));
    return answers;
  },

  diff: diffProcess,

  outputs: (resource, seen) =>
    outputsOf(resource.spec, seen.server, resource.spec.port ?? seen.port ?? 0, seen.systemIdentifier),

  async *apply(site, changes, io) {
    // Those that have a port come first, so that none of theirs is promised to a new server.
    const ordered = [...changes].sort((left, right) => rank(left) - rank(right));
    yield* inParallel(ordered, serversAtOnce, (change) => applyOne(site, change, io));
  },
};

function rank({ resource, seen }: ReadyChange<ProcessSpec, ProcessSeen>): number {
  return seen !== undefined || resource?.spec.port !== undefined ? 0 : 1;
}

async function applyOne(
  site: LocalSite,
  ready: ReadyChange<ProcessSpec, ProcessSeen>,
  io: ApplyContext,
): Promise<Applied> {
  const { id } = ready.change;
  try {
    io.guard();
    return ready.resource === undefined ? await leave(site, ready, io) : await ensure(site, ready.resource, io);
  } catch (error) {
    return { id, outcome: 'failed', error: asError(error) };
  }
}

async function ensure(
  site: LocalSite,
  resource: NonNullable<ReadyChange<ProcessSpec, ProcessSeen>['resource']>,
  io: ApplyContext,
): Promise<Applied> {
  const { id, spec } = resource;
  const server = folderOf(site, id);
  const mark = formatMark({ fleet: io.fleet, id });
  const { port, note } = await ensureServer({
    site,
    server,
    spec,
    mark,
    waiting: { signal: io.signal, progress: (text) => io.progress(id, text) },
    guard: () => io.guard(),
  });
  const control = await readControlFile(server.dataDirectory);
  const outputs = outputsOf(spec, server, port, control?.systemIdentifier ?? '');
  return { id, outcome: 'done', record: { mark, outputs }, note };
}

async function leave(
  site: LocalSite,
  { change, seen, recorded }: ReadyChange<ProcessSpec, ProcessSeen>,
  io: ApplyContext,
): Promise<Applied> {
  const { id } = change;
  const record: Applied = { id, outcome: 'done', record: { outputs: recorded?.outputs, removal: recorded?.removal } };
  const mark = readMark(seen?.memory?.mark);
  if (seen === undefined || mark?.fleet !== io.fleet || mark.id !== id) {
    return record;
  }
  await stopServer(seen.server, (text) => io.progress(id, text));
  if (change.action !== 'remove') {
    return record;
  }
  io.guard();
  await deleteServer(site, seen.server);
  return { id, outcome: 'done' };
}

function folderOf(site: LocalSite, id: ResourceId): ServerFolder {
  return serverFolder(site, parseResourceId(id).names[0] as string);
}

function outputsOf(
  spec: Pick<ProcessSpec, 'host'>,
  server: ServerFolder,
  port: number,
  systemIdentifier: string,
): NonNullable<InventoryRecord['outputs']> {
  return {
    port,
    host: spec.host,
    hostaddr: '127.0.0.1',
    socketDirectory: server.socketDirectory,
    dataDirectory: server.dataDirectory,
    systemIdentifier,
    account: server.account?.name ?? '',
  };
}
