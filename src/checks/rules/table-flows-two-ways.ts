import { qualifiedTable } from '../../fleet/names.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import type { SourcePointer } from '../../model/diagnostic.ts';
import { defineRule } from '../rule.ts';

export const tableFlowsTwoWays = defineRule({
  id: 'KW041',
  name: 'table-flows-two-ways',
  what: 'A table is written on two sides, and each is copied to the other.',
  why: 'Two writers of one row conflict, and logical replication stops at the first conflict or loses one of the writes.',
  example: 'flows:\n- { from: a, to: [b], tables: [orders] }\n- { from: b, to: [a], tables: [orders] }',
  remedy: 'Let each table flow one way: a table for what each side owns.',
  *check({ fleet }, rule) {
    /** Who writes a table of a database that is copied to a server. */
    const writers = new Map<string, { from: string; source: SourcePointer }>();
    const flows = [...fleet.replications.values()].flatMap((replication) =>
      (replication.spec.logical?.flows ?? []).map((flow, index) => ({ replication, flow, index })),
    );
    for (const { replication, flow, index } of flows) {
      for (const [position, table] of flow.tables.entries()) {
        const name = `${replication.spec.logical?.database}.${qualifiedTable(table)}`;
        const source = at(replication.source, 'spec', 'logical', 'flows', index, 'tables', position);
        for (const to of flow.to) {
          const key = `${to}/${name}`;
          const other = writers.get(key);
          const back = writers.get(`${flow.from}/${name}`);
          if (other !== undefined || back !== undefined) {
            const known = (other ?? back) as { from: string; source: SourcePointer };
            yield finding(rule, {
              message:
                other !== undefined
                  ? `${table} is copied to ${to} from ${other.from} and from ${flow.from}`
                  : `${table} is copied from ${flow.from} to ${to}, and to ${flow.from} from ${known.from}`,
              source,
              related: { message: 'it flows another way here', source: known.source },
              object: replication.document,
            });
          } else {
            writers.set(key, { from: flow.from, source });
          }
        }
      }
    }
  },
});
