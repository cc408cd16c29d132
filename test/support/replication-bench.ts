import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IssuedCertificate } from '../../src/authority/issue.ts';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import type { PublicationSpec, SubscriptionSpec } from '../../src/targets/postgres/postgres.spec.ts';
import { PgSession } from '../../src/targets/postgres/session.ts';
import { hierarchy, leafOf } from './certificate-cases.ts';
import { KindBench, resource } from './kinds.ts';
import { startPostgres } from './postgres.ts';
import type { CleanUp, PostgresServer } from './postgres.ts';

export const replicationRole = 'orders_replication_b';

export interface Node {
  readonly name: string;
  readonly host: string;
  readonly server: PostgresServer;
  readonly session: PgSession;
  /** Statements in database `orders`. */
  sql(text: string): Promise<Record<string, unknown>[]>;
}

export interface ReplicationBench {
  readonly bench: KindBench;
  readonly a: Node;
  readonly b: Node;
  /** Trust bundle of both servers. */
  readonly bundle: string;
  /** `ca.crt`, `tls.crt`, `tls.key`, as the server of `b` presents them. */
  readonly certificateDirectory: string;
  clientCertificate(commonName: string): Promise<IssuedCertificate>;
  publication(spec?: Partial<PublicationSpec>): Resource<PublicationSpec>;
  subscription(
    spec?: Partial<SubscriptionSpec>,
    connection?: Partial<SubscriptionSpec['connection']>,
  ): Resource<SubscriptionSpec>;
}

const settings = {
  wal_level: 'logical',
  wal_retrieve_retry_interval: '200ms',
  ssl: true,
  ssl_cert_file: 'server.crt',
  ssl_key_file: 'server.key',
  ssl_ca_file: 'ca.crt',
  ssl_min_protocol_version: 'TLSv1.3',
};

/** Two servers with database `orders`, tables `orders` and `items`, and a canary; `a` lets `b` replicate by certificate. */
export async function replicationBench(t: CleanUp): Promise<ReplicationBench> {
  const ours = await hierarchy('infra');
  const bundle = ours.root.certificatePem;
  const start = async (name: string): Promise<Node> => {
    const host = `${name}.site-a.localhost`;
    const leaf = await leafOf(ours.intermediate, { hosts: [host] });
    const server = await startPostgres(t, {
      settings,
      hba: ['hostssl orders +replicators 127.0.0.1/32 cert', 'hostssl orders +people 127.0.0.1/32 scram-sha-256'],
      files: {
        'server.crt': leaf.certificatePem + ours.intermediate.certificatePem,
        'server.key': leaf.privateKey.expose(),
        'ca.crt': bundle,
      },
    });
    await server.query(`
      CREATE ROLE orders_owner; CREATE ROLE orders_read_only; CREATE ROLE replicators; CREATE ROLE people;
      CREATE ROLE ${replicationRole} LOGIN REPLICATION IN ROLE orders_read_only, replicators`);
    await server.query('CREATE ROLE orders_apply LOGIN IN ROLE orders_owner');
    await server.query('CREATE DATABASE orders OWNER orders_owner');
    await server.query(schema, undefined, 'orders');
    const { dataDirectory, socketDirectory, logFile } = server;
    const session = new PgSession({
      name,
      fleet: 'test',
      port: server.port,
      host,
      hostaddr: '127.0.0.1',
      server: {
        name,
        folder: dataDirectory,
        dataDirectory,
        logFile,
        certificatesFolder: dataDirectory,
        socketDirectory,
      },
    });
    t.after(() => session.close());
    const sql = async (text: string): Promise<Record<string, unknown>[]> =>
      (await server.query(text, undefined, 'orders')).rows;
    return { name, host, server, session, sql };
  };
  const [a, b] = await Promise.all([start('orders-a'), start('orders-b')]);
  const clientCertificate = (commonName: string): Promise<IssuedCertificate> =>
    leafOf(ours.intermediate, { usage: 'client', hosts: [], subject: { commonName } });
  const client = await clientCertificate(replicationRole);
  const certificateDirectory = join(b.server.dataDirectory, 'replication');
  await putFiles(b.server, certificateDirectory, {
    'ca.crt': bundle,
    'tls.crt': client.certificatePem + ours.intermediate.certificatePem,
    'tls.key': client.privateKey.expose(),
  });
  return {
    bench: new KindBench('test', '/nonexistent'),
    a,
    b,
    bundle,
    certificateDirectory,
    clientCertificate,
    publication: (spec) =>
      resource<PublicationSpec>(resourceId(targetId('postgres', a.name), 'publication', 'orders', 'orders_a'), {
        database: 'orders',
        name: 'orders_a',
        owner: 'orders_owner',
        tables: ['public.orders', 'keywright.canary_orders_a'],
        slots: ['orders_a_b'],
        ...spec,
      }),
    subscription: (spec, connection) =>
      resource<SubscriptionSpec>(resourceId(targetId('postgres', b.name), 'subscription', 'orders', 'orders_a_b'), {
        database: 'orders',
        name: 'orders_a_b',
        owner: 'orders_apply',
        publications: ['orders_a'],
        copy: true,
        connection: {
          host: a.host,
          hostaddr: '127.0.0.1',
          port: a.server.port,
          database: 'orders',
          user: replicationRole,
          certificateDirectory,
          ...connection,
        },
        ...spec,
      }),
  };
}

const schema = `
  ALTER SCHEMA public OWNER TO orders_owner;
  SET ROLE orders_owner;
  CREATE SCHEMA keywright;
  CREATE TABLE keywright.canary_orders_a (id bigint PRIMARY KEY, note text);
  CREATE TABLE public.orders (id bigint PRIMARY KEY, note text);
  CREATE TABLE public.items (id bigint PRIMARY KEY, note text);
  CREATE TABLE public.bare (note text);
  GRANT USAGE ON SCHEMA keywright, public TO orders_read_only;
  GRANT SELECT ON ALL TABLES IN SCHEMA keywright, public TO orders_read_only;
  RESET ROLE`;

async function putFiles(
  server: PostgresServer,
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const { uid, gid } = server.account;
  await mkdir(folder, { mode: 0o700 });
  await chown(folder, uid, gid);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    await chmod(path, 0o600);
    await chown(path, uid, gid);
  }
}

/** Waits for something that comes about by itself. */
export async function until(what: string, holds: () => Promise<boolean>, milliseconds = 15_000): Promise<void> {
  for (const deadline = performance.now() + milliseconds; !(await holds());) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${milliseconds} ms for: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
