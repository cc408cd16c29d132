import { readlink } from 'node:fs/promises';
import { Failure } from '../../model/failure.ts';
import { runningPostmaster } from './postmaster.ts';
import type { ServerFolder } from './server-folder.ts';
import { startServer, type Waiting } from './start.ts';
import { stopServer } from './stop.ts';

/**
 * Restarts a running server from the very program that it runs. Throws a Failure with its log
 * when it does not come back; `onProgram` has been told the program by then.
 */
export async function restartServer(
  server: ServerFolder,
  waiting: Waiting,
  onProgram: (path: string) => void = () => {},
): Promise<void> {
  const running = await runningPostmaster(server.dataDirectory);
  if (running === undefined) {
    throw new Failure({ code: 'server-stopped', message: `${server.name} does not run`, object: server.name });
  }
  const program = (await readlink(`/proc/${running.pid}/exe`)).replace(/ \(deleted\)$/, '');
  onProgram(program);
  await stopServer(server, waiting.progress);
  await startServer(server, { postgres: program }, waiting);
}
