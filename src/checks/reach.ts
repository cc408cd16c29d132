import type { Fleet, FleetDocument } from '../fleet/model.ts';

/** Ends of a link: the sites that it joins. */
function sitesOf(link: FleetDocument<'Link'>): readonly string[] {
  const { skupper, clusterMesh } = link.spec;
  return skupper === undefined ? (clusterMesh?.sites ?? []) : [skupper.accepting.site, skupper.dialing.site];
}

/** Whether a link joins two sites and exposes the thing. */
export function linkExposes(
  link: FleetDocument<'Link'>,
  what: { readonly postgres: string } | { readonly store: string },
  from: string,
  to: string,
): boolean {
  const sites = sitesOf(link);
  return (
    sites.includes(from) &&
    sites.includes(to) &&
    link.spec.exposes.some((exposed) =>
      'postgres' in what ? exposed.postgres === what.postgres : exposed.store === what.store,
    )
  );
}

/** A name that only the cluster itself resolves. */
function isInternal(host: string, domain: string): boolean {
  return host.endsWith('.svc') || host.endsWith(`.svc.${domain}`) || !host.includes('.');
}

/** Why a site cannot connect to a PostgreSQL cluster, or undefined when it can as far as the fleet tells. */
export function whyUnreachable(fleet: Fleet, site: string, postgres: FleetDocument<'Postgres'>): string | undefined {
  const there = fleet.sites.get(postgres.spec.site);
  const here = fleet.sites.get(site);
  if (there === undefined || here === undefined || there.name === here.name) {
    return undefined;
  }
  // Local sites are one machine.
  if (here.spec.local !== undefined && there.spec.local !== undefined) {
    return undefined;
  }
  const { external } = postgres.spec;
  if (external !== undefined && !isInternal(external.host, there.spec.kubernetes?.domain ?? 'cluster.local')) {
    return undefined;
  }
  const linked = [...fleet.links.values()].some((link) =>
    linkExposes(link, { postgres: postgres.name }, site, there.name),
  );
  return linked ? undefined : `${postgres.name} runs on ${there.name}, and no Link exposes it to ${site}`;
}

/** Why pods of a site cannot connect to a store, or undefined when they can as far as the fleet tells. */
export function whyStoreUnreachable(fleet: Fleet, site: string, store: FleetDocument<'Store'>): string | undefined {
  const server = store.spec.vault?.server;
  if (server === undefined || server.site === site) {
    return undefined;
  }
  const here = fleet.sites.get(site);
  const there = fleet.sites.get(server.site);
  if (here?.spec.local !== undefined && there?.spec.local !== undefined) {
    return undefined;
  }
  if ([...fleet.links.values()].some((link) => linkExposes(link, { store: store.name }, site, server.site))) {
    return undefined;
  }
  if (server.exposure.internal !== undefined) {
    return `${store.name} is reached from within ${server.site} only, and no Link exposes it to ${site}`;
  }
  const { allowFrom } = server;
  const networks = here?.spec.kubernetes?.egressCidrs ?? [];
  const allowed = allowFrom?.some(
    (from) => from.site === site || (from.cidr !== undefined && networks.includes(from.cidr)),
  );
  return allowed === false && allowFrom?.every(({ cidr }) => cidr === undefined) === true
    ? `\`allowFrom\` of ${store.name} does not name ${site}`
    : undefined;
}
