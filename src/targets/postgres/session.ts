import type { Client, QueryResultRow } from 'pg';
import type { RunContext } from '../../engine/interfaces.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import { type ServerFolder, serverFolderOf } from '../process/server-folder.ts';
import { reloadServer } from '../process/stop.ts';
import { findAccount } from '../process/account.ts';
import { connectSuperuser } from '../process/superuser-client.ts';
import { endOfLog } from '../process/log.ts';

/** Where the server is, from the outputs of its process. */
export interface ServerPlace {
  readonly port: number;
  readonly host: string;
  readonly hostaddr: string;
  readonly socketDirectory: string;
  readonly dataDirectory: string;
  /** Account name of the server; empty: the one that runs Keywright. */
  readonly account: string;
}

/** PostgreSQL's database for what belongs to the whole server; advisory locks are per database, so there is one for them. */
const common = 'postgres';

/** Key of the advisory lock that one writer of a server holds: the bytes of `kwrt`. */
const writerLock = 0x6b777274;

/** Tries of a write that met another writer of the same catalog row (XX000 `tuple concurrently updated`). */
const tries = 5;

/**
 * One server as superuser over its socket, one connection per database, opened on first use. What was read of the
 * catalogs is kept until the next write, so that all kinds of a run share a fixed number of queries.
 */
export class PostgresSession {
  readonly name: string;
  readonly context: RunContext;
  readonly place: ServerPlace;
  readonly server: ServerFolder;
  readonly #clients = new Map<string, Promise<Client>>();
  readonly #cache = new Map<string, Promise<unknown>>();
  #writing: Promise<unknown> = Promise.resolve();

  constructor(name: string, context: RunContext, place: ServerPlace, server: ServerFolder) {
    this.name = name;
    this.context = context;
    this.place = place;
    this.server = server;
  }

  /** Rows of one statement. `database` defaults to the one for what belongs to the whole server. */
  async query<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = [], database = common): Promise<Row[]> {
    const client = await this.#client(database);
    return (await client.query<Row>(sql, [...values])).rows;
  }

  /** Results of a text of several statements, in one round trip. */
  async script(sql: string, database = common): Promise<QueryResultRow[][]> {
    const client = await this.#client(database);
    const results: unknown = await client.query(sql);
    return (Array.isArray(results) ? results : [results]).map((result: { rows: QueryResultRow[] }) => result.rows);
  }

  /** What `load` gives, once per run and until the next write: name it by what it reads, with the database in it. */
  cached<T>(name: string, load: () => Promise<T>): Promise<T> {
    const known = this.#cache.get(name) as Promise<T> | undefined;
    if (known !== undefined) {
      return known;
    }
    const loading = load();
    this.#cache.set(name, loading);
    loading.catch(() => this.#cache.delete(name));
    return loading;
  }

  /**
   * Runs a write as the only one of this server: one after the other in this process, under an advisory lock against
   * others, again when it met a writer that holds no such lock. `work` must be able to run twice: let it be one
   * transaction, or idempotent.
   */
  async write<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(async () => {
      await this.query('SELECT pg_advisory_lock($1)', [writerLock]);
      try {
        for (let attempt = 1; ; attempt += 1) {
          try {
            return await work();
          } catch (error) {
            if (attempt >= tries || !isConcurrentUpdate(error)) {
              throw error;
            }
          }
        }
      } finally {
        this.forget();
        await this.query('SELECT pg_advisory_unlock($1)', [writerLock]).catch(() => {});
      }
    });
    this.#writing = turn.catch(() => {});
    return turn;
  }

  /**
   * `work` in one transaction of a database. What it sends in one text is still logged as a whole, so secrets and
   * verifiers go in after a separate guard (`quietLog`).
   */
  async transaction<T>(database: string, work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#client(database);
    await client.query('BEGIN');
    try {
      const result = await work(client);
      const committed = await client.query('COMMIT');
      if (committed.command !== 'COMMIT') {
        throw new Error('the transaction was rolled back');
      }
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  /** A client of its own, for what cannot run in a transaction or must not share a session; the caller ends it. */
  async ownClient(database: string): Promise<Client> {
    return this.#connect(database);
  }

  /** Forgets what was read of the catalogs. */
  forget(): void {
    this.#cache.clear();
  }

  /** SIGHUP to the server: configuration, certificates and hba files are read again, asynchronously. */
  async reload(): Promise<void> {
    await reloadServer(this.server);
    this.forget();
  }

  /** Last lines of the server's log, for an error. */
  async logTail(lines = 5): Promise<string> {
    return endOfLog(this.server, lines);
  }

  /** Ends the connections to one database, before it is dropped or renamed. */
  async release(database: string): Promise<void> {
    const client = this.#clients.get(database);
    this.#clients.delete(database);
    await client?.then((open) => open.end()).catch(() => {});
  }

  async close(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.then((open) => open.end()).catch(() => {})));
  }

  #client(database: string): Promise<Client> {
    const known = this.#clients.get(database);
    if (known !== undefined) {
      return known;
    }
    const connecting = this.#connect(database);
    this.#clients.set(database, connecting);
    connecting.then(
      (client) => client.once('end', () => this.#clients.delete(database)),
      () => this.#clients.delete(database),
    );
    return connecting;
  }

  async #connect(database: string): Promise<Client> {
    try {
      return await connectSuperuser({
        socketDirectory: this.place.socketDirectory,
        port: this.place.port,
        database,
        applicationName: 'keywright',
        settings: { statement_timeout: '60s', lock_timeout: '20s', client_min_messages: 'warning', search_path: 'pg_catalog' },
      });
    } catch (error) {
      if ((error as { code?: string }).code === '3D000') {
        throw error;
      }
      throw new Failure({
        code: 'postgres-unreachable',
        message: `postgres ${this.name} did not let the superuser in over its socket: ${causeOf(error)}`,
        object: `postgres/${this.name}`,
        why: 'everything on this server is made and judged through that connection',
        remedy: `look at the end of ${this.server.logFile}`,
        exitCode: 3,
        cause: error,
      });
    }
  }
}

/** Sent as a message of its own before DDL that carries a verifier: whatever the server is told to log, it is not that. */
export const quietLog = [
  "SET LOCAL log_statement = 'none'",
  "SET LOCAL log_min_error_statement = 'panic'",
  'SET LOCAL log_min_duration_statement = -1',
].join('; ');

function isConcurrentUpdate(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (code === 'XX000' && (message ?? '').includes('concurrently')) || code === '40P01' || code === '40001';
}

/** The session of a server whose process has these outputs. */
export async function openSession(name: string, context: RunContext, place: ServerPlace): Promise<PostgresSession> {
  const account = place.account === '' ? undefined : await findAccount(place.account);
  return new PostgresSession(name, context, place, serverFolderOf(place.dataDirectory, account));
}
