import { targetId } from '../model/ids.ts';
import { Run } from '../engine/run.ts';
import type { Fleet } from '../fleet/model.ts';
import { listServers } from '../targets/process/servers.ts';
import { localSite } from '../targets/process/local-site.ts';
import type { LocalSite } from '../targets/process/local-site.ts';
import { stopServer } from '../targets/process/stop.ts';
import type { PeerFolder } from '../targets/vault/server/peer-folder.ts';
import { stopPeer } from '../targets/vault/server/peer-process.ts';
import { listPeers } from '../targets/vault/server/peers.ts';
import { systemEnvironment } from './environment.ts';

/** The sites of a fleet on this machine, also of a fleet with findings: they are asked for stopping it. */
export async function localSites(fleet: Fleet): Promise<readonly LocalSite[]> {
  const targets = [...fleet.sites.values()].flatMap(({ name, spec }) =>
    spec.local === undefined
      ? []
      : [{ id: targetId('site', name), kind: 'site' as const, spec: { name, ...spec.local }, dependsOn: [] }],
  );
  const run = new Run({
    compiled: { fleet: fleet.name, home: fleet.home, targets, resources: [], claims: [] },
    registry: { targets: [localSite], kinds: [] },
    folder: fleet.folder,
    environment: systemEnvironment,
  });
  const answers = await Promise.all(targets.map((target) => run.sessions.connect(target, run.context)));
  return answers.flatMap((answer) => (answer.state === 'present' ? [answer.seen.session as LocalSite] : []));
}

/** A server of the fleet on this machine: a PostgreSQL, or a peer of a store. */
export interface SiteServer {
  readonly kind: 'postgres' | 'peer';
  readonly site: LocalSite;
  /** Of the Postgres; of a peer `<store>/<node id>`. */
  readonly name: string;
  /** Everything of it lies there. */
  readonly folder: string;
  /** Undefined while it is stopped. */
  readonly pid?: number;
  /** Of a peer. */
  readonly peer?: PeerFolder;
  /** Stops it, whoever started it. False when it did not run. */
  stop(progress?: (text: string) => void): Promise<boolean>;
}

/** Every server of the fleet on this machine, running or not. */
export async function serversOf(sites: readonly LocalSite[]): Promise<readonly SiteServer[]> {
  const lists = await Promise.all(
    sites.map(async (site): Promise<SiteServer[]> => {
      const [servers, peers] = await Promise.all([listServers(site), listPeers(site)]);
      return [
        ...servers.map(({ server, pid }): SiteServer => {
          const { name, folder } = server;
          return { kind: 'postgres', site, name, folder, pid, stop: (progress) => stopServer(server, progress) };
        }),
        ...peers.map(({ store, peer, pid }): SiteServer => {
          const name = `${store}/${peer.nodeId}`;
          return { kind: 'peer', site, name, folder: peer.folder, pid, peer, stop: () => stopPeer(peer) };
        }),
      ];
    }),
  );
  return lists.flat();
}
