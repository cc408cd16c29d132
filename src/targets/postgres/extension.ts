import { markedInDatabase } from './marked-kind.ts';
import { type Marked, markStatements } from './marked.ts';
import type { ExtensionSpec } from './postgres.spec.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

export interface ExtensionSeen extends Marked {
  readonly version: string;
}

/** `postgres/<name>/extension/<database>/<extension>`: see `postgres.spec.ts`. */
export const extensionKind = markedInDatabase<ExtensionSpec, ExtensionSeen>({
  kind: 'extension',
  see,
  create: () => [],
  differences: () => [],
  what,
  ensure: ({ resource, seen }) => (seen === undefined ? [`CREATE ${what(resource.spec.name)}`] : []),
  cascade: false,
  // CREATE EXTENSION writes a comment of its own, so the mark is put beside it afterwards.
  size: 1,
  async afterwards(session, { id, spec: { database, name } }, fleet) {
    const sql = markStatements(what(name), await see(session, database, name), fleet, id);
    if (sql.length > 0) {
      await session.execute(database, ...sql);
    }
  },
});

async function see(session: PgSession, database: string, name: string): Promise<ExtensionSeen | undefined> {
  const found = (await session.database(database))?.extensions.find((extension) => extension.name === name);
  return found && { version: found.version, comment: found.comment, initial: name === 'plpgsql' };
}

function what(name: string): string {
  return `EXTENSION ${ident(name)}`;
}
