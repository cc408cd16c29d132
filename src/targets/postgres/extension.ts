import type { ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import { formatMark } from '../process/mark.ts';
import { inBulk, type Prepared } from './bulk.ts';
import { recordedFacts } from './database.ts';
import { diffMarked, isOursToRemove, liftStatements, type Marked, markStatements } from './marked.ts';
import type { ExtensionSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

export interface ExtensionSeen extends Marked {
  readonly version: string;
}

/** `postgres/<name>/extension/<database>/<extension>`: see `postgres.spec.ts`. */
export const extensionKind: ResourceKind<PgSession, ExtensionSpec, ExtensionSeen> = {
  kind: 'extension',
  targetKind: 'postgres',
  onRemoval: 'retain',
  ownership: 'marked',

  async observe(session, wanted, recorded) {
    const answers = new Map<ResourceId, Answer<ExtensionSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const { database, name } = namesOf(id);
      const found = (await session.database(database))?.extensions.find((extension) => extension.name === name);
      answers.set(
        id,
        found === undefined
          ? absent
          : present({ version: found.version, comment: found.comment, initial: name === 'plpgsql' }),
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
      create: () => [],
      differences: () => [],
    }),

  apply: (session, changes, io) =>
    inBulk({
      session,
      io,
      changes,
      database: ({ change }) => namesOf(change.id).database,
      // CREATE EXTENSION writes a comment of its own, so the mark is put beside it afterwards.
      size: 1,
      prepare: (ready): Prepared => ({
        sql: statements(ready, io.fleet),
        finish: async () => {
          if (ready.resource === undefined) {
            return { done: recordedFacts(ready.recorded) };
          }
          await mark(session, ready.change.id, io.fleet);
          return { done: { mark: formatMark({ fleet: io.fleet, id: ready.change.id }) } };
        },
      }),
    }),
};

function statements(
  { resource, seen, change, recorded }: ReadyChange<ExtensionSpec, ExtensionSeen>,
  fleet: string,
): string[] {
  const what = `EXTENSION ${ident(namesOf(change.id).name)}`;
  if (resource !== undefined) {
    return seen === undefined ? [`CREATE ${what}`] : [];
  }
  return change.action === 'remove' && isOursToRemove(seen, recorded, fleet, change.id)
    ? [`DROP ${what}`]
    : liftStatements(what, seen, fleet, change.id);
}

async function mark(session: PgSession, id: ResourceId, fleet: string): Promise<void> {
  const { database, name } = namesOf(id);
  const found = (await session.database(database))?.extensions.find((extension) => extension.name === name);
  const sql = markStatements(`EXTENSION ${ident(name)}`, found, fleet, id);
  if (sql.length > 0 && name !== 'plpgsql') {
    await session.execute(database, ...sql);
  }
}

function namesOf(id: ResourceId): { readonly database: string; readonly name: string } {
  const [database, name] = parseResourceId(id).names as [string, string];
  return { database, name };
}
