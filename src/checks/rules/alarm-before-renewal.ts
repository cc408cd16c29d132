import { milliseconds } from '../../fleet/durations.ts';
import { renewBefore } from '../../fleet/names.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const alarmBeforeRenewal = defineRule({
  id: 'KW069',
  name: 'alarm-before-renewal',
  severity: 'warning',
  what: 'The alarm on ending certificates goes off before they are replaced.',
  why: 'It would ring at every ordinary renewal, and people learn to ignore it.',
  example: 'leaf: { ttl: 30d, renewBefore: 5d }     # and warn: { certificateExpiry: 10d }',
  remedy: 'Make `certificateExpiry` at most the `renewBefore` of every authority.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.monitorings.values()) {
      for (const authority of fleet.authorities.values()) {
        const early = renewBefore(authority.spec.leaf);
        if (milliseconds(spec.warn.certificateExpiry) > milliseconds(early)) {
          yield finding(rule, {
            message: `the alarm rings ${spec.warn.certificateExpiry} before the end, and ${authority.name} replaces certificates ${early} before it`,
            source: at(source, 'spec', 'warn', 'certificateExpiry'),
            object,
          });
        }
      }
    }
  },
});
