import type { ServerFolder } from './server-folder.ts';
import { connectSuperuser } from './superuser-client.ts';

/** How the settings that need a restart stand in a running server. */
export interface LiveSettings {
  /** Their file has another value than the server. */
  readonly pendingRestart: readonly string[];
  /** `ALTER SYSTEM` has the last word on them. */
  readonly overridden: readonly string[];
}

/** Asks a running server for the settings of these names; undefined when it does not answer. */
export async function readLiveSettings(
  server: ServerFolder,
  port: number,
  names: readonly string[],
): Promise<LiveSettings | undefined> {
  try {
    return await withClient(server, port, async (client) => {
      const { rows } = await client.query<{ name: string; pending: boolean; overridden: boolean }>(
        `SELECT s.name, s.pending_restart AS pending,
                EXISTS (SELECT FROM pg_file_settings f
                         WHERE f.name = s.name AND f.sourcefile LIKE '%/postgresql.auto.conf') AS overridden
           FROM pg_settings s WHERE s.name = ANY($1) ORDER BY s.name`,
        [names],
      );
      return {
        pendingRestart: rows.filter(({ pending }) => pending).map(({ name }) => name),
        overridden: rows.filter(({ overridden }) => overridden).map(({ name }) => name),
      };
    });
  } catch {
    // Starting, stopping, or its doors are shut: the other things seen of it tell that.
    return undefined;
  }
}

/** Takes away what `ALTER SYSTEM` says of these settings. */
export async function resetOverrides(server: ServerFolder, port: number, names: readonly string[]): Promise<void> {
  await withClient(server, port, async (client) => {
    for (const name of names) {
      await client.query(`ALTER SYSTEM RESET "${name.replaceAll('"', '""')}"`);
    }
  });
}

type Client = Awaited<ReturnType<typeof connectSuperuser>>;

async function withClient<T>(server: ServerFolder, port: number, work: (client: Client) => Promise<T>): Promise<T> {
  const { socketDirectory } = server;
  const client = await connectSuperuser({
    socketDirectory,
    port,
    database: 'postgres',
    applicationName: 'keywright',
    settings: { statement_timeout: '10000' },
  });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
