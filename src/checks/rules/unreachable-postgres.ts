import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import type { Fleet } from '../../fleet/model.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { RuleDescription } from '../../fleet/rule.ts';
import { grantsOf } from '../grants.ts';
import { linkExposes, whyUnreachable } from '../reach.ts';
import { defineRule } from '../rule.ts';

export const unreachablePostgres = defineRule({
  id: 'KW047',
  name: 'unreachable-postgres',
  what: 'A consumer or a replica has no way to the PostgreSQL cluster that it is to log in to.',
  why: 'Names of services resolve inside their own cluster only: the credential would be right and every connection fail.',
  example:
    'kind: Consumer\nspec: { site: site-b, secrets: [{ name: db, from: { db: { access: orders-app } } }] }\n# orders-app leads to a cluster on site-a, and no Link exposes that',
  remedy: 'Expose the cluster by a Link between the two sites, or run the consumer on its site.',
  *check({ fleet }, rule) {
    for (const { consumer, access, source } of grantsOf(fleet)) {
      const name = access === undefined ? undefined : fleet.accesses.get(access)?.spec.postgres;
      const postgres = name === undefined ? undefined : fleet.postgres.get(name);
      const { site } = consumer.spec;
      const why = postgres && site !== undefined ? whyUnreachable(fleet, site, postgres) : undefined;
      if (why !== undefined) {
        yield finding(rule, {
          message: `${consumer.document} on ${site} cannot reach ${name}: ${why}`,
          source,
          object: consumer.document,
        });
      }
    }
    yield* ofReplications(fleet, rule);
  },
});

function* ofReplications(fleet: Fleet, rule: RuleDescription): Iterable<Diagnostic> {
  for (const { document: object, source, spec } of fleet.replications.values()) {
    const link = spec.link === undefined ? undefined : fleet.links.get(spec.link);
    const flows = [
      ...(spec.logical?.flows.map(({ from, to }, index) => ({ from, to, keys: ['logical', 'flows', index] })) ?? []),
      ...(spec.physical ? [{ from: spec.physical.primary, to: spec.physical.standbys, keys: ['physical'] }] : []),
    ];
    for (const { from, to, keys } of flows) {
      const postgres = fleet.postgres.get(from);
      for (const site of new Set(to.flatMap((name) => fleet.postgres.get(name)?.spec.site ?? []))) {
        if (postgres === undefined || site === postgres.spec.site) {
          continue;
        }
        if (link !== undefined && !linkExposes(link, { postgres: from }, site, postgres.spec.site)) {
          yield finding(rule, {
            message: `${link.document} does not expose ${from} to ${site}`,
            source: at(source, 'spec', 'link'),
            object,
            remedy: `Add \`{ postgres: ${from} }\` to \`exposes\` of a Link between ${postgres.spec.site} and ${site}.`,
          });
        }
        const why = spec.link === undefined ? whyUnreachable(fleet, site, postgres) : undefined;
        if (why !== undefined) {
          yield finding(rule, {
            message: `${site} cannot reach ${from}: ${why}`,
            source: at(source, 'spec', ...keys),
            object,
          });
        }
      }
    }
  }
}
