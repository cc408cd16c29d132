import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { Failure } from '../../model/failure.ts';
import { endOfLog } from '../process/log.ts';
import { restartServer } from '../process/restart.ts';
import type { ServerFolder } from '../process/server-folder.ts';
import { startServer } from '../process/start.ts';
import { connectSuperuser } from '../process/superuser-client.ts';
import { cancellable, requireGoingOn } from './cancel.ts';
import { type ClusterSnapshot, readCluster } from './cluster-snapshot.ts';
import { type Configuration, readConfiguration } from './configuration.ts';
import { type DatabaseSnapshot, readDatabase } from './database-snapshot.ts';
import { isConnectionLoss, isTransient, sqlFailure, sqlState } from './errors.ts';
import { Lane } from './lane.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Sends one message to the server: one statement with values, or several without. */
export type Send = <R extends Row = Row>(sql: string, values?: readonly unknown[]) => Promise<R[]>;

export interface ServerPlace {
  /** Name of the Postgres. */
  readonly name: string;
  readonly fleet: string;
  readonly server: ServerFolder;
  readonly port: number;
  /** Name that clients use, and address that they reach it at. */
  readonly host: string;
  readonly hostaddr: string;
  /** Aborts when the run is given up: what the server does for it is cancelled, and nothing more is asked of it. */
  readonly signal?: AbortSignal;
  /** How long another writer is waited for, in milliseconds; default 30 s. */
  readonly lockPatience?: number;
  /** Writes without becoming the cluster's only writer: for objects that nobody else writes, as a proof's own login. */
  readonly besideWriter?: boolean;
}

/** Database whose advisory lock all writers of a cluster take; the locks are per database. */
const home = 'postgres';
/** `keywrigh` in ASCII, as the key of that lock. */
const writerLock = 0x6b65797772696768n;
const attempts = 6;

/**
 * A server of ours as the superuser sees it, over its socket. Snapshots of the catalogs are kept until the next write.
 * All writes go through `transaction` and `execute`, which first become the cluster's only writer.
 */
export class PgSession {
  readonly name: string;
  readonly fleet: string;
  readonly server: ServerFolder;
  readonly port: number;
  readonly host: string;
  readonly hostaddr: string;
  readonly #lockPatience: number;
  readonly #besideWriter: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #lanes = new Map<string, Lane>();
  readonly #databases = new Map<string, Promise<DatabaseSnapshot | undefined>>();
  #cluster: Promise<ClusterSnapshot> | undefined;
  #configuration: Promise<Configuration> | undefined;
  #lock: { readonly client: Client } | undefined;
  #locking: Promise<void> | undefined;
  /** What the server ran when it was restarted last. */
  #program: string | undefined;

  constructor(place: ServerPlace) {
    this.name = place.name;
    this.fleet = place.fleet;
    this.server = place.server;
    this.port = place.port;
    this.host = place.host;
    this.hostaddr = place.hostaddr;
    this.#besideWriter = place.besideWriter ?? false;
    this.#signal = place.signal;
    this.#lockPatience = place.lockPatience ?? 30_000;
  }

  /** Rows of one statement. Throws a Failure that names this server. */
  async query<R extends Row>(database: string, sql: string, values: readonly unknown[] = []): Promise<R[]> {
    return this.#named(() => this.#use(database, 0, async (client) => (await client.query<R>(sql, [...values])).rows));
  }

  /** Roles, memberships, databases, subscriptions: what any database shows. */
  cluster(): Promise<ClusterSnapshot> {
    this.#cluster ??= readCluster(this);
    return this.#cluster;
  }

  /** What only a connection to this database shows; undefined when there is no such database. */
  database(name: string): Promise<DatabaseSnapshot | undefined> {
    const known = this.#databases.get(name) ?? this.#readDatabase(name);
    this.#databases.set(name, known);
    return known;
  }

  /** Settings and rules, as the files say and as the server has loaded them. */
  configuration(): Promise<Configuration> {
    this.#configuration ??= readConfiguration(this);
    return this.#configuration;
  }

  /** What was seen is out of date. Writes do this by themselves. */
  forget(): void {
    this.#cluster = undefined;
    this.#configuration = undefined;
    this.#databases.clear();
  }

  /**
   * Runs `work` in one transaction and commits it. Sent again from its beginning when another writer was in the way, so
   * `work` must not do anything outside of the server. `lane` is for a second connection to the same database.
   */
  async transaction<T>(database: string, work: (send: Send) => Promise<T>, lane = 0): Promise<T> {
    return this.#write(database, lane, async (client) => {
      const send = sender(client, this.#signal);
      await send('BEGIN');
      try {
        const result = await work(send);
        const { command } = await client.query('COMMIT');
        // A failed transaction ends with ROLLBACK, and that is no error to the protocol.
        if (command !== 'COMMIT') {
          throw new Error(`the transaction ended with ${command}`);
        }
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  /** Sends statements that cannot run in a transaction, each as a message of its own. */
  async execute(database: string, ...statements: readonly string[]): Promise<void> {
    for (const statement of statements) {
      await this.#write(database, 0, async (client) => client.query(statement));
    }
  }

  /** Reads the files again and returns when the server has done so. */
  async reload(): Promise<void> {
    this.forget();
    await this.#named(() =>
      this.#use(home, 0, async (client) => {
        const loadedAt = async (): Promise<unknown> =>
          (await client.query<{ at: string }>('SELECT pg_conf_load_time()::text AS at')).rows[0]?.at;
        const before = await loadedAt();
        await client.query('SELECT pg_reload_conf()');
        for (const deadline = performance.now() + 10_000; (await loadedAt()) === before; await delay(5)) {
          if (performance.now() > deadline) {
            throw new Error('the server did not reload its files within ten seconds');
          }
        }
      }),
    );
    this.forget();
  }

  /** Restarts the server; sessions of applications end. */
  async restart(signal: AbortSignal, progress?: (text: string) => void): Promise<void> {
    await this.close();
    await restartServer(this.server, { signal, progress }, (program) => {
      this.#program = program;
    });
  }

  /** Starts the server again after a restart that it did not survive. */
  async start(signal: AbortSignal): Promise<void> {
    await startServer(this.server, { postgres: this.#program ?? '' }, { signal });
  }

  async endOfLog(lines = 6): Promise<string> {
    return endOfLog(this.server, lines);
  }

  /** Ends our own connections to a database, so that it can be dropped. */
  async leave(database: string): Promise<void> {
    for (const [key, lane] of this.#lanes) {
      if (key.endsWith(` ${database}`)) {
        await lane.close();
      }
    }
  }

  async close(): Promise<void> {
    this.forget();
    const lock = this.#lock;
    this.#lock = undefined;
    this.#locking = undefined;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
    await lock?.client.end().catch(() => {});
  }

  async #write<T>(database: string, lane: number, work: (client: Client) => Promise<T>): Promise<T> {
    await this.#becomeWriter();
    this.forget();
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#named(() => this.#use(database, lane, work));
        } catch (error) {
          if (!isTransient(error) || attempt === attempts) {
            throw error;
          }
          await delay(10 * 2 ** attempt);
        }
      }
    } finally {
      this.forget();
    }
  }

  async #becomeWriter(): Promise<void> {
    if (this.#besideWriter) {
      return;
    }
    this.#locking ??= this.#takeLock();
    try {
      await this.#locking;
    } catch (error) {
      this.#locking = undefined;
      throw error;
    }
  }

  async #takeLock(): Promise<void> {
    const client = await this.#named(() => openLockClient(this, this.#lockPatience, this.#signal));
    this.#lock = { client };
    client.once('end', () => {
      if (this.#lock?.client === client) {
        this.#lock = undefined;
        this.#locking = undefined;
      }
    });
  }

  async #use<T>(database: string, lane: number, work: (client: Client) => Promise<T>): Promise<T> {
    return this.#lane(database, lane).use((client) =>
      cancellable(client, clientOptions(this, home), this.#signal, () => work(client)),
    );
  }

  #lane(database: string, number: number): Lane {
    const key = `${number} ${database}`;
    const lane = this.#lanes.get(key) ?? new Lane(clientOptions(this, database));
    this.#lanes.set(key, lane);
    return lane;
  }

  async #readDatabase(name: string): Promise<DatabaseSnapshot | undefined> {
    try {
      return await readDatabase(this, name);
    } catch (error) {
      if (sqlState(error) === invalidCatalogName) {
        return undefined;
      }
      throw error;
    }
  }

  async #named<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const log = isConnectionLoss(error) ? await this.endOfLog() : '';
      throw sqlFailure(`postgres/${this.name}`, error, log);
    }
  }
}

const invalidCatalogName = '3D000';

function sender(client: Client, signal: AbortSignal | undefined): Send {
  return async <R extends Row>(sql: string, values?: readonly unknown[]) => {
    requireGoingOn(signal);
    const result = await client.query<R>(sql, values === undefined ? undefined : [...values]);
    return result.rows;
  };
}

function clientOptions(session: PgSession, database: string): ConstructorParameters<typeof Lane>[0] {
  return {
    socketDirectory: session.server.socketDirectory,
    port: session.port,
    database,
    applicationName: `keywright ${session.fleet}`,
    settings: {
      // A person's own transaction may hold a lock for hours.
      lock_timeout: '30s',
      statement_timeout: '10min',
      idle_in_transaction_session_timeout: '60s',
      client_min_messages: 'warning',
    },
  };
}

async function openLockClient(session: PgSession, patience: number, signal: AbortSignal | undefined): Promise<Client> {
  const client = await connectSuperuser(clientOptions(session, home));
  for (const deadline = performance.now() + patience; ; await delay(100)) {
    if (signal?.aborted === true) {
      await client.end();
      requireGoingOn(signal);
    }
    const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [writerLock]);
    if (rows[0]?.got === true) {
      return client;
    }
    if (performance.now() > deadline) {
      const holder = await client.query<{ who: string }>(
        `SELECT format('%s (pid %s, since %s)', a.application_name, a.pid, a.backend_start::timestamp(0)) AS who
           FROM pg_locks l JOIN pg_stat_activity a USING (pid)
          WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
            AND (l.classid::bigint << 32) | l.objid::bigint = $1`,
        [writerLock],
      );
      await client.end();
      throw new Failure({
        code: 'postgres-locked',
        message: `postgres/${session.name} is being written by ${holder.rows[0]?.who ?? 'another Keywright'}`,
        object: `postgres/${session.name}`,
        remedy: 'wait for it, or end that process',
        exitCode: 3,
      });
    }
  }
}
