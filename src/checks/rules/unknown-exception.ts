import { didYouMean } from '../../fleet/nearest.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const unknownException = defineRule({
  id: 'KW070',
  name: 'unknown-exception',
  what: '`allow` names a rule that is not there, or that cannot be broken.',
  why: 'The exception would do nothing, though its reason says that it does.',
  example: 'allow: [{ rule: plain-htp, reason: lab network }]',
  remedy: 'Name a rule that may be broken.',
  *check({ fleet, rules }, rule) {
    const allowable = [...rules].flatMap(([name, known]) => (known.allowable && name !== known.id ? [name] : []));
    for (const { document: object, source, spec } of fleet.documents) {
      for (const [index, { rule: name }] of (spec.allow ?? []).entries()) {
        const known = rules.get(name);
        if (known?.allowable !== true) {
          yield finding(rule, {
            message:
              known === undefined
                ? `there is no rule \`${name}\`${didYouMean(name, allowable)}`
                : `the rule \`${name}\` cannot be broken by an exception`,
            source: at(source, 'spec', 'allow', index, 'rule'),
            object,
            remedy: `Name one of ${allowable.sort().join(', ')}, or remove the exception.`,
          });
        }
      }
    }
  },
});
