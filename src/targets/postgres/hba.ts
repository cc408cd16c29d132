import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { readIfThere, writeOwnedFile } from '../process/owned-file.ts';
import { firstHba } from '../process/settings.ts';
import { oneByOne, type Outcome } from './bulk.ts';
import { renderHba, renderIdent, ruleLines } from './hba-file.ts';
import type { HbaSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';

export interface HbaSeen {
  readonly hba: string;
  readonly ident: string;
  /** What pg_ident.conf should be, for the account that runs Keywright. */
  readonly expectedIdent: string;
  /** The server has read both files since they were written. */
  readonly loaded: boolean;
}

const hbaFile = 'pg_hba.conf';
const identFile = 'pg_ident.conf';

/** `postgres/<name>/hba/rules`: see `postgres.spec.ts`. */
export const hbaKind: ResourceKind<PgSession, HbaSpec, HbaSeen> = {
  kind: 'hba',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'file',

  async observe(session, wanted, recorded) {
    const answer = await seeHba(session);
    return new Map([...idsOf(wanted, recorded)].map((id): [ResourceId, Answer<HbaSeen>] => [id, answer]));
  },

  diff: diffHba,

  apply: (session, changes, io) =>
    oneByOne(io, changes, async ({ resource, change }: ReadyChange<HbaSpec, HbaSeen>): Promise<Outcome> => {
      const hba = resource === undefined ? firstHba() : renderHba(resource.spec.rules);
      await write(session, change.id, { hba, ident: renderIdent() }, io);
      return { done: resource === undefined ? undefined : {} };
    }),
};

async function seeHba(session: PgSession): Promise<Answer<HbaSeen>> {
  const paths = [hbaFile, identFile].map((file) => join(session.server.dataDirectory, file));
  const [hba, ident] = await Promise.all(paths.map(readIfThere));
  if (hba === undefined) {
    return absent;
  }
  const { loadedAt } = await session.configuration();
  const written = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return present({
    hba,
    ident: ident ?? '',
    expectedIdent: renderIdent(),
    loaded: written.every((time) => time <= loadedAt),
  });
}

function diffHba(
  wanted: Resource<HbaSpec> | undefined,
  seen: HbaSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet; only the superuser is let in' };
  }
  const hba = renderHba(wanted.spec.rules);
  const fields = [
    ...lineChanges(hbaFile, seen?.hba ?? '', hba),
    ...(seen === undefined ? [] : lineChanges(identFile, seen.ident, seen.expectedIdent)),
  ];
  if (fields.length === 0 && seen?.loaded === false) {
    fields.push({ field: hbaFile, note: 'not loaded yet' });
  }
  // Until the first apply of this resource, the file is the one that the process began with.
  const action = recorded?.state === 'present' ? 'update' : 'create';
  return { id, action: fields.length === 0 ? 'none' : action, fields };
}

function lineChanges(file: string, before: string, after: string): FieldChange[] {
  if (before === after) {
    return [];
  }
  const [old, fresh] = [ruleLines(before), ruleLines(after)];
  const fields = [
    ...old.filter((line) => !fresh.includes(line)).map((line): FieldChange => ({ field: file, before: line })),
    ...fresh.filter((line) => !old.includes(line)).map((line): FieldChange => ({ field: file, after: line })),
  ];
  return fields.length === 0 ? [{ field: file, note: 'changed by hand' }] : fields;
}

/** Writes both files, lets PostgreSQL judge them on disk, and loads them only when it finds nothing broken. */
async function write(
  session: PgSession,
  id: ResourceId,
  files: { readonly hba: string; readonly ident: string },
  io: ApplyContext,
): Promise<void> {
  const { dataDirectory, account } = session.server;
  const paths = { hba: join(dataDirectory, hbaFile), ident: join(dataDirectory, identFile) };
  const before = { hba: await readIfThere(paths.hba), ident: await readIfThere(paths.ident) };
  io.guard();
  await writeOwnedFile(paths.ident, files.ident, account);
  await writeOwnedFile(paths.hba, files.hba, account);
  session.forget();
  const { brokenLines } = await session.configuration();
  const [broken] = brokenLines;
  if (broken !== undefined) {
    const line = files.hba.split('\n')[broken.line - 1] ?? '';
    await writeOwnedFile(paths.ident, before.ident ?? files.ident, account);
    await writeOwnedFile(paths.hba, before.hba ?? firstHba(), account);
    throw new Failure({
      code: 'hba-broken',
      message: `${id}: PostgreSQL refuses line ${broken.line}: ${line}${broken.error === null ? '' : ` (${broken.error})`}`,
      object: id,
      why: 'one broken line keeps the whole file from being loaded; the file before was put back',
    });
  }
  await session.reload();
}
