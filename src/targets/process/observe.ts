import { join } from 'node:path';
import { causeOf } from '../../model/failure.ts';
import { absent, type Answer, couldNotAsk, present } from '../../model/answer.ts';
import { readControlFile } from './control-file.ts';
import { type LiveSettings, readLiveSettings } from './live-settings.ts';
import { endOfLog } from './log.ts';
import { readIfThere } from './owned-file.ts';
import { runningPostmaster } from './postmaster.ts';
import { hasData, readMemory, type ServerFolder, type ServerMemory } from './server-folder.ts';
import { parseSettings } from './settings.ts';
import { isDoorOpen } from './superuser-door.ts';

/** What is seen of a server from its files and its processes. */
export interface ProcessSeen {
  readonly server: ServerFolder;
  /** `crashed`: it does not run, and it did not end in an orderly way. */
  readonly state: 'running' | 'stopped' | 'crashed';
  readonly pid?: number;
  /** What is remembered beside the data folder, undefined when that was lost. */
  readonly memory?: ServerMemory;
  /** Where it listens, or did. */
  readonly port?: number;
  /** Major version of the data folder. */
  readonly version: number;
  readonly systemIdentifier: string;
  /** Text of postgresql.conf. */
  readonly settings: string;
  /** The files let the superuser in. */
  readonly doorOpen: boolean;
  readonly live?: LiveSettings;
  /** End of its log, when it crashed. */
  readonly logEnd?: string;
}

/** Looks at one server. Never fails: what cannot be read is an answer of its own. */
export async function observeServer(server: ServerFolder): Promise<Answer<ProcessSeen>> {
  try {
    if (!(await hasData(server))) {
      return absent;
    }
    const [version, control, memory, running, settings, doorOpen] = await Promise.all([
      readIfThere(join(server.dataDirectory, 'PG_VERSION')),
      readControlFile(server.dataDirectory),
      readMemory(server),
      runningPostmaster(server.dataDirectory),
      readIfThere(join(server.dataDirectory, 'postgresql.conf')),
      isDoorOpen(server),
    ]);
    if (control === undefined) {
      return couldNotAsk(`${server.dataDirectory} is no whole data folder: global/pg_control is missing`);
    }
    const text = settings ?? '';
    const names = parseSettings(text);
    const port = memory?.port ?? running?.port ?? (Number(names.get('port')) || undefined);
    const crashed = running === undefined && !control.cleanShutdown;
    return present({
      server,
      state: running !== undefined ? 'running' : crashed ? 'crashed' : 'stopped',
      pid: running?.pid,
      memory,
      port: running?.port ?? port,
      version: Number.parseInt(version ?? '', 10),
      systemIdentifier: control.systemIdentifier,
      settings: text,
      doorOpen,
      live: running === undefined ? undefined : await readLiveSettings(server, running.port, [...names.keys()]),
      logEnd: crashed ? await endOfLog(server, 6) : undefined,
    });
  } catch (error) {
    return couldNotAsk(causeOf(error));
  }
}
