import { resourceId, type ResourceId, targetId } from '../../model/ids.ts';
import type { DatabaseSnapshot, SeenRelation, SeenSchema } from './database-snapshot.ts';
import { markStatements } from './marked.ts';
import { ident } from './sql.ts';

/** Schema of our own in every database that we keep: bookkeeping, and tables that proofs may write. */
export const ownSchema = 'keywright';

/** The resource whose mark the schema bears, whichever kind made it. */
export function schemaKeeper(server: string, database: string): ResourceId {
  return resourceId(targetId('postgres', server), 'probe', database);
}

export function findOwnSchema(snapshot: DatabaseSnapshot | undefined): SeenSchema | undefined {
  return snapshot?.schemas.find(({ name }) => name === ownSchema);
}

/** A plain table of it. Anything else of that name could run somebody's code when it is read. */
export function findOwnTable(snapshot: DatabaseSnapshot | undefined, name: string): SeenRelation | undefined {
  return snapshot?.relations.find((each) => each.schema === ownSchema && each.name === name && each.kind === 'r');
}

/** Statements that make the schema and mark it; none when it is there. */
export function makeOwnSchema(
  seen: SeenSchema | undefined,
  owner: string,
  fleet: string,
  keeper: ResourceId,
): string[] {
  return seen === undefined
    ? [
        `CREATE SCHEMA ${ident(ownSchema)} AUTHORIZATION ${ident(owner)}`,
        ...markStatements(`SCHEMA ${ident(ownSchema)}`, undefined, fleet, keeper),
      ]
    : [];
}
