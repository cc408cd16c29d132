import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { patternMatches } from '../../model/path-pattern.ts';
import { defineRule } from '../rule.ts';

export const ruleMatchesNothing = defineRule({
  id: 'KW053',
  name: 'rule-matches-nothing',
  severity: 'warning',
  what: 'A Rule protects something that is not there.',
  why: 'It holds whatever happens, and what it was meant for is not protected.',
  example:
    'kind: Rule\nspec: { secrets: { path: "apps/prod/**" }, onlyBy: [{ site: production }] }     # the path is apps/production',
  remedy: 'Correct what it names.',
  *check({ fleet, entries, entriesIncomplete }, rule) {
    for (const { document: object, source, spec } of fleet.rules.values()) {
      const { secrets, copies } = spec;
      const matched =
        secrets === undefined ||
        entriesIncomplete ||
        entries.some(
          ({ kind, store, path }) =>
            kind !== 'encryptionKey' &&
            (store === undefined || store === secrets.store) &&
            patternMatches(secrets.path, path),
        );
      if (!matched) {
        yield finding(rule, {
          message: `nothing in store ${secrets.store} lies at ${secrets.path}`,
          source: at(source, 'spec', 'secrets'),
          object,
        });
      }
      const lies = [...fleet.consumers.values()].some(
        (consumer) =>
          consumer.spec.secrets.length > 0 &&
          consumer.spec.site === copies?.site &&
          (copies?.namespace === undefined ||
            namespaceOf(consumer.spec, fleet.sites.get(copies.site)?.spec) === copies.namespace),
      );
      if (copies !== undefined && !lies) {
        yield finding(rule, {
          message: `nothing is delivered to ${copies.namespace === undefined ? '' : `namespace ${copies.namespace} of `}${copies.site}`,
          source: at(source, 'spec', 'copies'),
          object,
        });
      }
    }
  },
});

function namespaceOf(
  consumer: { readonly namespace?: string },
  site: { readonly kubernetes?: { readonly namespace: string } } | undefined,
): string | undefined {
  return consumer.namespace ?? site?.kubernetes?.namespace;
}
