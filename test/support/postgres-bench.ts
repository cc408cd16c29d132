import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResourceId } from '../../src/model/ids.ts';
import { resourceId, targetId } from '../../src/model/ids.ts';
import { Secret } from '../../src/model/secret.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import { openFileStore } from '../../src/stores/file/open.ts';
import { PgSession } from '../../src/targets/postgres/session.ts';
import { isRoot } from '../../src/targets/process/account.ts';
import { KindBench } from './kinds.ts';
import { type CleanUp, type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts';

export interface PostgresBench {
  readonly bench: KindBench;
  readonly server: PostgresServer;
  readonly session: PgSession;
  readonly store: SecretBackend;
}

/** A server of its own, a session on it as the target `postgres/orders-a`, and a file store called `box`. */
export async function postgresBench(t: CleanUp, options: PostgresOptions = {}): Promise<PostgresBench> {
  const server = await startPostgres(t, options);
  const folder = await mkdtemp('/tmp/kwt-fleet-');
  await chmod(folder, 0o755);
  const bench = new KindBench('test', folder);
  const store = await boxStore(bench);
  const session = sessionOn(server);
  t.after(async () => {
    await session.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { bench, server, session, store };
}

/** A session on a test's server, as the target would make it. */
export function sessionOn(
  server: PostgresServer,
  fleet = 'test',
  options: { readonly lockPatience?: number } = {},
): PgSession {
  const folder = join(server.dataDirectory, '..');
  return new PgSession({
    ...options,
    name: 'orders-a',
    fleet,
    port: server.port,
    host: 'orders-a.site-a.localhost',
    hostaddr: server.host,
    server: {
      name: 'orders-a',
      folder,
      dataDirectory: server.dataDirectory,
      logFile: server.logFile,
      certificatesFolder: join(folder, 'certificates'),
      socketDirectory: server.socketDirectory,
      account: isRoot() ? server.account : undefined,
    },
  });
}

/** Makes a file store in the fleet's folder and opens it as `box`. */
export async function boxStore(bench: KindBench): Promise<SecretBackend> {
  const answer = await openFileStore({
    folder: join(bench.folder, 'box'),
    identityFile: join(bench.folder, '.keywright/key.txt'),
    name: 'box',
    mayCreate: true,
    environment: bench.context.environment,
  });
  if (answer.state !== 'present') {
    throw new Error(`the store is ${answer.state}`);
  }
  bench.stores.set('box', answer.seen);
  return answer.seen;
}

/** Puts values into an entry and answers its new version. */
export async function put(
  store: SecretBackend,
  path: string,
  values: Readonly<Record<string, string>>,
): Promise<string> {
  const data = new Map(Object.entries(values).map(([key, value]) => [key, new Secret(value)]));
  return (await store.write({ path, data })).version;
}

/** Id on the target `postgres/orders-a`. */
export function pgId(kind: string, ...names: readonly string[]): ResourceId {
  return resourceId(targetId('postgres', 'orders-a'), kind, ...names);
}
