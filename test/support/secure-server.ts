import { hierarchy, leafOf } from './certificate-cases.ts';
import { startPostgres } from './postgres.ts';
import type { CleanUp, PostgresServer } from './postgres.ts';

export interface SecureServer {
  readonly server: PostgresServer;
  readonly host: string;
  /** Trust bundle, PEM. */
  readonly bundle: string;
}

/** A server that lets these in over TLS 1.3 only, with database `orders` of `orders_owner` and schema `keywright`. */
export async function secureServer(t: CleanUp, name: string, hba: readonly string[]): Promise<SecureServer> {
  const ours = await hierarchy('infra');
  const host = `${name}.site-a.localhost`;
  const leaf = await leafOf(ours.intermediate, { hosts: [host] });
  const server = await startPostgres(t, {
    settings: {
      ssl: true,
      ssl_cert_file: 'server.crt',
      ssl_key_file: 'server.key',
      ssl_ca_file: 'ca.crt',
      ssl_min_protocol_version: 'TLSv1.3',
    },
    hba,
    files: {
      'server.crt': leaf.certificatePem + ours.intermediate.certificatePem,
      'server.key': leaf.privateKey.expose(),
      'ca.crt': ours.root.certificatePem,
    },
  });
  await server.query('CREATE ROLE orders_owner');
  await server.query('CREATE DATABASE orders OWNER orders_owner');
  await server.query('REVOKE ALL ON DATABASE orders FROM PUBLIC');
  await server.query('CREATE SCHEMA keywright AUTHORIZATION orders_owner', undefined, 'orders');
  return { server, host, bundle: ours.root.certificatePem };
}
