import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const expiredException = defineRule({
  id: 'KW071',
  name: 'expired-exception',
  what: 'An exception has outlived its `until`.',
  why: 'Its author said that it would not be needed any more by then.',
  example: 'allow: [{ rule: plain-http, reason: lab network, until: "2020-01-31" }]',
  remedy: 'Mend what it excuses and remove it, or set a later day with a reason.',
  *check({ fleet, now }, rule) {
    const today = now.toISOString().slice(0, 10);
    for (const { document: object, source, spec } of fleet.documents) {
      for (const [index, { rule: name, until }] of (spec.allow ?? []).entries()) {
        if (until !== undefined && until < today) {
          yield finding(rule, {
            message: `the exception from ${name} ended on ${until}`,
            source: at(source, 'spec', 'allow', index, 'until'),
            object,
          });
        }
      }
    }
  },
});
