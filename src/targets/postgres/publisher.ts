import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { type Answer, couldNotAsk, present } from '../../model/answer.ts';
import { causeOf } from '../../model/failure.ts';

/** How a subscriber reaches its publisher, every field known. */
export interface PublisherAddress {
  readonly host: string;
  readonly hostaddr: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Holds `ca.crt`, `tls.crt` and `tls.key`. */
  readonly certificateDirectory: string;
}

export interface PublisherSeen {
  /** Those of the asked publications that are there. */
  readonly publications: readonly string[];
  /** `schema.table`, sorted: what they publish together. */
  readonly tables: readonly string[];
  readonly slot?: { readonly active: boolean; readonly database: string | null };
}

/**
 * The connection string of a subscription. Every value stands in quotes, in which libpq knows `\'` and `\\`.
 */
export function connectionString(address: PublisherAddress, applicationName: string): string {
  const file = (name: string): string => join(address.certificateDirectory, name);
  const fields: Readonly<Record<string, string>> = {
    host: address.host,
    hostaddr: address.hostaddr,
    port: String(address.port),
    dbname: address.database,
    user: address.user,
    application_name: applicationName,
    sslmode: 'verify-full',
    sslrootcert: file('ca.crt'),
    sslcert: file('tls.crt'),
    sslkey: file('tls.key'),
    ssl_min_protocol_version: 'TLSv1.3',
    connect_timeout: '10',
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}='${value.replaceAll(/['\\]/g, '\\$&')}'`)
    .join(' ');
}

/**
 * Logs in to the publisher exactly as the subscription will, and looks at what it publishes. This is also the test of
 * the connection, because `ALTER SUBSCRIPTION … CONNECTION` makes none.
 */
export async function askPublisher(
  address: PublisherAddress,
  publications: readonly string[],
  slot: string,
): Promise<Answer<PublisherSeen>> {
  try {
    return present(await ask(address, publications, slot));
  } catch (error) {
    return couldNotAsk(`${address.host}:${address.port} as ${address.user}: ${causeOf(error)}`);
  }
}

/**
 * Makes the slot of a subscription, from where the subscriber's transactions cannot be waited for: making one waits for
 * every transaction that writes on the publisher, and two servers that each made the other's slot inside of their own
 * `CREATE SUBSCRIPTION` would wait for each other for ever. Throws what the publisher said.
 */
export async function makeSlot(address: PublisherAddress, slot: string): Promise<void> {
  await withPublisher(address, `keywright makes slot ${slot}`, slotPatience, async (client) => {
    await client.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  });
}

const askPatience = 10_000;
/** A long transaction of an application on the publisher is waited for. */
const slotPatience = 120_000;

async function ask(address: PublisherAddress, publications: readonly string[], slot: string): Promise<PublisherSeen> {
  return withPublisher(address, `keywright asks for ${slot}`, askPatience, async (client) => {
    const { rows } = await client.query<{
      publications: string[];
      tables: string[];
      slot: PublisherSeen['slot'] | null;
    }>(
      `SELECT ARRAY(SELECT pubname::text FROM pg_publication WHERE pubname = ANY($1) ORDER BY 1) AS publications,
              ARRAY(SELECT DISTINCT schemaname || '.' || tablename FROM pg_publication_tables
                     WHERE pubname = ANY($1) ORDER BY 1) AS tables,
              (SELECT json_build_object('active', active, 'database', database)
                 FROM pg_replication_slots WHERE slot_name = $2) AS slot`,
      [publications, slot],
    );
    const [row] = rows;
    return { publications: row?.publications ?? [], tables: row?.tables ?? [], slot: row?.slot ?? undefined };
  });
}

async function withPublisher<T>(
  address: PublisherAddress,
  applicationName: string,
  patience: number,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { default: pg } = await import('pg');
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'tls.crt', 'tls.key'].map((name) => readFile(join(address.certificateDirectory, name), 'utf8')),
  );
  const client = new pg.Client({
    host: address.hostaddr,
    port: address.port,
    database: address.database,
    user: address.user,
    password: '',
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    statement_timeout: patience,
    query_timeout: patience + 1000,
    ssl: { ca, cert, key, servername: address.host, minVersion: 'TLSv1.3' },
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
