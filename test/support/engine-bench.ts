import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Client } from 'pg';
import type { Change } from '../../src/model/change.ts';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { ResourceId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import { Secret } from '../../src/model/secret.ts';
import type { VaultStore } from '../../src/stores/vault/backend.ts';
import { engineLoginKind } from '../../src/targets/postgres/engine-login.ts';
import { leaseKind } from '../../src/targets/postgres/lease.ts';
import { membershipKind } from '../../src/targets/postgres/membership.ts';
import type { EngineLoginSpec, LeaseSpec, MembershipSpec, RoleSpec } from '../../src/targets/postgres/postgres.spec.ts';
import { roleKind } from '../../src/targets/postgres/role.ts';
import type { PgSession } from '../../src/targets/postgres/session.ts';
import { databaseConnectionKind } from '../../src/targets/vault/database-connection.ts';
import type { DatabaseConnectionSpec } from '../../src/targets/vault/database-connection.spec.ts';
import { databaseRoleKind } from '../../src/targets/vault/database-role.ts';
import type { DatabaseRoleSpec } from '../../src/targets/vault/database-role.spec.ts';
import { mountKind } from '../../src/targets/vault/mount.ts';
import type { MountSpec } from '../../src/targets/vault/mount.spec.ts';
import { hierarchy, leafOf } from './certificate-cases.ts';
import { resource } from './kinds.ts';
import type { OpenBao } from './openbao.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { pgId, sessionOn } from './postgres-bench.ts';
import type { StoreBench } from './store-bench.ts';
import { vaultBench } from './vault-bench.ts';

export const host = 'orders-a.site-a.localhost';
export const engineRoleName = 'keywright_main_orders';
export const firstPath = 'keywright/test/engines/orders-a/orders';

/**
 * One PostgreSQL with database `orders`, one fresh database engine of a real OpenBao, and the resources that bring them
 * together for the accesses `orders-app` and `orders`, whose name is the beginning of the other.
 */
export interface EngineBench {
  readonly bench: StoreBench;
  readonly bao: OpenBao;
  readonly server: PostgresServer;
  readonly session: PgSession;
  readonly main: VaultStore;
  /** Of the database engine. */
  readonly mount: string;
  readonly bundle: string;
  readonly trustFile: string;
  connection(more?: Partial<DatabaseConnectionSpec>): Resource<DatabaseConnectionSpec>;
  engineLogin(): Resource<EngineLoginSpec>;
  role(name: string, more?: Partial<DatabaseRoleSpec>): Resource<DatabaseRoleSpec>;
  lease(name: string, more?: Partial<LeaseSpec>): Resource<LeaseSpec>;
  /** Connection and login of the engine, as an apply makes them. */
  connect(more?: Partial<DatabaseConnectionSpec>): Promise<Change[]>;
  /** What a plan says of both. */
  planConnection(more?: Partial<DatabaseConnectionSpec>): Promise<Change[]>;
  applyRoles(...roles: readonly Resource<DatabaseRoleSpec>[]): Promise<Change[]>;
  applyLease(...leases: readonly Resource<LeaseSpec>[]): Promise<Change[]>;
  /** Logins that the engine made and that are there, sorted. */
  logins(): Promise<string[]>;
  /** Logs in over TLS; the client ends with the test. */
  logIn(user: string, password: string): Promise<Client>;
}

function storeId(kind: string, ...names: readonly string[]): ResourceId {
  return resourceId(targetId('store', 'main'), kind, ...names);
}

const groups = ['orders', 'orders_app'];

export async function engineBench(t: TestContext, bao: OpenBao): Promise<EngineBench> {
  const ours = await hierarchy('infra');
  const leaf = await leafOf(ours.intermediate, { hosts: [host, '127.0.0.1'] });
  const server = await startPostgres(t, {
    settings: { ssl: true, ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', log_statement: 'all' },
    hba: [`hostssl orders ${engineRoleName} 127.0.0.1/32 scram-sha-256`, ...groups.map(ruleOf)],
    files: {
      'server.crt': leaf.certificatePem + ours.intermediate.certificatePem,
      'server.key': leaf.privateKey.expose(),
    },
  });
  // A test that stops the server waits for its absence to be told.
  const { bench, main, unique } = await vaultBench(t, bao, { client: { patience: 3_000 } });
  const session = sessionOn(server);
  t.after(() => session.close());
  const bundle = ours.root.certificatePem;
  const trustFile = join(bench.folder, 'roots.pem');
  await writeFile(trustFile, bundle);
  await main.write({ path: 'bundle', data: new Map([['ca.crt', new Secret(bundle)]]) });
  await main.write({ path: firstPath, data: new Map([['password', new Secret(`first-${unique}`)]]) });

  const names = ['orders_owner', ...groups];
  await bench.mustApply(roleKind, session, [
    ...names.map((name) => resource<RoleSpec>(pgId('role', name), { name, login: false })),
    resource<RoleSpec>(pgId('role', engineRoleName), {
      name: engineRoleName,
      login: true,
      createRole: true,
      passwordElsewhere: true,
    }),
  ]);
  await server.query('CREATE DATABASE orders OWNER orders_owner');
  await server.query(
    'REVOKE ALL ON DATABASE orders FROM PUBLIC; GRANT CONNECT ON DATABASE orders TO orders, orders_app',
  );
  await server.query('CREATE SCHEMA keywright AUTHORIZATION orders_owner', undefined, 'orders');
  const member = engineRoleName;
  await bench.mustApply(
    membershipKind,
    session,
    groups.map((role) =>
      resource<MembershipSpec>(pgId('membership', role, member), {
        role,
        member,
        inherit: true,
        set: true,
        admin: true,
      }),
    ),
  );
  const mount = `database-${unique}`;
  await bench.mustApply(mountKind, main, [
    resource<MountSpec>(storeId('mount', mount), { path: mount, type: 'database' }),
  ]);

  const connection: EngineBench['connection'] = (more = {}) =>
    resource(storeId('database-connection', mount, 'orders-a.orders'), {
      mount,
      name: 'orders-a.orders',
      host: '127.0.0.1',
      port: server.port,
      database: 'orders',
      username: engineRoleName,
      trustFile,
      allowedRoles: ['orders-app', 'orders'],
      usernameTemplate: '{{ .RoleName | replace "-" "_" }}_{{ random 8 | lowercase }}',
      ...more,
    });
  const engineLogin: EngineBench['engineLogin'] = () =>
    resource(pgId('engine-login', 'main', 'orders'), {
      role: engineRoleName,
      store: 'main',
      mount,
      connection: { from: connection().id, output: 'name' },
      first: { store: 'main', path: firstPath, key: 'password', version: '1' },
    });
  const groupOf = (access: string): string => access.replaceAll('-', '_');
  const clients: Client[] = [];
  t.after(async () => {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  });
  return {
    bench,
    bao,
    server,
    session,
    main,
    mount,
    bundle,
    trustFile,
    connection,
    engineLogin,
    role: (name, more = {}) =>
      resource(storeId('database-role', mount, name), {
        mount,
        role: name,
        connection: 'orders-a.orders',
        group: groupOf(name),
        engineRole: engineRoleName,
        comment: `keywright fleet=test id=${pgId('lease', name)}`,
        ttlSeconds: 3600,
        maxTtlSeconds: 7200,
        ...more,
      }),
    lease: (name, more = {}) =>
      resource(pgId('lease', name), {
        access: name,
        group: groupOf(name),
        database: 'orders',
        owner: 'orders_owner',
        ttlMilliseconds: 3_600_000,
        maxTtlMilliseconds: 7_200_000,
        store: 'main',
        path: `keywright/test/leases/${name}`,
        engine: { mount, role: name },
        ...more,
      }),
    async connect(more) {
      session.forget();
      return [
        ...(await bench.mustApply(databaseConnectionKind, main, [connection(more)])),
        ...(await bench.mustApply(engineLoginKind, session, [engineLogin()])),
      ];
    },
    async planConnection(more) {
      session.forget();
      return [
        ...(await bench.plan(databaseConnectionKind, main, [connection(more)])),
        ...(await bench.plan(engineLoginKind, session, [engineLogin()])),
      ];
    },
    applyRoles: (...roles) => bench.mustApply(databaseRoleKind, main, roles),
    async applyLease(...leases) {
      session.forget();
      return bench.mustApply(leaseKind, session, leases);
    },
    async logins() {
      const { rows } = await server.query(
        `SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE '%/lease/%' ORDER BY 1`,
      );
      return rows.map(({ rolname }) => String(rolname));
    },
    async logIn(user, password) {
      const ssl = { ca: bundle, servername: host };
      const client = new Client({ host: server.host, port: server.port, database: 'orders', user, password, ssl });
      client.on('error', () => {});
      clients.push(client);
      await client.connect();
      return client;
    },
  };
}

function ruleOf(group: string): string {
  return `hostssl orders +${group} 127.0.0.1/32 scram-sha-256`;
}
