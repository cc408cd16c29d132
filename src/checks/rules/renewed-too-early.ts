import { milliseconds } from '../../fleet/durations.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const renewedTooEarly = defineRule({
  id: 'KW043',
  name: 'renewed-too-early',
  what: 'A certificate is to be replaced earlier before its end than it is valid.',
  why: 'It would be due the moment it is issued, again and again.',
  example: 'leaf: { ttl: 10d, renewBefore: 15d }',
  remedy: 'Make `renewBefore` shorter than `ttl`; a third of it is usual.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.authorities.values()) {
      const { ttl, renewBefore } = spec.leaf;
      if (renewBefore !== undefined && milliseconds(renewBefore) >= milliseconds(ttl)) {
        yield finding(rule, {
          message: `\`renewBefore\` is ${renewBefore}, and a leaf is valid for ${ttl}`,
          source: at(source, 'spec', 'leaf', 'renewBefore'),
          object,
        });
      }
    }
  },
});
