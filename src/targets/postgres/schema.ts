import { type Ensured, markedInDatabase } from './marked-kind.ts';
import { differs, type Marked, markStatements } from './marked.ts';
import type { SchemaSpec } from './postgres.spec.ts';
import { ident } from './sql.ts';

export interface SchemaSeen extends Marked {
  readonly owner: string;
}

/** `postgres/<name>/schema/<database>/<schema>`: see `postgres.spec.ts`. */
export const schemaKind = markedInDatabase<SchemaSpec, SchemaSeen>({
  kind: 'schema',
  async see(session, database, name) {
    const found = (await session.database(database))?.schemas.find((schema) => schema.name === name);
    // Every database has `public` from the template on.
    return found && { owner: found.owner, comment: found.comment, initial: name === 'public' };
  },
  create: (spec) => [{ field: 'owner', after: spec.owner }],
  differences: (spec, schema) => differs('owner', schema.owner, spec.owner),
  what,
  ensure,
  cascade: true,
});

function what(name: string): string {
  return `SCHEMA ${ident(name)}`;
}

function ensure({ resource, seen, change }: Ensured<SchemaSpec, SchemaSeen>, fleet: string): string[] {
  const schema = what(resource.spec.name);
  const owner = ident(resource.spec.owner);
  return [
    seen === undefined ? `CREATE ${schema} AUTHORIZATION ${owner}` : `ALTER ${schema} OWNER TO ${owner}`,
    ...markStatements(schema, seen, fleet, change.id),
  ];
}
