import { milliseconds } from '../../fleet/durations.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const leaseLongerThanMaximum = defineRule({
  id: 'KW044',
  name: 'lease-longer-than-maximum',
  what: 'The `ttl` of a dynamic credential is longer than its `maxTtl`.',
  why: 'The store would cut every lease short, and consumers that count on `ttl` lose their login.',
  example: 'credential: { dynamic: { ttl: 48h, maxTtl: 24h } }',
  remedy: 'Make `ttl` at most `maxTtl`.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.accesses.values()) {
      const dynamic = spec.credential.dynamic;
      if (dynamic !== undefined && milliseconds(dynamic.ttl) > milliseconds(dynamic.maxTtl)) {
        yield finding(rule, {
          message: `a lease is valid for ${dynamic.ttl}, but can be renewed to ${dynamic.maxTtl} only`,
          source: at(source, 'spec', 'credential', 'dynamic', 'ttl'),
          object,
        });
      }
    }
  },
});
