import type { FleetDocument } from '../fleet/model.ts';
import {
  databaseOwner,
  qualifiedTable,
  readOnlyRole,
  readWriteRole,
  roleName,
  strategy,
  tlsAuthority,
} from '../fleet/names.ts';
import { canonicalJson } from '../model/digest.ts';
import type { ResourceId } from '../model/ids.ts';
import type {
  DatabaseSpec,
  DefaultPrivilegeSpec,
  ExtensionSpec,
  HbaRule,
  HbaSpec,
  ParameterSpec,
  PostgresTargetSpec,
  PrivilegeSpec,
  ProbeSpec,
  RoleSpec,
  SchemaSpec,
  SetupSpec,
  TlsSpec,
} from '../targets/postgres/postgres.spec.ts';
import type { ProcessSpec } from '../targets/process/process.spec.ts';
import { authorityOf, compileCertificate, revokedProbe } from './authority.ts';
import type { Builder } from './builder.ts';
import {
  authorityPath,
  bundleId,
  bundlePath,
  certificatePath,
  crlId,
  endpointOf,
  onServer,
  output,
  postgresTargetId,
  processId,
} from './places.ts';

type Postgres = FleetDocument<'Postgres'>;

/** Addresses that clients of a local server come from. */
export const loopback = ['127.0.0.1/32'] as const;

/** What other documents need of a server. */
export interface ServerNeeds {
  /** It takes part in a logical replication: its WAL must carry enough, its conflicts must be told apart. */
  readonly replicates: boolean;
  readonly hba: readonly HbaRule[];
  /** Addresses that its certificate must be good for, beside its names. */
  readonly addresses: readonly string[];
  readonly canaries: ReadonlyMap<string, ProbeSpec['canaries']>;
}

/** Name under which clients reach a server of a local site, so that verify-full tells two servers apart. */
export function localHost(postgres: Postgres): string {
  return `${postgres.name}.${postgres.spec.site}.localhost`;
}

/** All schemas of a database that an access names, or that hold a table which a replication carries. */
export function schemasOf(builder: Builder, postgres: Postgres, database: string): string[] {
  const named = [...builder.fleet.accesses.values()]
    .filter(({ spec }) => spec.postgres === postgres.name && spec.database === database)
    .flatMap(({ spec }) => spec.schemas);
  const replicated = [...builder.fleet.replications.values()]
    .filter(({ spec }) => spec.logical?.database === database)
    .flatMap(({ spec }) => spec.logical?.flows ?? [])
    .filter(({ from, to }) => from === postgres.name || to.includes(postgres.name))
    .flatMap(({ tables }) => tables.map(schemaOfTable));
  return [...new Set(['public', ...named, ...replicated])].sort();
}

function schemaOfTable(table: string): string {
  const qualified = qualifiedTable(table);
  return qualified.slice(0, qualified.indexOf('.'));
}

/** Logins and everything that they can use wait for these: TLS and the rules of who may come in. */
export function doorOf(postgres: string): ResourceId[] {
  return [onServer(postgres, 'tls', 'server'), onServer(postgres, 'hba', 'rules')];
}

/** What must be there before an access of a database is of use: privileges, also on what its setup made. */
export function readyDatabase(builder: Builder, postgres: Postgres, database: string): ResourceId[] {
  const readOnly = readOnlyRole(database);
  const readWrite = readWriteRole(database);
  return [
    onServer(postgres.name, 'probe', database),
    ...schemasOf(builder, postgres, database).flatMap((schema) => [
      onServer(postgres.name, 'privilege', database, schema, readOnly),
      onServer(postgres.name, 'privilege', database, schema, readWrite),
    ]),
  ];
}

export function compilePostgres(builder: Builder, postgres: Postgres, needs: ServerNeeds): void {
  const { name, spec } = postgres;
  if (spec.process === undefined) {
    return;
  }
  const process = processId(spec.site, name);
  const processSpec: ProcessSpec = {
    postgres: name,
    version: spec.version ?? 18,
    port: spec.process.port,
    host: localHost(postgres),
    // Always, so that a replication begins without a restart, and ends: a server with a slot left does not start below it.
    startSettings: { wal_level: 'logical', track_commit_timestamp: 'on' },
  };
  builder.resource(postgres, process, processSpec);
  const target: PostgresTargetSpec = { name, process };
  builder.target(postgresTargetId(name), 'postgres', target, [process]);

  compileTls(builder, postgres, needs.addresses);
  const parameters = { ...(needs.replicates ? { wal_retrieve_retry_interval: '200ms' } : {}), ...spec.parameters };
  for (const [parameter, value] of Object.entries(parameters)) {
    const parameterSpec: ParameterSpec = { name: parameter, value: String(value) };
    builder.resource(postgres, onServer(name, 'parameter', parameter), parameterSpec);
  }
  const hba: HbaSpec = { rules: withoutRepeats(needs.hba) };
  builder.resource(postgres, onServer(name, 'hba', 'rules'), hba, { dependsOn: [onServer(name, 'tls', 'server')] });
  for (const database of spec.databases) {
    compileDatabase(builder, postgres, database, needs.canaries.get(database.name) ?? []);
  }
}

/** Two flows between the same servers come in by one rule. */
function withoutRepeats(rules: readonly HbaRule[]): HbaRule[] {
  return [...new Map(rules.map((rule) => [canonicalJson(rule), rule])).values()];
}

function compileTls(builder: Builder, postgres: Postgres, addresses: readonly string[]): void {
  const { name, spec } = postgres;
  const authority = tlsAuthority(postgres);
  const store = authorityOf(builder.fleet, authority).spec.pki?.store ?? '';
  const hosts = [localHost(postgres), ...spec.tls.hosts];
  const certificate = compileCertificate(builder, postgres, {
    authority,
    names: ['server', name],
    usage: 'server',
    commonName: hosts[0] ?? name,
    hosts: [...hosts, ...addresses.filter((address) => !hosts.includes(address))],
  });
  const path = authorityPath(builder.fleet.name, authority);
  const tls: TlsSpec = {
    certificate: { store, path: certificate.path, version: output(certificate.id, 'version') },
    bundle: { store, path: bundlePath(builder.fleet.name, authority), version: output(bundleId(authority), 'version') },
    crl: { store, path: `${path}/crl`, version: output(crlId(authority), 'version') },
    minVersion: spec.tls.minVersion,
  };
  const id = builder.resource(postgres, onServer(name, 'tls', 'server'), tls);

  const endpoint = endpointOf(spec.site, name);
  const served = {
    endpoint,
    certificate: { store, path: certificate.path },
    bundle: certificate.bundle,
    hosts,
    minVersion: spec.tls.minVersion,
  };
  const common = { group: name, restsOn: [processId(spec.site, name), id] };
  const server = (kind: string, sentence: string, more: object = {}): void =>
    builder.claim(postgres, { kind, sentence: `${name} ${sentence}`, ...common, spec: { ...served, ...more } });
  server('served-certificate', `serves the certificate that the store holds, as ${hosts[0]}`);
  server('refused-wrong-host', 'is not taken for another host by a client with verify-full');
  server('refused-other-authority', 'refuses a client certificate of another authority', { commonName: 'postgres' });
  server('refused-revoked', 'refuses a revoked client certificate', {
    revoked: { store, path: certificatePath(builder.fleet.name, revokedProbe, authority) },
  });
  if (spec.tls.minVersion === 'TLSv1.3') {
    server('refused-old-tls', 'refuses TLS 1.2');
  }
  server('superuser-socket-only', 'lets its superuser in over the socket alone');
  server('refused-plain-anybody', 'refuses a plain connection whoever asks');
}

function compileDatabase(
  builder: Builder,
  postgres: Postgres,
  database: Postgres['spec']['databases'][number],
  canaries: ProbeSpec['canaries'],
): void {
  const server = postgres.name;
  const owner = databaseOwner(database);
  const readWrite = readWriteRole(database.name);
  const readOnly = readOnlyRole(database.name);
  const role = (name: string): ResourceId => {
    const spec: RoleSpec = { name, login: false };
    return builder.resource(postgres, onServer(server, 'role', name), spec);
  };
  const roles = [role(owner), role(readWrite), role(readOnly)];
  const databaseSpec: DatabaseSpec = { name: database.name, owner };
  const made = builder.resource(postgres, onServer(server, 'database', database.name), databaseSpec, {
    dependsOn: roles,
  });
  const schemas = schemasOf(builder, postgres, database.name).map((schema) => {
    if (schema === 'public') {
      return { schema, ready: made };
    }
    const spec: SchemaSpec = { database: database.name, name: schema, owner };
    const id = builder.resource(postgres, onServer(server, 'schema', database.name, schema), spec, {
      dependsOn: [made],
    });
    return { schema, ready: id };
  });
  const extensions = database.extensions.map((name) => {
    const spec: ExtensionSpec = { database: database.name, name };
    return builder.resource(postgres, onServer(server, 'extension', database.name, name), spec, { dependsOn: [made] });
  });
  const before = [made, ...extensions, ...schemas.map(({ ready }) => ready)];
  // Default privileges come first, so that what the setup makes is covered at once.
  const defaults = schemas.flatMap(({ schema, ready }) =>
    (
      [
        ['readWrite', readWrite],
        ['readOnly', readOnly],
      ] as const
    ).map(([privileges, grantee]) => {
      const spec: DefaultPrivilegeSpec = { database: database.name, schema, role: grantee, privileges, creator: owner };
      return builder.resource(postgres, onServer(server, 'default-privilege', database.name, schema, grantee), spec, {
        dependsOn: [ready],
      });
    }),
  );
  const contents = [...defaults];
  if (database.setup !== undefined) {
    const spec: SetupSpec = { database: database.name, owner, sql: database.setup };
    contents.push(
      builder.resource(postgres, onServer(server, 'setup', database.name), spec, {
        dependsOn: [...before, ...defaults],
      }),
    );
  }
  const probe: ProbeSpec = { database: database.name, owner, readWrite, readOnly, canaries };
  const readers = canaries.flatMap((canary) => canary.readers.map((reader) => onServer(server, 'role', reader)));
  builder.resource(postgres, onServer(server, 'probe', database.name), probe, {
    dependsOn: [made, ...readers, ...contents.filter((id) => id.includes('/setup/'))],
  });
  for (const { schema } of schemas) {
    for (const [privileges, grantee] of [
      ['readWrite', readWrite],
      ['readOnly', readOnly],
    ] as const) {
      const spec: PrivilegeSpec = { database: database.name, schema, role: grantee, privileges };
      builder.resource(postgres, onServer(server, 'privilege', database.name, schema, grantee), spec, {
        dependsOn: [...before, ...contents],
      });
    }
  }
}

/** The rules by which the accesses of a server come in: the group is named, so that a rotation never edits them. */
export function accessRules(builder: Builder, postgres: Postgres): HbaRule[] {
  return [...builder.fleet.accesses.values()]
    .filter(({ spec }) => spec.postgres === postgres.name)
    .flatMap((access) =>
      loopback.map((address): HbaRule => ({
        type: 'hostssl',
        database: access.spec.privileges === 'replication' ? 'replication' : (access.spec.database ?? 'all'),
        user: `+${roleName(access)}`,
        address,
        method: strategy(access) === 'certificate' ? 'cert' : 'scram-sha-256',
      })),
    );
}
