import type { DocumentMap, Fleet, FleetDocument } from '../../fleet/model.ts';
import { finding } from '../../fleet/rule.ts';
import { grantsOf, type Grant } from '../grants.ts';
import { patternMatches } from '../../model/path-pattern.ts';
import { patternsOverlap } from '../path-patterns.ts';
import { accessPath } from '../../fleet/names.ts';
import { defineRule } from '../rule.ts';

export const ruleBroken = defineRule({
  id: 'KW054',
  name: 'rule-broken',
  what: 'A consumer is given what a Rule keeps from it.',
  why: 'The fleet contradicts itself: applied as it stands, the Rule would be broken at once.',
  example:
    'kind: Rule\nspec: { secrets: { path: "apps/production/**" }, onlyBy: [{ site: production }] }\n---\nkind: Consumer\nspec: { site: dev, reads: [{ path: "apps/**" }] }',
  remedy: 'Take the right from the consumer, or name the consumer in the Rule.',
  *check({ fleet }, rule) {
    const grants = [...grantsOf(fleet)];
    for (const document of fleet.rules.values()) {
      const accesses = accessesInto(document, fleet);
      for (const grant of grants) {
        const reached = whatIsReached(document, grant, accesses);
        if (reached !== undefined && !isAllowed(document, grant)) {
          const { consumer } = grant;
          const where = consumer.spec.site === undefined ? `group ${consumer.spec.group}` : `on ${consumer.spec.site}`;
          yield finding(rule, {
            message: `${consumer.document} (${where}) reaches ${reached}, which ${document.document} forbids`,
            source: grant.source,
            related: { message: 'the Rule is here', source: { ...document.source, pointer: '/metadata/name' } },
            object: consumer.document,
          });
        }
      }
    }
  },
});

/** The accesses that lead into a Rule's database, by their names. */
function accessesInto({ spec }: FleetDocument<'Rule'>, fleet: Fleet): DocumentMap<'DatabaseAccess'> {
  const { postgres, name } = spec.database ?? {};
  // A login for replication reads no table by itself: it copies a whole server, which is another matter.
  const leading = [...fleet.accesses.values()].filter(
    (each) => each.spec.postgres === postgres && (each.spec.database === name || each.spec.privileges === 'superuser'),
  );
  return new Map(leading.map((each) => [each.name, each]));
}

/** What of the Rule's object a grant reaches, for a sentence; undefined: nothing. */
function whatIsReached(
  { spec }: FleetDocument<'Rule'>,
  grant: Grant,
  accesses: DocumentMap<'DatabaseAccess'>,
): string | undefined {
  if (spec.secrets !== undefined) {
    const { store, path } = spec.secrets;
    return grant.store === store && patternsOverlap(path, grant.path) ? grant.path : undefined;
  }
  const access =
    grant.access === undefined
      ? [...accesses.values()].find(
          (each) => grant.store === each.spec.store && patternMatches(grant.path, accessPath(each)),
        )
      : accesses.get(grant.access);
  return access && `database ${spec.database?.name} of ${spec.database?.postgres} by ${access.name}`;
}

function isAllowed({ spec }: FleetDocument<'Rule'>, { consumer }: Grant): boolean {
  const named = (spec.onlyBy ?? spec.neverBy ?? []).some(
    (subject) =>
      (subject.site !== undefined && subject.site === consumer.spec.site) ||
      (subject.consumer !== undefined && subject.consumer === consumer.name) ||
      (subject.group !== undefined && subject.group === consumer.spec.group),
  );
  return spec.onlyBy !== undefined ? named : !named;
}
