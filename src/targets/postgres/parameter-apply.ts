import { join } from 'node:path';
import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { parseResourceId } from '../../model/ids.ts';
import { readIfThere, writeOwnedFile } from '../process/owned-file.ts';
import { fileHeader, parametersFile, parseSettings, settingLine } from '../process/settings.ts';
import { failed } from './bulk.ts';
import { granted } from './known.ts';
import type { ParameterSeen } from './parameter.ts';
import type { ParameterSpec } from './postgres.spec.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';

type Ready = ReadyChange<ParameterSpec, ParameterSeen>;

/**
 * Writes the file whole, lets PostgreSQL judge it on disk, takes out again what it refuses, and loads the rest; the
 * server is restarted once when one of them needs it. A server that does not come back gets the file before.
 */
export async function* applyParameters(
  session: PgSession,
  changes: readonly Ready[],
  io: ApplyContext,
): AsyncGenerator<Applied> {
  const path = join(session.server.dataDirectory, parametersFile);
  const text = await readIfThere(path);
  const before = parseSettings(text ?? '');
  const after = new Map(before);
  for (const { seen } of changes) {
    seen?.strays.forEach((name) => after.delete(name));
  }
  for (const ready of changes) {
    const name = nameOf(ready.change.id);
    if (ready.resource === undefined) {
      after.delete(name);
    } else {
      after.set(name, ready.resource.spec.value);
    }
  }
  io.guard();
  const problems = await writeJudged(
    session,
    path,
    before,
    after,
    changes.map(({ change }) => nameOf(change.id)),
  );
  try {
    await resetOverrides(session, changes);
    await session.reload();
    const restarted = await restartIfDue(session, changes, io);
    for (const { change, resource } of changes) {
      const problem = problems.get(nameOf(change.id));
      if (problem !== undefined) {
        yield failed(change.id, refusedValue(change.id, problem));
      } else {
        const record = resource === undefined ? undefined : { outputs: granted };
        yield { id: change.id, outcome: 'done', record, note: restarted ? `${session.name} was restarted` : undefined };
      }
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'server-did-not-start') {
      throw error;
    }
    await writeOwnedFile(path, text ?? render(new Map()), session.server.account);
    await session.start(io.signal);
    throw new Failure({ ...error.details, why: 'it was started again with the parameters before' });
  }
}

/** Names that PostgreSQL refuses, and why; the file then has what it had of them before. */
async function writeJudged(
  session: PgSession,
  path: string,
  before: ReadonlyMap<string, string>,
  after: Map<string, string>,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const problems = new Map<string, string>();
  for (;;) {
    await writeOwnedFile(path, render(after), session.server.account);
    session.forget();
    const { fileSettings, settings } = await session.configuration();
    const [refused] = fileSettings.filter(
      ({ name, file, error }) =>
        name !== null &&
        error !== null &&
        file === path &&
        names.includes(name.toLowerCase()) &&
        // A value that only waits for a restart is told as an error too.
        (settings.get(name)?.context !== 'postmaster' || /invalid|outside|must be|requires/.test(error)),
    );
    if (refused === undefined || refused.name === null || problems.has(refused.name.toLowerCase())) {
      return problems;
    }
    const name = refused.name.toLowerCase();
    problems.set(name, refused.error ?? '');
    const kept = before.get(name);
    if (kept === undefined || kept === after.get(name)) {
      after.delete(name);
    } else {
      after.set(name, kept);
    }
  }
}

async function resetOverrides(session: PgSession, changes: readonly Ready[]): Promise<void> {
  for (const { change, seen } of changes) {
    if (seen?.overridden === true) {
      const name = nameOf(change.id).split('.').map(ident).join('.');
      await session.execute('postgres', `ALTER SYSTEM RESET ${name}`);
    }
  }
}

async function restartIfDue(session: PgSession, changes: readonly Ready[], io: ApplyContext): Promise<boolean> {
  const { settings } = await session.configuration();
  const due = changes.filter(({ change }) => settings.get(nameOf(change.id))?.pendingRestart === true);
  const [first] = due;
  if (first === undefined) {
    return false;
  }
  io.guard();
  await session.restart(io.signal, (text) => io.progress(first.change.id, text));
  return true;
}

function refusedValue(id: ResourceId, problem: string): Failure {
  return new Failure({
    code: 'parameter-refused',
    message: `${id}: ${problem}`,
    object: id,
    why: 'PostgreSQL refuses this value; the one before stays',
  });
}

function render(settings: ReadonlyMap<string, string>): string {
  const lines = [...settings].sort(([one], [other]) => (one < other ? -1 : 1));
  return [fileHeader, ...lines.map(([name, value]) => settingLine(name, value)), ''].join('\n');
}

/** Names of settings do not know upper and lower case. */
function nameOf(id: ResourceId): string {
  return (parseResourceId(id).names[0] as string).toLowerCase();
}
