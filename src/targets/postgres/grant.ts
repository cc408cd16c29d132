import type { Applied, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change } from '../../model/change.ts';
import { digestOf } from '../../model/digest.ts';
import type { ResourceId } from '../../model/ids.ts';
import { inBulk, type Prepared } from './bulk.ts';
import type { GrantSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

/** What the inventory knows: which statement was run last. PostgreSQL keeps its effect, not the statement. */
export interface GrantSeen {
  readonly ran: string | undefined;
}

/**
 * `postgres/<name>/grant/<access>/<index>`: a statement of the fleet's own. It is run when it is new or changed; what
 * somebody takes away of it by hand is not noticed, since any statement may stand here.
 */
export const grantKind: ResourceKind<PgSession, GrantSpec, GrantSeen> = {
  kind: 'grant',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'grantee',

  async observe(_session, wanted, recorded) {
    const records = new Map(recorded.map((record) => [record.id, record]));
    const answers = new Map<ResourceId, Answer<GrantSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const record = records.get(id);
      answers.set(id, record?.state === 'present' ? present({ ran: record.fingerprint }) : absent);
    }
    return answers;
  },

  diff(wanted, seen, recorded): Change {
    const id = (wanted?.id ?? recorded?.id) as ResourceId;
    if (wanted === undefined) {
      const takenBack = revokeOf(recorded);
      return {
        id,
        action: 'remove',
        fields: [],
        reason: takenBack === undefined ? 'left the fleet; its effect stays while the role does' : 'left the fleet',
      };
    }
    const field = { field: 'statement', after: wanted.spec.statement };
    if (seen === undefined) {
      return { id, action: 'create', fields: [field] };
    }
    return seen.ran === digestOf(wanted.spec)
      ? { id, action: 'none', fields: [] }
      : { id, action: 'update', fields: [field] };
  },

  async *apply(session, changes, io): AsyncGenerator<Applied> {
    yield* inBulk({
      session,
      io,
      changes,
      database: ({ resource, recorded }) =>
        resource?.spec.database ?? String(recorded?.removal?.['database'] ?? 'postgres'),
      prepare: (ready): Prepared => ({
        sql: statementsOf(ready),
        finish: () => ({ done: recordOf(ready) }),
      }),
    });
  },
};

function statementsOf({ resource, recorded }: ReadyChange<GrantSpec, GrantSeen>): string[] {
  const before = revokeOf(recorded);
  if (resource === undefined) {
    return before === undefined ? [] : [before];
  }
  const { statement, role } = resource.spec;
  return [...(before === undefined ? [] : [before]), statement.replaceAll('{role}', ident(role))];
}

function recordOf({ resource }: ReadyChange<GrantSpec, GrantSeen>): Extract<Applied, { outcome: 'done' }>['record'] {
  if (resource === undefined) {
    return undefined;
  }
  const { database, role, statement } = resource.spec;
  return { fingerprint: digestOf(resource.spec), removal: { database, role, statement } };
}

/** The statement that takes back what a recorded plain GRANT gave; undefined for what has no such opposite. */
function revokeOf(recorded: InventoryRecord | undefined): string | undefined {
  const { role, statement } = (recorded?.removal ?? {}) as { role?: string; statement?: string };
  const parts = /^\s*GRANT\s+([^;]+?)\s+TO\s+\{role\}\s*(?:WITH\s+GRANT\s+OPTION)?\s*;?\s*$/is.exec(statement ?? '');
  return parts === null || role === undefined ? undefined : `REVOKE ${parts[1]} FROM ${ident(role)}`;
}
