import { readLock, isOver } from '../../engine/lock.ts';
import { retainedRecords } from '../../engine/delete.ts';
import { parseResourceId } from '../../model/ids.ts';
import { durationMilliseconds } from '../../model/duration.ts';
import { Failure } from '../../model/failure.ts';
import type { CompiledFleet } from '../../model/compiled.ts';
import type { EntryInfo } from '../../stores/backend.ts';
import type { CaSpec } from '../../targets/authority/authority.spec.ts';
import type { ProcessSpec } from '../../targets/process/process.spec.ts';
import { healthOf } from '../../targets/vault/server/local-health.ts';
import { healthSentence } from '../../targets/vault/server/peer-health.ts';
import type { VaultServerSpec } from '../../targets/vault/vault-server.spec.ts';
import { systemEnvironment } from '../environment.ts';
import { readEvidence, type LeftEvidence } from '../evidence-file.ts';
import { readKeeper } from '../keeper-file.ts';
import { localSites, serversOf } from '../local-sites.ts';
import type { OpenRun } from '../open-run.ts';
import type { VerdictCounts } from '../render/evidence.ts';
import { dueDates } from '../up/due.ts';

/** The state of a fleet as `status --output json` prints it; instants are ISO 8601. */
export interface FleetStatus {
  readonly fleet: string;
  readonly at: string;
  readonly servers: readonly {
    readonly name: string;
    readonly site: string;
    readonly state: 'running' | 'stopped' | 'notMade';
    readonly address?: string;
    readonly pid?: number;
    /** Of a peer of a store that runs: what it says of itself. */
    readonly health?: string;
    /** It runs or lies here, but the fleet does not have it any more. */
    readonly leftFleet?: true;
  }[];
  /** Certificates, authorities, leases and tokens: when they are replaced, and when they end. */
  readonly expiries: readonly {
    readonly id: string;
    readonly what: 'certificate' | 'authority' | 'lease' | 'token';
    readonly due?: string;
    readonly expires: string;
  }[];
  /** Generated and imported keys and passwords with a rotation interval. */
  readonly rotations: readonly { readonly what: string; readonly writtenAt: string; readonly due: string }[];
  /** Stores that could not be asked when their entries were written. */
  readonly unasked: readonly { readonly store: string; readonly why: string }[];
  readonly allowances: readonly {
    readonly document: string;
    readonly rule: string;
    readonly reason: string;
    readonly until?: string;
  }[];
  /** Left the fleet and kept, because it holds data. */
  readonly retained: readonly { readonly id: string; readonly document?: string }[];
  readonly keeper?: { readonly pid: number; readonly host: string; readonly since: string };
  /** Something in it ends by itself, and nobody renews it. */
  readonly needsKeeper: boolean;
  readonly lock?: { readonly command: string; readonly pid: number; readonly host: string; readonly since: string };
  /** What was proven, each claim at `at` or later, the latest at `latest`. */
  readonly proven?: VerdictCounts & { readonly at: string; readonly latest: string };
}

export async function gatherStatus(opened: OpenRun): Promise<FleetStatus> {
  const { fleet, compiled, run } = opened;
  const now = systemEnvironment.now();
  const [servers, rotations, keeper, evidence, lock] = await Promise.all([
    serverStates(opened),
    rotationsOf(opened),
    readKeeper(fleet.folder),
    readEvidence(fleet),
    run.home === undefined ? undefined : readLock(run.home),
  ]);
  const holder = lock?.holder !== undefined && !isOver(lock.holder, now) ? lock.holder : undefined;
  const dates = dueDates(compiled, run.outputs);
  return {
    fleet: fleet.name,
    at: now.toISOString(),
    servers,
    expiries: [
      ...dates.map(({ id, what, at, expires }) => ({
        id,
        what,
        due: at.toISOString(),
        expires: expires.toISOString(),
      })),
      ...authorityExpiries(opened),
    ],
    ...rotations,
    allowances: fleet.documents.flatMap(({ document, spec }) =>
      ((spec as { allow?: readonly { rule: string; reason: string; until?: string }[] }).allow ?? []).map(
        ({ rule, reason, until }) => ({ document, rule, reason, until }),
      ),
    ),
    retained: retainedRecords(run).map(({ id, document }) => ({ id, document })),
    keeper: keeper && { pid: keeper.pid, host: keeper.host, since: keeper.since },
    needsKeeper: keeper === undefined && dates.length > 0,
    lock: holder && { command: holder.command, pid: holder.pid, host: holder.host, since: holder.since },
    proven: evidence && provenBy(evidence),
  };
}

function provenBy({ summary, claims }: LeftEvidence): FleetStatus['proven'] {
  const times = claims.map(({ at }) => at).sort();
  const [at = '', latest = at] = [times[0], times.at(-1)];
  return { at, latest, ...summary };
}

async function serverStates({ fleet, compiled, run }: OpenRun): Promise<FleetStatus['servers']> {
  const live = await serversOf(await localSites(fleet));
  const wanted = await Promise.all(
    wantedServers(compiled, run.outputs).map(async ({ name, site, address }) => {
      const found = live.find((each) => each.name === name && each.site.name === site);
      const state = found === undefined ? 'notMade' : found.pid === undefined ? 'stopped' : 'running';
      const health = found?.peer === undefined || found.pid === undefined ? undefined : await healthOf(found.peer);
      return { name, site, state, address, pid: found?.pid, health: health && healthSentence(health) } as const;
    }),
  );
  const left = live
    .filter(({ name, site }) => !wanted.some((each) => each.name === name && each.site === site.name))
    .map(({ name, site, pid }) => {
      const state: 'running' | 'stopped' = pid === undefined ? 'stopped' : 'running';
      return { name, site: site.name, state, pid, leftFleet: true as const };
    });
  return [...wanted, ...left];
}

interface WantedServer {
  readonly name: string;
  readonly site: string;
  readonly address?: string;
}

/** PostgreSQL servers, and each peer of a store. */
function wantedServers(compiled: CompiledFleet, outputs: OpenRun['run']['outputs']): WantedServer[] {
  return compiled.resources.flatMap(({ id, spec }): WantedServer[] => {
    const known = outputs.get(id);
    const { kind, targetName: site } = parseResourceId(id);
    if (kind === 'process') {
      const { postgres: name } = spec as ProcessSpec;
      return [{ name, site, address: known?.['port'] === undefined ? undefined : `${known['host']}:${known['port']}` }];
    }
    if (kind === 'vault-server') {
      const { store, peers } = spec as VaultServerSpec;
      const addresses = String(known?.['addresses'] ?? '').split(' ');
      return peers.map(({ nodeId }, at) => ({ name: `${store}/${nodeId}`, site, address: addresses[at] }));
    }
    return [];
  });
}

function authorityExpiries({ compiled, run }: OpenRun): FleetStatus['expiries'] {
  return compiled.resources.flatMap(({ id, spec }) => {
    const notAfter = run.outputs.get(id)?.['notAfter'];
    if (parseResourceId(id).kind !== 'ca' || typeof notAfter !== 'string') {
      return [];
    }
    const third = (spec as CaSpec).ttlMilliseconds / 3;
    const due = new Date(Date.parse(notAfter) - third).toISOString();
    return [{ id, what: 'authority' as const, due, expires: notAfter }];
  });
}

/** When each key with a rotation interval was written, and when its time is over. */
async function rotationsOf({ fleet, run }: OpenRun): Promise<Pick<FleetStatus, 'rotations' | 'unasked'>> {
  if (run.home === undefined) {
    return { rotations: [], unasked: [] };
  }
  const wanted = rotatingEntries(fleet);
  const found: { what: string; writtenAt: string; due: string }[] = [];
  const unasked: { store: string; why: string }[] = [];
  for (const [store, entries] of Map.groupBy(wanted, (each) => each.store)) {
    const infos = await entriesOf(run, store);
    if (infos instanceof Failure) {
      unasked.push({ store, why: infos.message });
      continue;
    }
    for (const { path, every, key } of entries) {
      const info = infos.get(path);
      const interval = durationMilliseconds(every);
      if (info !== undefined && interval !== undefined) {
        const due = new Date(Date.parse(info.writtenAt) + interval).toISOString();
        found.push({ what: `${store}/${path}${key === undefined ? '' : ` ${key}`}`, writtenAt: info.writtenAt, due });
      }
    }
  }
  return { rotations: found.sort((left, right) => (left.due < right.due ? -1 : 1)), unasked };
}

/** A store that is stopped, sealed or away is no reason to tell nothing of the rest. */
async function entriesOf(run: OpenRun['run'], store: string): Promise<ReadonlyMap<string, EntryInfo> | Failure> {
  try {
    return new Map((await (await run.store(store)).list('')).map((info) => [info.path, info]));
  } catch (error) {
    if (error instanceof Failure) {
      return error;
    }
    throw error;
  }
}

interface RotatingEntry {
  readonly store: string;
  readonly path: string;
  readonly key?: string;
  readonly every: string;
}

function rotatingEntries(fleet: OpenRun['fleet']): RotatingEntry[] {
  const ofTrees = [...fleet.secretTrees.values()].flatMap(({ spec }) =>
    spec.entries.flatMap((entry) => {
      const path = spec.path === undefined ? entry.path : `${spec.path}/${entry.path}`;
      return Object.entries(entry.keys ?? {}).flatMap(([key, source]) => {
        const isMade = 'generate' in source || 'import' in source;
        const every = (source as { rotateEvery?: string }).rotateEvery ?? (isMade ? spec.rotateEvery : undefined);
        return every === undefined ? [] : [{ store: spec.store, path, key, every }];
      });
    }),
  );
  const ofAccesses = [...fleet.accesses.values()].flatMap(({ name, spec }) => {
    const every = spec.credential.static?.rotateEvery;
    const path = spec.path ?? `databases/${spec.postgres}/${name}`;
    return every === undefined ? [] : [{ store: spec.store, path, every }];
  });
  return [...ofTrees, ...ofAccesses];
}
