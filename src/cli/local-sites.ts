import { targetId } from '../model/ids.ts';
import { Run } from '../engine/run.ts';
import type { Fleet } from '../fleet/model.ts';
import { listServers } from '../targets/process/servers.ts';
import type { LocalServer } from '../targets/process/servers.ts';
import { localSite } from '../targets/process/local-site.ts';
import type { LocalSite } from '../targets/process/local-site.ts';
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

export interface SiteServer extends LocalServer {
  readonly site: LocalSite;
}

/** Every server of the fleet on this machine, running or not. */
export async function serversOf(sites: readonly LocalSite[]): Promise<readonly SiteServer[]> {
  const lists = await Promise.all(
    sites.map(async (site) => (await listServers(site)).map((each) => ({ ...each, site }))),
  );
  return lists.flat();
}
