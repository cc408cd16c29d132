import type { SourcePointer } from '../../model/diagnostic.ts';
import type { Fleet } from '../../fleet/model.ts';
import { didYouMean } from '../../fleet/nearest.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const unknownDatabase = defineRule({
  id: 'KW060',
  name: 'unknown-database',
  what: 'A database is named that its PostgreSQL cluster does not have.',
  why: 'Nothing makes it, so the login, the replication or the Rule would be about nothing.',
  example: 'kind: DatabaseAccess\nspec: { postgres: orders, database: oders }',
  remedy: 'Correct the name, or add it to `databases` of the Postgres.',
  *check({ fleet }, rule) {
    for (const { postgres, database, object, source } of namedDatabases(fleet)) {
      const spec = fleet.postgres.get(postgres)?.spec;
      const known = spec?.databases.map(({ name }) => name) ?? [];
      // An external server may have databases that the fleet does not list.
      const unlisted = spec?.external !== undefined && known.length === 0;
      if (spec !== undefined && !unlisted && !known.includes(database)) {
        yield finding(rule, {
          message: `${postgres} has no database \`${database}\`${didYouMean(database, known)}`,
          source,
          object,
        });
      }
    }
  },
});

interface Named {
  readonly postgres: string;
  readonly database: string;
  readonly object: string;
  readonly source: SourcePointer;
}

function* namedDatabases(fleet: Fleet): Iterable<Named> {
  for (const { document: object, source, spec } of fleet.accesses.values()) {
    if (spec.database !== undefined) {
      yield { postgres: spec.postgres, database: spec.database, object, source: at(source, 'spec', 'database') };
    }
  }
  for (const { document: object, source, spec } of fleet.replications.values()) {
    const { logical } = spec;
    if (logical === undefined) {
      continue;
    }
    for (const postgres of new Set(logical.flows.flatMap(({ from, to }) => [from, ...to]))) {
      yield { postgres, database: logical.database, object, source: at(source, 'spec', 'logical', 'database') };
    }
  }
  for (const { document: object, source, spec } of fleet.rules.values()) {
    if (spec.database !== undefined) {
      const { postgres, name } = spec.database;
      yield { postgres, database: name, object, source: at(source, 'spec', 'database', 'name') };
    }
  }
}
