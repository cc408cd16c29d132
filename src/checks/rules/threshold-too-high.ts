import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const thresholdTooHigh = defineRule({
  id: 'KW064',
  name: 'threshold-too-high',
  what: 'More shares are needed to unseal a store than there are holders.',
  why: 'Nobody could ever unseal it.',
  example: 'keyShares: { threshold: 3, holders: [age1a, age1b] }',
  remedy: 'Add holders, or lower the threshold.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.stores.values()) {
      const shares = spec.vault?.server?.keyShares;
      if (shares !== undefined && shares.threshold > shares.holders.length) {
        yield finding(rule, {
          message: `${shares.threshold} shares are needed, and there ${shares.holders.length === 1 ? 'is 1 holder' : `are ${shares.holders.length} holders`}`,
          source: at(source, 'spec', 'vault', 'server', 'keyShares'),
          object,
        });
      }
    }
  },
});
