import { atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const oneKeyUnseals = defineRule({
  id: 'KW072',
  name: 'one-key-unseals',
  severity: 'warning',
  what: 'A store that Keywright runs has one share of its unseal key, and the home of the fleet holds it.',
  why: 'Whoever can read the key of the home can unseal the store alone. In return the store comes up by itself.',
  example: 'server: { site: hub }     # without keyShares',
  remedy:
    'Name people: `keyShares: { threshold: 2, holders: [age1…, age1…, age1…] }`. They then unseal after each start.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.stores.values()) {
      const server = spec.vault?.server;
      const local = server !== undefined && fleet.sites.get(server.site)?.spec.local !== undefined;
      if (local && server.keyShares === undefined && fleet.stores.get(fleet.home)?.spec.file !== undefined) {
        yield finding(rule, {
          message: `the key of store ${fleet.home} alone unseals ${object}`,
          source: atKey(source, 'spec', 'vault', 'server'),
          object,
        });
      }
    }
  },
});
