import type { Client } from 'pg';
import { superuser } from './settings.ts';

export interface ClientOptions {
  readonly socketDirectory: string;
  readonly port: number;
  readonly database: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Settings of the session. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Connects as superuser over the socket. Nothing is taken from our environment (PGOPTIONS, PGPASSWORD and the like).
 * A server that goes away later ends the client silently: the next query fails.
 */
export async function connectSuperuser(options: ClientOptions): Promise<Client> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host: options.socketDirectory,
    port: options.port,
    user: superuser,
    database: options.database,
    password: '',
    ssl: false,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
    options: Object.entries(options.settings ?? {})
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}
