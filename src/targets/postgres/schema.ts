import type { ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import { formatMark } from '../process/mark.ts';
import { inBulk, type Prepared } from './bulk.ts';
import { recordedFacts } from './database.ts';
import { diffMarked, differs, isOursToRemove, liftStatements, type Marked, markStatements } from './marked.ts';
import type { SchemaSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

export interface SchemaSeen extends Marked {
  readonly owner: string;
}

/** `postgres/<name>/schema/<database>/<schema>`: see `postgres.spec.ts`. */
export const schemaKind: ResourceKind<PgSession, SchemaSpec, SchemaSeen> = {
  kind: 'schema',
  targetKind: 'postgres',
  onRemoval: 'retain',
  ownership: 'marked',

  async observe(session, wanted, recorded) {
    const answers = new Map<ResourceId, Answer<SchemaSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const { database, name } = namesOf(id);
      const found = (await session.database(database))?.schemas.find((schema) => schema.name === name);
      answers.set(
        id,
        found === undefined
          ? absent
          : // Every database has it from the template on.
            present({ owner: found.owner, comment: found.comment, initial: name === 'public' }),
      );
    }
    return answers;
  },

  diff: (wanted, seen, recorded, context) =>
    diffMarked({
      wanted,
      seen,
      recorded,
      context,
      onRemoval: 'retain',
      create: (spec) => [{ field: 'owner', after: spec.owner }],
      differences: (spec, schema) => differs('owner', schema.owner, spec.owner),
    }),

  apply: (session, changes, io) =>
    inBulk({
      session,
      io,
      changes,
      database: ({ change }) => namesOf(change.id).database,
      prepare: (ready): Prepared => ({
        sql: statements(ready, io.fleet),
        finish: () => ({
          done:
            ready.resource === undefined
              ? recordedFacts(ready.recorded)
              : { mark: formatMark({ fleet: io.fleet, id: ready.change.id }) },
        }),
      }),
    }),
};

function statements(
  { resource, seen, change, recorded }: ReadyChange<SchemaSpec, SchemaSeen>,
  fleet: string,
): string[] {
  const what = `SCHEMA ${ident(namesOf(change.id).name)}`;
  if (resource === undefined) {
    return change.action === 'remove' && isOursToRemove(seen, recorded, fleet, change.id)
      ? [`DROP ${what} CASCADE`]
      : liftStatements(what, seen, fleet, change.id);
  }
  const owner = ident(resource.spec.owner);
  return [
    seen === undefined ? `CREATE ${what} AUTHORIZATION ${owner}` : `ALTER ${what} OWNER TO ${owner}`,
    ...markStatements(what, seen, fleet, change.id),
  ];
}

function namesOf(id: ResourceId): { readonly database: string; readonly name: string } {
  const [database, name] = parseResourceId(id).names as [string, string];
  return { database, name };
}
