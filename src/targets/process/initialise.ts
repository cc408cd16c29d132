import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, readlink, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { causeOf, Failure } from '../../model/failure.ts';
import { asAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import { makeOwnedFolder, syncFolder, writeOwnedFile } from './owned-file.ts';
import { isAlive } from './postmaster.ts';
import type { ServerFolder } from './server-folder.ts';
import { fileHeader, firstHba, firstIdent, parametersFile, superuser, tlsFile } from './settings.ts';

/**
 * Makes the data folder, whole or not at all: initdb into a temporary folder, its configuration, then a rename. The
 * caller holds the fleet's lock, so what lies around of an earlier attempt is nobody's.
 */
export async function initialise(server: ServerFolder, binaries: Binaries, settings: string): Promise<void> {
  for (const entry of await readdir(server.folder)) {
    if (entry.startsWith(temporary)) {
      const left = join(server.folder, entry);
      // An initdb outlives the run that was killed beside it, and would go on writing into what is removed here.
      await endWriters(left);
      await rm(left, { recursive: true, force: true, maxRetries: 5 });
    }
  }
  const fresh = join(server.folder, temporary + randomBytes(4).toString('hex'));
  await makeOwnedFolder(fresh, 0o700, server.account);
  try {
    await promisify(execFile)(binaries.initdb, [...options, '-D', fresh], asAccount(server.account));
    await writeOwnedFile(join(fresh, 'postgresql.conf'), settings, server.account);
    await writeOwnedFile(join(fresh, 'pg_hba.conf'), firstHba(), server.account);
    await writeOwnedFile(join(fresh, 'pg_ident.conf'), firstIdent(), server.account);
    for (const file of [tlsFile, parametersFile]) {
      // Empty for now: a missing one would be told to the log at every reload.
      await writeOwnedFile(join(fresh, file), `${fileHeader}\n`, server.account);
    }
    await rename(fresh, server.dataDirectory);
    await syncFolder(server.folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error instanceof Failure ? error : initdbFailure(server, error);
  }
}

const temporary = 'data.new.';

/** Ends every process that works in a folder or was told to, and returns when none is left. */
async function endWriters(folder: string): Promise<void> {
  for (let pids = await writersOf(folder); pids.length > 0; pids = await writersOf(folder)) {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await delay(10);
  }
}

async function writersOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc'))
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0 && pid !== process.pid);
  const judged = await Promise.all(
    pids.map(async (pid) => {
      const [argv, cwd] = await Promise.all([
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
        readlink(`/proc/${pid}/cwd`).catch(() => ''),
      ]);
      return (argv.split('\0').includes(folder) || cwd === folder) && (await isAlive(pid)) ? [pid] : [];
    }),
  );
  return judged.flat();
}

const options = [
  `--username=${superuser}`,
  // Nobody gets in before our own pg_hba.conf is there.
  '--auth=reject',
  '--no-instructions',
  // Named, because an empty environment would make databases of encoding SQL_ASCII.
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
];

function initdbFailure(server: ServerFolder, error: unknown): Failure {
  const { code, stderr } = error as { code?: string | number; stderr?: string };
  const said = stderr?.trim().split('\n').slice(-3).join('; ');
  return new Failure({
    code: 'initdb-failed',
    message: `${server.name}: initdb could not make the data folder ${server.dataDirectory}: ${said || causeOf(error)}`,
    object: server.name,
    why: code === 'ENOENT' ? 'the PostgreSQL binaries need Linux with glibc' : undefined,
    cause: error,
  });
}
