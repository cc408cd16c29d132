import type { Fleet } from '../fleet/model.ts';
import type { ResourceId } from '../model/ids.ts';
import { vaultServerId } from './places.ts';

/** The cluster behind a store, when the fleet itself runs it on a local site. */
export function serverOf(fleet: Fleet, store: string): ResourceId | undefined {
  const server = fleet.stores.get(store)?.spec.vault?.server;
  return server === undefined || fleet.sites.get(server.site)?.spec.local === undefined
    ? undefined
    : vaultServerId(server.site, store);
}

/** What has to run before anything in a store can be read or written. */
export function storeNeeds(fleet: Fleet, store: string): ResourceId[] {
  const server = serverOf(fleet, store);
  return server === undefined ? [] : [server];
}
