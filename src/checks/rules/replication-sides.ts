import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const replicationSides = defineRule({
  id: 'KW059',
  name: 'replication-sides',
  what: 'The sides of a replication do not fit together.',
  why: 'A server cannot copy from itself, and a standby runs the same major version as its primary.',
  example: 'flows: [{ from: orders-a, to: [orders-a], tables: [orders] }]',
  remedy: 'Correct the names of the sides.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.replications.values()) {
      for (const [index, flow] of (spec.logical?.flows ?? []).entries()) {
        const twice = flow.to.find((to, position) => flow.to.indexOf(to) !== position);
        const self = flow.to.includes(flow.from);
        if (self || twice !== undefined) {
          yield finding(rule, {
            message: self ? `${flow.from} is to copy from itself` : `${twice} stands twice in \`to\``,
            source: at(source, 'spec', 'logical', 'flows', index, 'to'),
            object,
          });
        }
      }
      if (spec.physical !== undefined) {
        const { primary, standbys } = spec.physical;
        const version = fleet.postgres.get(primary)?.spec.version;
        for (const [index, standby] of standbys.entries()) {
          const other = fleet.postgres.get(standby)?.spec.version;
          const differs = version !== undefined && other !== undefined && version !== other;
          if (standby === primary || differs) {
            yield finding(rule, {
              message: differs
                ? `${standby} has version ${other}, its primary ${primary} ${version}`
                : `${primary} is to be its own standby`,
              source: at(source, 'spec', 'physical', 'standbys', index),
              object,
            });
          }
        }
      }
    }
  },
});
