import type { TargetKind } from '../../engine/interfaces.ts';
import { couldNotAsk, notYet, present } from '../../model/answer.ts';
import { causeOf } from '../../model/failure.ts';
import { findAccount } from '../process/account.ts';
import { runningPostmaster } from '../process/postmaster.ts';
import { hasData, serverFolderOf } from '../process/server-folder.ts';
import { waitUntilReady } from '../process/start.ts';
import type { PostgresTargetSpec } from './postgres.spec.ts';
import { PgSession } from './session.ts';

/** `postgres/<name>` on a local site: a server that its `process` resource made. */
export const postgresTarget: TargetKind<PgSession, PostgresTargetSpec> = {
  kind: 'postgres',

  async connect(target, context) {
    const { name, process } = target.spec;
    const text = (output: string): string => String(context.output(process, output) ?? '');
    const dataDirectory = text('dataDirectory');
    if (dataDirectory === '') {
      return notYet(`${name} is still to be made`, false);
    }
    const account = text('account') === '' ? undefined : await findAccount(text('account'));
    if (text('account') !== '' && account === undefined) {
      return couldNotAsk(`the account ${text('account')}, which runs ${name}, is gone from this machine`);
    }
    const server = serverFolderOf(dataDirectory, account);
    if (!(await hasData(server))) {
      return notYet(`${name} is still to be made`, false);
    }
    const running =
      (await runningPostmaster(dataDirectory)) === undefined
        ? undefined
        : await waitUntilReady(server, { signal: context.signal }, () => false);
    if (running === undefined) {
      return notYet(`${name} is stopped`, true);
    }
    const session = new PgSession({
      name,
      fleet: context.fleet,
      server,
      port: running.port,
      host: text('host'),
      hostaddr: text('hostaddr'),
      signal: context.signal,
    });
    try {
      await session.query('postgres', 'SELECT 1');
      return present(session);
    } catch (error) {
      await session.close();
      return couldNotAsk(causeOf(error));
    }
  },

  async identity(session) {
    const rows = await session.query<{ id: string }>(
      'postgres',
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    return rows[0]?.id;
  },

  close: (session) => session.close(),
};
