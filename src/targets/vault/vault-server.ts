import { dirname, join } from 'node:path';
import type { Applied, ApplyContext, DiffContext, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { causeOf } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { LocalSite } from '../process/local-site.ts';
import { formatMark, readMark } from '../process/mark.ts';
import { judgeOwnership, leavingChange, refused } from '../process/ownership.ts';
import { healthSentence } from './server/peer-health.ts';
import { stopPeer } from './server/peer-process.ts';
import { deletePeer, listPeers, peerOf } from './server/peers.ts';
import { ensureVaultServer } from './server/vault-server-ensure.ts';
import { addressOf } from './server/local-health.ts';
import { observeVaultServer } from './server/vault-server-observe.ts';
import type { SeenPeer, SeenVaultServer } from './server/vault-server-observe.ts';
import type { VaultServerSpec } from './vault-server.spec.ts';

/** `site/<site>/vault-server/<store>`: see `vault-server.spec.ts`. */
export const vaultServerKind: ResourceKind<LocalSite, VaultServerSpec, SeenVaultServer> = {
  kind: 'vault-server',
  targetKind: 'site',
  onRemoval: 'retain',
  ownership: 'file',

  async observe(site, wanted, recorded, context) {
    const specs = new Map(wanted.map(({ id, spec }) => [id, spec]));
    const ids = new Set<ResourceId>([...specs.keys(), ...recorded.map(({ id }) => id)]);
    const answers = new Map<ResourceId, Answer<SeenVaultServer>>();
    for (const id of ids) {
      answers.set(id, await observeVaultServer(site, storeOf(id), specs.get(id), context));
    }
    return answers;
  },

  diff: diffVaultServer,

  outputs: (_resource, { peers }) =>
    outputsOf(
      dirname(peers[0]?.peer.folder ?? ''),
      peers.flatMap(({ memory }) => (memory === undefined ? [] : [addressOf(memory)])),
    ),

  async *apply(site, changes, io) {
    for (const ready of changes) {
      yield await applyOne(site, ready, io);
    }
  },
};

type Ready = ReadyChange<VaultServerSpec, SeenVaultServer>;

function diffVaultServer(
  wanted: Resource<VaultServerSpec> | undefined,
  seen: SeenVaultServer | undefined,
  recorded: Parameters<typeof leavingChange>[0]['recorded'],
  context: DiffContext,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  const comment = seen?.peers.find(({ memory }) => memory !== undefined)?.memory?.mark;
  const question = { fleet: context.fleet, id, comment, wanted, recorded };
  if (wanted === undefined) {
    return leavingChange(question, 'retain', 'left the fleet; its peers are stopped, their data stays');
  }
  if (seen === undefined) {
    const { peers, audit } = wanted.spec;
    return {
      id,
      action: 'create',
      fields: [
        { field: 'peers', after: String(peers.length) },
        { field: 'audit', after: audit.join(', ') },
      ],
    };
  }
  const ownership = comment === undefined ? { owner: 'us' as const } : judgeOwnership(question);
  if (ownership.owner === 'other') {
    return refused(id, ownership);
  }
  if (seen.bootstrap?.state === 'initialised' && seen.peers.every(({ memory }) => memory === undefined)) {
    return {
      id,
      action: 'refused',
      fields: [],
      reason: `store ${wanted.spec.store} was initialised once, and no peer of it is on ${parseResourceId(id).targetName}`,
      refusal: {
        code: 'vault-data-lost',
        remedy: `name the site of its server as before, or put the data folders of its peers back; to begin with an empty store, take it out of the fleet, apply, then: keywright delete ${id} --yes-delete-data`,
      },
    };
  }
  if (seen.beyond.length > 0) {
    const wants = wanted.spec.peers.length;
    return {
      id,
      action: 'refused',
      fields: [],
      reason: `the fleet asks for ${wants} peers, and the cluster has ${seen.beyond.join(', ')}, too`,
      refusal: {
        code: 'vault-replicas-shrink',
        remedy: `set \`replicas: ${wants + seen.beyond.length}\`, or take them out of the cluster with a root token; apply stops them then: ${seen.beyond.map((nodeId) => `bao operator raft remove-peer ${nodeId}`).join('; ')}`,
      },
    };
  }
  const fields = [
    ...seen.peers.flatMap((peer) => peerFields(peer)),
    ...seen.left.map((nodeId) => ({ field: `peer ${nodeId}`, before: 'taken out of the cluster', after: 'stopped' })),
    ...seen.removed.map((nodeId) => ({ field: `peer ${nodeId}`, before: 'taken out of the cluster', after: 'voter' })),
    ...bootstrapFields(seen),
  ];
  return fields.length > 0
    ? { id, action: 'update', fields }
    : (leftChange(wanted, seen) ?? { id, action: 'none', fields });
}

/** What apply does not do to a store that runs. */
function leftChange({ id, spec }: Resource<VaultServerSpec>, { keys, version }: SeenVaultServer): Change | undefined {
  if (keys !== undefined) {
    // Who holds them is decided when a store is initialised.
    const needs = 'keyShares as they were: Keywright cannot give the keys to others yet';
    return { id, action: 'operation', fields: [{ field: 'key shares', ...keys }], needs };
  }
  if (spec.version !== undefined && version !== undefined && version !== spec.version) {
    const needs = `keywright down, then keywright apply with bao ${spec.version} on PATH`;
    return { id, action: 'operation', fields: [{ field: 'version', before: version, after: spec.version }], needs };
  }
  return undefined;
}

function peerFields({ peer, memory, pid, health, stale }: SeenPeer): FieldChange[] {
  const field = `peer ${peer.nodeId}`;
  if (memory === undefined) {
    return [{ field, before: 'missing', after: 'active or standby' }];
  }
  const fields: FieldChange[] = stale.map((what) => ({
    field: `${field}, ${what}`,
    note: what === 'data' ? 'was deleted under it; it comes back from the others' : 'differs from the fleet',
  }));
  if (pid === undefined) {
    return [...fields, { field, before: 'stopped', after: 'active or standby' }];
  }
  const works = health?.state === 'active' || health?.state === 'standby';
  // Without a leader or with a full audit disk nothing is to be written here; what uses the store says so.
  const waits = health?.state === 'leaderless' || health?.state === 'auditBlocked';
  return works || waits
    ? fields
    : [
        ...fields,
        { field, before: health === undefined ? 'unknown' : healthSentence(health), after: 'active or standby' },
      ];
}

function bootstrapFields({ bootstrap }: SeenVaultServer): FieldChange[] {
  if (bootstrap?.state !== 'initialised') {
    return [{ field: 'keys', before: 'never initialised', after: 'with their holders' }];
  }
  return bootstrap.rootTokenAlive ? [{ field: 'root token', before: 'alive', after: 'ended' }] : [];
}

async function applyOne(site: LocalSite, ready: Ready, io: ApplyContext): Promise<Applied> {
  const { id } = ready.change;
  try {
    io.guard();
    if (ready.resource === undefined) {
      return await leave(site, ready, io);
    }
    const mark = formatMark({ fleet: io.fleet, id });
    await stopThose(site, storeOf(id), ready.seen?.left ?? []);
    const { addresses, note } = await ensureVaultServer({ site, spec: ready.resource.spec, mark, io, id });
    return {
      id,
      outcome: 'done',
      record: {
        mark,
        outputs: outputsOf(join(site.storesFolder, storeOf(id)), addresses),
        removal: { home: ready.resource.spec.home.store },
      },
      ...(note === undefined ? {} : { note }),
    };
  } catch (error) {
    return { id, outcome: 'failed', error: error instanceof Error ? error : new Error(causeOf(error)) };
  }
}

/** Peers that were taken out of the cluster. Their folders stay, with their audit logs. */
async function stopThose(site: LocalSite, store: string, nodeIds: readonly string[]): Promise<void> {
  await Promise.all(nodeIds.map((nodeId) => stopPeer(peerOf(site, store, nodeId))));
}

/** Stops the peers of a store that left the fleet; with `remove`, deletes their data and its keys in home too. */
async function leave(site: LocalSite, { change, seen, recorded }: Ready, io: ApplyContext): Promise<Applied> {
  const { id } = change;
  const kept: Applied = { id, outcome: 'done', record: { outputs: recorded?.outputs, removal: recorded?.removal } };
  const mark = readMark(seen?.peers.find(({ memory }) => memory !== undefined)?.memory?.mark);
  if (mark?.fleet !== io.fleet || mark.id !== id) {
    return kept;
  }
  const store = storeOf(id);
  for (const { peer } of (await listPeers(site)).filter((each) => each.store === store)) {
    await stopPeer(peer);
    if (change.action === 'remove') {
      io.guard();
      await deletePeer(site, peer);
    }
  }
  const home = recorded?.removal?.['home'];
  if (change.action === 'remove' && typeof home === 'string') {
    const records = await io.store(home);
    for (const { path } of await records.list(`keywright/${io.fleet}/stores/${store}`)) {
      await records.destroy(path);
    }
  }
  return kept;
}

function storeOf(id: ResourceId): string {
  return parseResourceId(id).names[0] as string;
}

function outputsOf(folder: string, addresses: readonly string[]): Readonly<Record<string, string>> {
  return { addresses: addresses.join(' '), folder };
}
