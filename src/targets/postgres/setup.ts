import { createHash } from 'node:crypto';
import type { ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change } from '../../model/change.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { oneByOne, type Outcome } from './bulk.ts';
import { recordedFacts } from './marked.ts';
import { findOwnSchema, findOwnTable, makeOwnSchema, ownSchema, schemaKeeper } from './own-schema.ts';
import type { SetupSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession, Send } from './session.ts';
import { ident, qualified } from './sql.ts';

/** The note that a setup ran. */
export interface SetupSeen {
  /** SHA-256 of the text that ran, hex. */
  readonly digest: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Name of the one setup of a database, in the table of notes. */
const noteName = 'setup';
const notes = 'setup';

/** `postgres/<name>/setup/<database>`: see `postgres.spec.ts`. */
export const setupKind: ResourceKind<PgSession, SetupSpec, SetupSeen> = {
  kind: 'setup',
  targetKind: 'postgres',
  onRemoval: 'retain',
  ownership: 'grantee',

  async observe(session, wanted, recorded) {
    const answers = new Map<ResourceId, Answer<SetupSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const note = await seeNote(session, databaseOf(id));
      answers.set(id, note === undefined ? absent : present(note));
    }
    return answers;
  },

  diff: diffSetup,

  apply: (session, changes, io) =>
    oneByOne(io, changes, async (ready): Promise<Outcome> => {
      if (ready.resource === undefined) {
        return { done: recordedFacts(ready.recorded) };
      }
      await runSetup(session, ready, io);
      return { done: {} };
    }),
};

async function seeNote(session: PgSession, database: string): Promise<SetupSeen | undefined> {
  if (findOwnTable(await session.database(database), notes) === undefined) {
    return undefined;
  }
  const rows = await session.query<{ digest: string; at: string }>(
    database,
    `SELECT digest, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at
       FROM ONLY ${qualified(ownSchema, notes)} WHERE name = $1`,
    [noteName],
  );
  return rows[0];
}

function diffSetup(
  wanted: Resource<SetupSpec> | undefined,
  seen: SetupSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'retain', fields: [], reason: 'left the fleet; what it made stays' };
  }
  if (seen === undefined) {
    return { id, action: 'create', fields: [{ field: 'runs once', after: `as ${wanted.spec.owner}` }] };
  }
  const changed = seen.digest !== digestOfText(wanted.spec.sql);
  return {
    id,
    action: 'none',
    fields: [],
    reason: changed ? `ran at ${seen.at}, before its text was changed; a setup runs once` : undefined,
  };
}

function digestOfText(sql: string): string {
  return createHash('sha256').update(sql, 'utf8').digest('hex');
}

async function runSetup(
  session: PgSession,
  { change, resource }: ReadyChange<SetupSpec, SetupSeen>,
  { fleet }: Pick<ApplyContext, 'fleet'>,
): Promise<void> {
  const { database, owner, sql } = (resource as Resource<SetupSpec>).spec;
  const schema = findOwnSchema(await session.database(database));
  const make = makeOwnSchema(schema, owner, fleet, schemaKeeper(session.name, database));
  await session.transaction(database, async (send) => {
    if (make.length > 0) {
      await send(make.join(';\n'));
    }
    // A table of the owner's own may have triggers: whatever runs, runs as the owner.
    await send(`SET LOCAL ROLE ${ident(owner)}`);
    await send(
      `CREATE TABLE IF NOT EXISTS ${qualified(ownSchema, notes)}
         (name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())`,
    );
    const before = await transactionId(send);
    await send(sql);
    if ((await transactionId(send)) !== before) {
      throw new Failure({
        code: 'setup-ends-transaction',
        message: `${change.id}: the setup ends its transaction itself`,
        why: 'it runs in one transaction with the note that it ran, so that it never runs twice or by halves',
        object: change.id,
        remedy: 'take BEGIN, COMMIT and ROLLBACK out of it',
      });
    }
    await send(`SET LOCAL ROLE ${ident(owner)}`);
    await send(`INSERT INTO ${qualified(ownSchema, notes)} (name, digest) VALUES ($1, $2)`, [
      noteName,
      digestOfText(sql),
    ]);
  });
}

async function transactionId(send: Send): Promise<unknown> {
  return (await send<{ id: string }>('SELECT pg_catalog.pg_current_xact_id()::text AS id'))[0]?.id;
}

function databaseOf(id: ResourceId): string {
  return parseResourceId(id).names[0] as string;
}
