import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const singleReplica = defineRule({
  id: 'KW046',
  name: 'single-replica',
  allowable: true,
  what: 'A store that Keywright runs has a number of peers that survives no failure.',
  why: 'With one or two raft peers the loss of one stops the store, and with it every login that needs it.',
  example: 'server: { replicas: 1 }',
  remedy: 'Run three or five peers.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.stores.values()) {
      const replicas = spec.vault?.server?.replicas;
      if (replicas !== undefined && replicas < 3) {
        yield finding(rule, {
          message: `${object} has ${replicas === 1 ? 'one peer' : 'two peers'}`,
          source: at(source, 'spec', 'vault', 'server', 'replicas'),
          object,
        });
      }
    }
  },
});
