import { milliseconds } from '../fleet/durations.ts';
import type { FleetDocument } from '../fleet/model.ts';
import { databaseEngine, engineRole, roleName, tlsAuthority } from '../fleet/names.ts';
import { resourceId, type ResourceId } from '../model/ids.ts';
import type { EngineProbeSpec } from '../proofs/proofs.spec.ts';
import type {
  EngineLoginSpec,
  HbaRule,
  LeaseSpec,
  MembershipSpec,
  RoleSpec,
} from '../targets/postgres/postgres.spec.ts';
import type { TrustFileSpec } from '../targets/process/trust-file.spec.ts';
import type { SecretSpec } from '../targets/store/secret.spec.ts';
import type { DatabaseConnectionSpec } from '../targets/vault/database-connection.spec.ts';
import type { DatabaseRoleSpec } from '../targets/vault/database-role.spec.ts';
import { authorityOf } from './authority.ts';
import type { Builder } from './builder.ts';
import { engineMount } from './engine-mount.ts';
import { doorOf, loopback, readyDatabase } from './postgres.ts';
import {
  bundleId,
  bundlePath,
  endpointOf,
  onServer,
  output,
  ownPath,
  processId,
  secretId,
  siteTargetId,
  storeTargetId,
} from './places.ts';

type Access = FleetDocument<'DatabaseAccess'>;
type Postgres = FleetDocument<'Postgres'>;

/** The dynamic accesses to one database that one store issues: one connection of its engine, with a role of its own. */
interface Engine {
  readonly store: FleetDocument<'Store'>;
  readonly database: string;
  readonly accesses: readonly Access[];
}

/** What a lease needs to know of the engine that it comes from. */
export interface CompiledEngine {
  readonly engine: NonNullable<LeaseSpec['engine']>;
  /** Resources that a login rests on. */
  readonly restsOn: readonly ResourceId[];
}

/** Seconds that an engine lets a lease live at most, unless its mount says more: 32 days. */
const usualMaximum = 2_764_800;

/**
 * What an access from a store's database engine needs there and on its server; undefined for an access whose logins
 * Keywright makes itself. The engine comes in by a role that may make logins and hand out the groups of its accesses, and
 * nothing else; its password is the engine's own secret.
 */
export function compileEngine(
  builder: Builder,
  access: Access,
  postgres: Postgres,
  lease: { readonly id: ResourceId; readonly setRole?: string },
): CompiledEngine | undefined {
  const engine = enginesOn(builder, postgres.name).find(({ accesses }) => accesses.includes(access));
  if (engine === undefined) {
    return undefined;
  }
  const { mount, connection, ready } = compileConnection(builder, postgres, engine);
  const { ttl, maxTtl } = access.spec.credential.dynamic ?? { ttl: '1h', maxTtl: '24h' };
  const role: DatabaseRoleSpec = {
    mount,
    role: access.name,
    connection,
    group: roleName(access),
    engineRole: engineRole(engine.store.name, engine.database),
    setRole: lease.setRole,
    connectionLimit: access.spec.connectionLimit,
    comment: `keywright fleet=${builder.fleet.name} id=${lease.id}`,
    ttlSeconds: Math.ceil(milliseconds(ttl) / 1000),
    maxTtlSeconds: Math.ceil(milliseconds(maxTtl) / 1000),
  };
  const id = resourceId(storeTargetId(engine.store.name), 'database-role', mount, access.name);
  builder.resource(access, id, role, { dependsOn: ready });
  return { engine: { mount, role: access.name }, restsOn: [...ready, id] };
}

/** The rules by which engines come in. */
export function engineRules(builder: Builder, postgres: Postgres): HbaRule[] {
  return enginesOn(builder, postgres.name).flatMap(({ store, database }) =>
    loopback.map((address): HbaRule => ({
      type: 'hostssl',
      database,
      user: engineRole(store.name, database),
      address,
      method: 'scram-sha-256',
    })),
  );
}

/**
 * Addresses that a server's certificate must be good for. An engine does not find names below .localhost, which are in no
 * DNS, and cannot be told an address beside a name.
 */
export function engineAddresses(builder: Builder, postgres: Postgres): string[] {
  return enginesOn(builder, postgres.name).length === 0 ? [] : ['127.0.0.1'];
}

function enginesOn({ fleet }: Builder, postgres: string): Engine[] {
  const engines = new Map<string, Engine>();
  for (const access of fleet.accesses.values()) {
    const store = fleet.stores.get(access.spec.store);
    if (access.spec.postgres === postgres && store !== undefined && databaseEngine(fleet, access) !== undefined) {
      const database = access.spec.database ?? 'postgres';
      const key = `${store.name} ${database}`;
      const accesses = [...(engines.get(key)?.accesses ?? []), access];
      engines.set(key, { store, database, accesses });
    }
  }
  return [...engines.values()];
}

interface CompiledConnection {
  readonly mount: string;
  /** Its name in the engine. */
  readonly connection: string;
  /** What must be there before the engine can make a login. */
  readonly ready: readonly ResourceId[];
}

function compileConnection(builder: Builder, postgres: Postgres, engine: Engine): CompiledConnection {
  const { store, database, accesses } = engine;
  const { name: server, spec } = postgres;
  const role = engineRole(store.name, database);
  const entrance = compileRole(builder, postgres, engine);
  const { path: mount, id: mounted } = engineMount(builder, store, 'database', longestLease(builder, store.name));
  const connection = `${server}.${database}`;
  const process = processId(spec.site, server);
  const connectionSpec: DatabaseConnectionSpec = {
    mount,
    name: connection,
    host: output(process, 'hostaddr'),
    port: output(process, 'port'),
    database,
    username: role,
    trustFile: output(compileTrustFile(builder, postgres), 'file'),
    allowedRoles: accesses.map(({ name }) => name),
    usernameTemplate: usernameTemplate(accesses),
  };
  const connectionId = resourceId(storeTargetId(store.name), 'database-connection', mount, connection);
  builder.resource(postgres, connectionId, connectionSpec, { dependsOn: [mounted] });

  const path = ownPath(builder.fleet.name, 'engines', server, database);
  const first: SecretSpec = {
    store: store.name,
    path,
    keys: { username: { value: role }, password: { generate: { password: 32 } } },
  };
  const firstId = builder.resource(postgres, secretId(store.name, path), first, { reclaimPolicy: 'delete' });
  const login: EngineLoginSpec = {
    role,
    store: store.name,
    mount,
    connection: output(connectionId, 'name'),
    first: { store: store.name, path, key: 'password', version: output(firstId, 'version') },
  };
  const loginId = builder.resource(postgres, onServer(server, 'engine-login', store.name, database), login, {
    dependsOn: [...entrance, ...doorOf(server)],
  });
  const probe: EngineProbeSpec = {
    endpoint: endpointOf(spec.site, server),
    role,
    database,
    groups: accesses.map(roleName),
    engine: { store: store.name, mount, connection },
    first: { store: store.name, path },
    bundle: bundleOf(builder, postgres),
  };
  builder.claim(postgres, {
    kind: 'engine-login-rotated',
    variant: [store.name, database],
    sentence: `the engine of ${store.name} alone knows the password of ${role}`,
    group: server,
    restsOn: [loginId, connectionId, firstId],
    spec: probe,
  });
  return { mount, connection, ready: [...entrance, connectionId, loginId] };
}

/** What the mount has to allow; nothing where the server does so anyway. */
function longestLease({ fleet }: Builder, store: string): { readonly maxLeaseSeconds?: number } {
  const longest = [...fleet.accesses.values()]
    .filter((access) => access.spec.store === store && databaseEngine(fleet, access) !== undefined)
    .map(({ spec }) => Math.ceil(milliseconds(spec.credential.dynamic?.maxTtl ?? '24h') / 1000))
    .reduce((one, other) => Math.max(one, other), 0);
  return longest > usualMaximum ? { maxLeaseSeconds: longest } : {};
}

/** The engine's role on the server, with leave to hand out its groups. Their rights are its own: it may enter by them. */
function compileRole(builder: Builder, postgres: Postgres, { store, database, accesses }: Engine): ResourceId[] {
  const server = postgres.name;
  const name = engineRole(store.name, database);
  const spec: RoleSpec = { name, login: true, createRole: true, passwordElsewhere: true };
  const id = builder.resource(postgres, onServer(server, 'role', name), spec);
  const groups = accesses.map((access) => {
    const role = roleName(access);
    const membership: MembershipSpec = { role, member: name, inherit: true, set: true, admin: true };
    return builder.resource(access, onServer(server, 'membership', role, name), membership, {
      dependsOn: [id, onServer(server, 'role', role)],
    });
  });
  const isMade = postgres.spec.databases.some((each) => each.name === database);
  return [id, ...groups, ...(isMade ? readyDatabase(builder, postgres, database) : [])];
}

/** Roots for the server's certificate, in a file: an engine takes them from nowhere else. */
function compileTrustFile(builder: Builder, postgres: Postgres): ResourceId {
  const authority = tlsAuthority(postgres);
  const spec: TrustFileSpec = {
    authority,
    bundle: { ...bundleOf(builder, postgres), version: output(bundleId(authority), 'version') },
  };
  return builder.resource(postgres, resourceId(siteTargetId(postgres.spec.site), 'trust-file', authority), spec);
}

function bundleOf(builder: Builder, postgres: Postgres): { readonly store: string; readonly path: string } {
  const authority = tlsAuthority(postgres);
  const store = authorityOf(builder.fleet, authority).spec.pki?.store ?? '';
  return { store, path: bundlePath(builder.fleet.name, authority) };
}

/**
 * `<group>_<8 random>`. The engine knows the name of its role alone, which is the access's: a group of another name has to
 * be told.
 */
function usernameTemplate(accesses: readonly Access[]): string {
  const usual = '{{ .RoleName | replace "-" "_" }}';
  const others = accesses.filter((access) => roleName(access) !== access.name.replaceAll('-', '_'));
  const cases = others.map(
    (access, index) => `{{ ${index === 0 ? 'if' : 'else if'} eq .RoleName "${access.name}" }}${roleName(access)}`,
  );
  const group = cases.length === 0 ? usual : `${cases.join('')}{{ else }}${usual}{{ end }}`;
  return `${group}_{{ random 8 | lowercase }}`;
}
