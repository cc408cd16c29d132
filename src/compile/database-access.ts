import { milliseconds } from '../fleet/durations.ts';
import type { FleetDocument } from '../fleet/model.ts';
import {
  accessPath,
  databaseEngine,
  databaseOwner,
  loginNames,
  readOnlyRole,
  readWriteRole,
  roleName,
  strategy,
  tlsAuthority,
} from '../fleet/names.ts';
import { Failure } from '../model/failure.ts';
import { parseResourceId } from '../model/ids.ts';
import type { ResourceId } from '../model/ids.ts';
import type { OutputRef } from '../model/resource.ts';
import type {
  GrantSpec,
  LeaseSpec,
  MembershipSpec,
  PrivilegeSpec,
  RoleSpec,
} from '../targets/postgres/postgres.spec.ts';
import type { KeySource, SecretSpec } from '../targets/store/secret.spec.ts';
import { authorityOf, compileCertificate } from './authority.ts';
import type { Builder } from './builder.ts';
import { compileEngine } from './database-engine.ts';
import { doorOf, localHost, readyDatabase, schemasOf } from './postgres.ts';
import { bundleId, bundlePath, endpointOf, onServer, output, ownPath, processId, secretId } from './places.ts';

type Access = FleetDocument<'DatabaseAccess'>;

/** Where the parts of a published credential come from. */
interface Credential {
  readonly username: KeySource;
  readonly password?: KeySource;
  readonly certificate?: { readonly store: string; readonly path: string; readonly version: OutputRef };
  /** Resources that the credential rests on. */
  readonly restsOn: readonly ResourceId[];
}

/** Keyword of an URI parameter that a local server needs, since names under .localhost are in no DNS. */
const localAddress = 'hostaddr={hostaddr}';

export function compileAccess(builder: Builder, access: Access): void {
  const postgres = builder.fleet.postgres.get(access.spec.postgres);
  if (postgres?.spec.process === undefined) {
    return;
  }
  const credential = compileCredential(builder, access, postgres);
  const grants = compileGrants(builder, access, postgres);
  const statements = grants.some((id) => parseResourceId(id).kind === 'grant');
  // A statement may name a login, too.
  const logins = loginNames(access).filter((name) => !access.spec.grants.some((text) => text.includes(name)));
  const bounded = [...(statements ? [] : [roleName(access)]), ...logins];
  const bounds = compileBounds(builder, access, postgres, bounded);
  const whole = { ...credential, restsOn: [...credential.restsOn, ...grants, ...bounds] };
  claimAccess(builder, access, postgres, publish(builder, access, postgres, whole), whole);
}

/**
 * What is given by hand to these roles goes: they have their rights from their class alone. Not where they may do
 * everything anyway.
 */
function compileBounds(
  builder: Builder,
  access: Access,
  postgres: FleetDocument<'Postgres'>,
  roles: readonly string[],
): ResourceId[] {
  const { database, privileges } = access.spec;
  if (database === undefined || (privileges !== 'readWrite' && privileges !== 'readOnly')) {
    return [];
  }
  return schemasOf(builder, postgres, database).flatMap((schema) =>
    roles.map((role) => {
      const spec: PrivilegeSpec = { database, schema, role, privileges: 'none' };
      return builder.resource(access, onServer(postgres.name, 'privilege', database, schema, role), spec, {
        dependsOn: [onServer(postgres.name, 'role', role), ...databaseOf(builder, access, postgres)],
      });
    }),
  );
}

/** Statements of the fleet's own; and what a class role would have brought along, where there is none. */
function compileGrants(builder: Builder, access: Access, postgres: FleetDocument<'Postgres'>): ResourceId[] {
  const { database, grants, privileges } = access.spec;
  const group = roleName(access);
  const dependsOn = [onServer(postgres.name, 'role', group), ...databaseOf(builder, access, postgres)];
  const grant = (name: string, statement: string): ResourceId => {
    const spec: GrantSpec = { database: database ?? 'postgres', role: group, statement };
    return builder.resource(access, grantId(access, name), spec, { dependsOn });
  };
  // Whoever keeps memberships takes away what is none of the fleet's.
  const membership = (role: string): ResourceId => {
    const spec: MembershipSpec = { role, member: group, inherit: true, set: true };
    return builder.resource(access, onServer(postgres.name, 'membership', role, group), spec, {
      dependsOn: [...dependsOn, onServer(postgres.name, 'role', role)],
    });
  };
  // PUBLIC may not connect, and an access without rights is a member of no class that may.
  const connect =
    privileges === 'none' && database !== undefined
      ? [grant('connect', `GRANT CONNECT ON DATABASE "${database.replaceAll('"', '""')}" TO {role}`)]
      : [];
  const ofStatements = grants.flatMap((statement, index) => {
    const roles = rolesGranted(statement);
    return roles === undefined ? [grant(String(index), statement)] : roles.map(membership);
  });
  return [...connect, ...ofStatements];
}

function grantId(access: Access, name: string): ResourceId {
  return onServer(access.spec.postgres, 'grant', access.name, name);
}

/** Roles that a plain `GRANT a, b TO {role}` makes it a member of; undefined for any other statement. */
function rolesGranted(statement: string): string[] | undefined {
  const list = /^\s*GRANT\s+(.+?)\s+TO\s+\{role\}\s*;?\s*$/is.exec(statement)?.[1];
  const names = list?.split(',').map((name) => /^\s*(?:"((?:[^"]|"")+)"|([a-z_][\w$]*))\s*$/i.exec(name));
  return names?.every((name) => name !== null) === true
    ? names.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? String(plain).toLowerCase())
    : undefined;
}

function databaseOf(builder: Builder, access: Access, postgres: FleetDocument<'Postgres'>): ResourceId[] {
  return access.spec.database === undefined ? [] : readyDatabase(builder, postgres, access.spec.database);
}

function owner(access: Access, postgres: FleetDocument<'Postgres'>): string {
  const database = postgres.spec.databases.find(({ name }) => name === access.spec.database);
  return database === undefined ? 'postgres' : databaseOwner(database);
}

/** Roles and memberships, then what logs in as them. */
function compileCredential(builder: Builder, access: Access, postgres: FleetDocument<'Postgres'>): Credential {
  const { spec } = access;
  const server = postgres.name;
  const group = roleName(access);
  const setRole = spec.privileges === 'owner' ? owner(access, postgres) : undefined;
  const groupSpec: RoleSpec = {
    name: group,
    login: false,
    reassignTo: spec.database === undefined ? undefined : { [spec.database]: owner(access, postgres) },
  };
  const groupId = onServer(server, 'role', group);
  // The login of a superuser that changes in place is the role itself: no group stands above it.
  const hasGroup = !loginNames(access).includes(group);
  if (hasGroup) {
    builder.resource(access, groupId, groupSpec);
  }
  const member = (role: string, name: string, of: ResourceId): ResourceId => {
    const membership: MembershipSpec = { role, member: name, inherit: true, set: true };
    return builder.resource(access, onServer(server, 'membership', role, name), membership, {
      dependsOn: [of, onServer(server, 'role', role)],
    });
  };
  const classRole = classRoleOf(access, postgres);
  const memberships = classRole === undefined ? [] : [member(classRole, group, groupId)];
  const login = (name: string, active: boolean, more: Partial<RoleSpec> = {}): ResourceId[] => {
    const role: RoleSpec = {
      name,
      login: active,
      replication: spec.privileges === 'replication' || undefined,
      superuser: spec.privileges === 'superuser' || undefined,
      connectionLimit: spec.connectionLimit,
      setRole,
      reassignTo: groupSpec.reassignTo,
      ...more,
    };
    const id = builder.resource(access, onServer(server, 'role', name), role, {
      dependsOn: setRole === undefined ? [] : [onServer(server, 'role', setRole)],
    });
    return hasGroup ? [id, member(group, name, id)] : [id];
  };

  switch (strategy(access)) {
    case 'dynamic': {
      if (spec.privileges === 'superuser' || spec.privileges === 'replication') {
        throw notYet(access, `a dynamic login of class ${spec.privileges}`, 'use credential: static or certificate');
      }
      const { ttl, maxTtl } = spec.credential.dynamic ?? { ttl: '1h', maxTtl: '24h' };
      const path = ownPath(builder.fleet.name, 'leases', access.name);
      const leaseId = onServer(server, 'lease', access.name);
      const engine = compileEngine(builder, access, postgres, { id: leaseId, setRole });
      const lease: LeaseSpec = {
        access: access.name,
        group,
        database: spec.database ?? 'postgres',
        owner: owner(access, postgres),
        ttlMilliseconds: milliseconds(ttl),
        maxTtlMilliseconds: milliseconds(maxTtl),
        connectionLimit: spec.connectionLimit,
        setRole,
        store: spec.store,
        path,
        engine: engine?.engine,
      };
      const id = builder.resource(access, leaseId, lease, {
        dependsOn: [groupId, ...memberships, ...(engine?.restsOn ?? [])],
      });
      const copy = (key: string): KeySource => ({ copy: { path, key, version: output(id, 'version') } });
      return { username: copy('username'), password: copy('password'), restsOn: [groupId, ...memberships, id] };
    }
    case 'certificate': {
      const [name = group] = loginNames(access);
      const { ttl, authority } = spec.credential.certificate ?? { ttl: '24h', authority: tlsAuthority(postgres) };
      if (authority !== tlsAuthority(postgres)) {
        throw notYet(
          access,
          `a client certificate of ${authority}, while ${postgres.document} trusts ${tlsAuthority(postgres)}`,
          'use the authority of the server',
        );
      }
      const certificate = compileCertificate(builder, access, {
        authority,
        names: ['access', access.name],
        usage: 'client',
        commonName: name,
        hosts: [],
        ttl,
      });
      const role = login(name, true);
      return {
        username: { value: name },
        certificate: { store: certificate.store, path: certificate.path, version: output(certificate.id, 'version') },
        restsOn: [groupId, ...memberships, ...role, certificate.id],
      };
    }
    default: {
      const [name = group, idle] = loginNames(access);
      const path = ownPath(builder.fleet.name, 'logins', access.name, name);
      const secret: SecretSpec = {
        store: spec.store,
        path,
        keys: { username: { value: name }, password: { generate: { password: 32 } } },
        origin: { document: access.document, entry: 'login' },
      };
      const secretOf = builder.resource(access, secretId(spec.store, path), secret, { reclaimPolicy: 'delete' });
      const password = { store: spec.store, path, key: 'password', version: output(secretOf, 'version') };
      const role = login(name, true, { password });
      const idleRole = idle === undefined ? [] : login(idle, false);
      return {
        username: { value: name },
        password: { copy: { path, key: 'password', version: output(secretOf, 'version') } },
        restsOn: [groupId, ...memberships, secretOf, ...role, ...idleRole],
      };
    }
  }
}

function notYet(access: Access, what: string, remedy: string): Failure {
  return new Failure({
    code: 'not-supported-yet',
    message: `not supported yet: ${what}`,
    object: access.document,
    remedy,
  });
}

function classRoleOf(access: Access, postgres: FleetDocument<'Postgres'>): string | undefined {
  const { database, privileges } = access.spec;
  if (database === undefined) {
    return undefined;
  }
  const classes: Partial<Record<typeof privileges, string>> = {
    readWrite: readWriteRole(database),
    readOnly: readOnlyRole(database),
    owner: owner(access, postgres),
  };
  return classes[privileges];
}

/** The entry that consumers read, written only when what it speaks of can be used. */
function publish(
  builder: Builder,
  access: Access,
  postgres: FleetDocument<'Postgres'>,
  credential: Credential,
): ResourceId {
  const process = processId(postgres.spec.site, postgres.name);
  const authority = tlsAuthority(postgres);
  const authorityStore = authorityOf(builder.fleet, authority).spec.pki?.store;
  const database = access.spec.database ?? 'postgres';
  const user = credential.password === undefined ? '{username}' : '{username}:{password}';
  const parameters = `sslmode=verify-full&${localAddress}`;
  const keys: Record<string, KeySource> = {
    username: credential.username,
    ...(credential.password === undefined ? {} : { password: credential.password }),
    host: { value: localHost(postgres) },
    hostaddr: { value: output(process, 'hostaddr') },
    port: { value: output(process, 'port') },
    database: { value: database },
    uri: { template: `postgresql://${user}@{host}:{port}/{database}?${parameters}` },
    'jdbc-uri': { template: `jdbc:postgresql://{host}:{port}/{database}?user={username}&sslmode=verify-full` },
    'ca.crt': {
      copy: {
        store: authorityStore,
        path: bundlePath(builder.fleet.name, authority),
        key: 'ca.crt',
        version: output(bundleId(authority), 'version'),
      },
    },
  };
  if (credential.certificate !== undefined) {
    for (const key of ['tls.crt', 'tls.key']) {
      keys[key] = { copy: { ...credential.certificate, key } };
    }
  }
  const path = accessPath(access);
  const spec: SecretSpec = { store: access.spec.store, path, keys };
  return builder.resource(access, secretId(access.spec.store, path), spec, {
    dependsOn: [...credential.restsOn, ...doorOf(postgres.name), ...databaseOf(builder, access, postgres)],
    reclaimPolicy: 'delete',
  });
}

function claimAccess(
  builder: Builder,
  access: Access,
  postgres: FleetDocument<'Postgres'>,
  published: ResourceId,
  credential: Credential,
): void {
  const { spec, name } = access;
  const authority = tlsAuthority(postgres);
  const bundle = {
    store: authorityOf(builder.fleet, authority).spec.pki?.store ?? '',
    path: bundlePath(builder.fleet.name, authority),
  };
  const entry = { store: spec.store, path: accessPath(access) };
  const method = credential.certificate === undefined ? ('password' as const) : ('certificate' as const);
  const database = spec.database ?? 'postgres';
  const probe = {
    access: name,
    endpoint: endpointOf(postgres.spec.site, postgres.name),
    credential: { method, entry },
    bundle,
    database,
    privileges: spec.privileges,
    schemas: spec.schemas,
    expectRole: spec.privileges === 'owner' ? owner(access, postgres) : undefined,
    group: roleName(access),
  };
  const restsOn = [
    published,
    ...credential.restsOn,
    ...doorOf(postgres.name),
    ...databaseOf(builder, access, postgres),
    processId(postgres.spec.site, postgres.name),
  ];
  const claim = (kind: string, sentence: string, more: object = {}): void =>
    builder.claim(access, {
      kind,
      sentence: `${name} ${sentence}`,
      group: postgres.name,
      restsOn,
      spec: { ...probe, ...more },
    });

  if (spec.privileges === 'replication') {
    if (strategy(access) !== 'certificate') {
      claim('password-agrees', 'has the password in PostgreSQL that the store holds');
    }
    return;
  }
  claim(
    'login',
    `logs in to ${database} over ${postgres.spec.tls.minVersion === 'TLSv1.3' ? 'TLS 1.3' : 'TLS'}, verify-full`,
  );
  // A superuser may do everything everywhere, so there is nothing to prove of its rights.
  const isSuperuser = spec.privileges === 'superuser';
  if (spec.privileges !== 'none' && !isSuperuser) {
    claim('reads', `reads every table of ${spec.schemas.join(', ')}`);
  }
  // What statements of the fleet's own gave is known when they have run.
  const given = spec.grants.flatMap((statement, index) =>
    rolesGranted(statement) === undefined ? [output(grantId(access, String(index)), 'rights')] : [],
  );
  const beyond = given.length > 0 ? ' beyond its grants' : '';
  const grants = given.length > 0 ? { given } : {};
  if (spec.privileges === 'readWrite' || spec.privileges === 'owner') {
    claim('writes', `writes every table of ${spec.schemas.join(', ')}`);
  } else if (!isSuperuser) {
    claim('refused-write', `cannot write to any table${beyond}`, grants);
  }
  if (spec.privileges !== 'owner' && !isSuperuser) {
    claim('refused-ddl', `cannot make or change tables${beyond}`, grants);
  }
  if (given.length > 0 && !isSuperuser) {
    claim('granted', 'may do what its grants say', grants);
  }
  if (!isSuperuser) {
    claim('refused-other-database', 'cannot enter another database', { otherDatabase: 'postgres' });
  }
  claim('refused-plain', 'is refused a plain connection');
  if (method === 'password') {
    claim('refused-wrong-password', 'is refused with a wrong password');
  } else {
    claim('refused-without-certificate', 'is refused without its certificate');
  }
  switch (strategy(access)) {
    case 'dynamic': {
      const mount = databaseEngine(builder.fleet, access);
      const { ttl, maxTtl } = spec.credential.dynamic ?? { ttl: '1h', maxTtl: '24h' };
      const renewable = milliseconds(maxTtl) > milliseconds(ttl);
      const issued = {
        owner: owner(access, postgres),
        resource: onServer(postgres.name, 'lease', name),
        engine: mount === undefined ? undefined : { store: spec.store, mount, role: name, renewable },
      };
      claim('lease-alive', 'has a lease that is valid, and none has outlived its end', {
        ...issued,
        lease: { store: spec.store, path: ownPath(builder.fleet.name, 'leases', name) },
      });
      claim('lease-ends', 'gets credentials that end: session, role and ownership are gone', issued);
      break;
    }
    case 'certificate':
      break;
    default:
      claim('password-agrees', 'has the password in PostgreSQL that the store holds');
  }
}
