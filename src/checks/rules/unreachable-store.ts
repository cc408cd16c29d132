import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';
import { whyStoreUnreachable } from '../reach.ts';

export const unreachableStore = defineRule({
  id: 'KW048',
  name: 'unreachable-store',
  what: 'A site has no way to the store that its pods ask.',
  why: 'The operator, the driver or the database there would wait for a store that it cannot connect to.',
  example: '# server: { site: hub, exposure: { internal: {} } }, and a Postgres with encryption on site-a',
  remedy: 'Choose another `exposure`, add the site to `allowFrom`, or expose the store by a Link.',
  *check({ fleet, uses }, rule) {
    for (const { consumer, store, how, source, object } of uses) {
      const site = consumer?.spec.site;
      const document = fleet.stores.get(store);
      if (consumer === undefined || site === undefined || document === undefined) {
        continue;
      }
      const delivery = consumer.spec.delivery ?? fleet.sites.get(site)?.spec.delivery;
      // Copies that Keywright writes itself need no way from the site.
      const asks = how !== 'copy' || (delivery !== undefined && delivery.direct === undefined);
      const why = asks ? whyStoreUnreachable(fleet, site, document) : undefined;
      if (why !== undefined) {
        yield finding(rule, { message: `${object} on ${site} cannot reach store ${store}: ${why}`, source, object });
      }
    }
    for (const { document: object, source, spec } of fleet.postgres.values()) {
      const store = spec.encryption && fleet.stores.get(spec.encryption.store);
      const why = store && whyStoreUnreachable(fleet, spec.site, store);
      if (why !== undefined) {
        yield finding(rule, {
          message: `${object} on ${spec.site} cannot reach store ${store?.name}: ${why}`,
          source: at(source, 'spec', 'encryption'),
          object,
          why: 'pg_tde fetches its principal key at every start of the server.',
        });
      }
    }
  },
});
