import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const replicationParameter = defineRule({
  id: 'KW063',
  name: 'replication-parameter',
  what: 'A parameter of a server forbids the replication that the fleet declares.',
  why: 'Publications need wal_level logical, and every subscription needs a slot and a sender.',
  example: 'parameters: { wal_level: replica }     # and a Replication with `logical` from this server',
  remedy: 'Remove the parameter: Keywright sets what the replications need.',
  *check({ fleet }, rule) {
    for (const { name, document: object, source, spec } of fleet.postgres.values()) {
      const subscribers = [...fleet.replications.values()].flatMap(({ spec: { logical } }) =>
        (logical?.flows ?? []).filter(({ from }) => from === name).flatMap(({ to }) => to),
      );
      const { wal_level: level, max_replication_slots: slots, max_wal_senders: senders } = spec.parameters;
      const wanting = subscribers.length > 0;
      const few = (value: string | undefined) => value !== undefined && Number(value) < subscribers.length;
      const problems = [
        [wanting && level !== undefined && level !== 'logical', 'wal_level', `is ${level}`],
        [few(slots), 'max_replication_slots', `is ${slots}, for ${subscribers.length} subscriptions`],
        [few(senders), 'max_wal_senders', `is ${senders}, for ${subscribers.length} subscriptions`],
      ] as const;
      for (const [wrong, parameter, problem] of problems) {
        if (wrong) {
          yield finding(rule, {
            message: `\`${parameter}\` of ${name} ${problem}, and ${name} is replicated logically`,
            source: at(source, 'spec', 'parameters', parameter),
            object,
          });
        }
      }
    }
  },
});
