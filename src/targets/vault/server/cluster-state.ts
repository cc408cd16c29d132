import { asNumber, asObject, asText } from '../../../stores/vault/reply.ts';
import type { VaultClient } from '../../../stores/vault/client.ts';

export interface ClusterMember {
  readonly nodeId: string;
  /** Of its cluster port. */
  readonly address: string;
  readonly status: string;
  readonly voter: boolean;
  readonly healthy: boolean;
}

/** What the leader's autopilot says of the raft cluster. */
export interface ClusterState {
  readonly healthy: boolean;
  /** How many peers may be lost before the cluster stops. */
  readonly failureTolerance: number;
  /** Node id. */
  readonly leader: string;
  readonly members: readonly ClusterMember[];
}

/** Asks the leader; needs `read` on `sys/storage/raft/autopilot/state`. */
export async function clusterState(client: VaultClient): Promise<ClusterState> {
  const { data } = await client.request({ method: 'GET', path: 'sys/storage/raft/autopilot/state', namespace: '' });
  const servers = Object.entries(asObject(data['servers']) ?? {});
  return {
    healthy: data['healthy'] === true,
    failureTolerance: asNumber(data['failure_tolerance']),
    leader: asText(data['leader']),
    members: servers
      .map(([nodeId, value]) => memberOf(nodeId, asObject(value) ?? {}))
      .toSorted((one, other) => (one.nodeId < other.nodeId ? -1 : 1)),
  };
}

/**
 * Node ids of the raft configuration, which a peer is in from its joining until it is taken out. A removed one goes on
 * answering as a standby, so that its own health never tells, and autopilot notices seconds later.
 */
export async function raftMembers(client: VaultClient): Promise<string[]> {
  const { data } = await client.request({ method: 'GET', path: 'sys/storage/raft/configuration', namespace: '' });
  const servers = asObject(data['config'])?.['servers'];
  return Array.isArray(servers) ? servers.map((server) => asText(asObject(server)?.['node_id'])) : [];
}

/**
 * Lets peers on one machine vote after two steady seconds; the default of ten is meant for networks. Done once, with the
 * token of the bootstrap.
 */
export async function quickenVoting(client: VaultClient): Promise<void> {
  await client.request({
    method: 'POST',
    path: 'sys/storage/raft/autopilot/configuration',
    body: { server_stabilization_time: '2s' },
    namespace: '',
    repeat: 'safe',
  });
}

/** Healthy, and every expected peer in it votes. */
export function isComplete(state: ClusterState, expected: readonly string[]): boolean {
  const votes = (nodeId: string): boolean =>
    state.members.some((member) => member.nodeId === nodeId && member.voter && member.healthy);
  return state.healthy && expected.every(votes);
}

function memberOf(nodeId: string, server: Readonly<Record<string, unknown>>): ClusterMember {
  const status = asText(server['status']);
  return {
    nodeId,
    address: asText(server['address']),
    status,
    voter: status === 'voter' || status === 'leader',
    healthy: server['healthy'] === true,
  };
}
