import type { RunContext, TargetKind } from '../../engine/interfaces.ts';
import { couldNotAsk, notYet, present } from '../../model/answer.ts';
import { causeOf } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { hasData, serverFolderOf } from '../process/server-folder.ts';
import type { PostgresTargetSpec } from './postgres.spec.ts';
import { openSession, type PostgresSession, type ServerPlace } from './session.ts';
import { runningPostmaster } from '../process/postmaster.ts';

/** `postgres/<name>`: a server over its socket. Before its process is made it is notYet, and so is everything on it. */
export const postgresTarget: TargetKind<PostgresSession, PostgresTargetSpec> = {
  kind: 'postgres',
  async connect(target, context) {
    const place = placeOf(context, target.spec.process);
    if (place === undefined || !(await hasData(serverFolderOf(place.dataDirectory, undefined)))) {
      return notYet(`the server ${target.spec.name} is made first`, false);
    }
    const session = await openSession(target.spec.name, context, place);
    if ((await runningPostmaster(session.place.dataDirectory)) === undefined) {
      return notYet(`the server ${target.spec.name} is started first`, true);
    }
    try {
      await session.query('SELECT 1');
      return present(session);
    } catch (error) {
      await session.close();
      return couldNotAsk(causeOf(error));
    }
  },
  async identity(session) {
    const [row] = await session.query<{ identifier: string }>(
      'SELECT system_identifier::text AS identifier FROM pg_control_system()',
    );
    return row?.identifier;
  },
  close: (session) => session.close(),
};

/** Where the server listens, as its process told; undefined while that is not known. */
export function placeOf(context: Pick<RunContext, 'output'>, process: ResourceId): ServerPlace | undefined {
  const text = (name: string): string => String(context.output(process, name) ?? '');
  const port = Number(context.output(process, 'port') ?? 0);
  const place = {
    port,
    host: text('host'),
    hostaddr: text('hostaddr'),
    socketDirectory: text('socketDirectory'),
    dataDirectory: text('dataDirectory'),
    account: text('account'),
  };
  return port === 0 || place.dataDirectory === '' ? undefined : place;
}
