import type { FleetDocument } from '../fleet/model.ts';
import {
  databaseOwner,
  publicationName,
  qualifiedTable,
  readOnlyRole,
  replicationRole,
  subscriptionName,
  tlsAuthority,
} from '../fleet/names.ts';
import { digestOf } from '../model/digest.ts';
import type { ResourceId } from '../model/ids.ts';
import type {
  ClientCertificateSpec,
  HbaRule,
  MembershipSpec,
  ProbeSpec,
  PublicationSpec,
  RoleSpec,
  SubscriptionSpec,
} from '../targets/postgres/postgres.spec.ts';
import { compileCertificate } from './authority.ts';
import type { Builder } from './builder.ts';
import { doorOf, loopback, readyDatabase } from './postgres.ts';
import { endpointOf, onServer, output, processId } from './places.ts';

type Replication = FleetDocument<'Replication'>;
type Flow = NonNullable<Replication['spec']['logical']>['flows'][number];

/** Bytes of an identifier that PostgreSQL keeps. */
const longestIdentifier = 63;

/**
 * Table of our own that a flow carries along, so that a proof can write without touching anybody's rows. Each
 * publication has its own: a subscriber of two that carry one table would get every row twice, and stop.
 */
function canaryTable(replication: Replication, flow: Flow): string {
  const name = `canary_${publicationName(replication, flow)}`;
  return name.length <= longestIdentifier ? name : `canary_${digestOf(name).slice(0, 16)}`;
}

/** What the replications of a fleet need of one server. */
export function replicationNeeds(
  builder: Builder,
  server: string,
): { replicates: boolean; hba: HbaRule[]; canaries: Map<string, ProbeSpec['canaries']> } {
  const hba: HbaRule[] = [];
  const canaries = new Map<string, { table: string; readers: string[] }[]>();
  let replicates = false;
  for (const replication of builder.fleet.replications.values()) {
    const { logical } = replication.spec;
    for (const flow of logical?.flows ?? []) {
      const sends = flow.from === server;
      if (logical === undefined || !(sends || flow.to.includes(server))) {
        continue;
      }
      replicates = true;
      const readers = sends ? flow.to.map((to) => replicationRole(replication, to)) : [];
      const known = canaries.get(logical.database) ?? [];
      canaries.set(logical.database, [...known, { table: canaryTable(replication, flow), readers }]);
      for (const user of readers) {
        hba.push(
          ...loopback.map((address): HbaRule => ({
            type: 'hostssl',
            database: logical.database,
            user,
            address,
            method: 'cert',
          })),
        );
      }
    }
  }
  return { replicates, hba, canaries };
}

export function compileReplication(builder: Builder, replication: Replication): void {
  for (const flow of replication.spec.logical?.flows ?? []) {
    compileFlow(builder, replication, flow);
  }
}

function compileFlow(builder: Builder, replication: Replication, flow: Flow): void {
  const database = replication.spec.logical?.database ?? '';
  const from = builder.fleet.postgres.get(flow.from);
  if (from?.spec.process === undefined) {
    return;
  }
  const tables = [...flow.tables.map(qualifiedTable), `keywright.${canaryTable(replication, flow)}`];
  const publication: PublicationSpec = {
    database,
    name: publicationName(replication, flow),
    owner: ownerOf(from, database),
    tables,
    slots: flow.to.map((to) => subscriptionName(replication, flow, to)),
  };
  const publicationId = builder.resource(
    replication,
    onServer(from.name, 'publication', database, publication.name),
    publication,
    { dependsOn: readyDatabase(builder, from, database) },
  );
  for (const name of flow.to) {
    const to = builder.fleet.postgres.get(name);
    if (to?.spec.process !== undefined) {
      subscribe(builder, replication, flow, { from, to, database, publication, publicationId, tables });
    }
  }
}

interface Leg {
  readonly from: FleetDocument<'Postgres'>;
  readonly to: FleetDocument<'Postgres'>;
  readonly database: string;
  readonly publication: PublicationSpec;
  readonly publicationId: ResourceId;
  readonly tables: readonly string[];
}

function subscribe(builder: Builder, replication: Replication, flow: Flow, leg: Leg): void {
  const { from, to, database } = leg;
  const role = replicationRole(replication, to.name);
  const roleSpec: RoleSpec = { name: role, login: true, replication: true };
  const roleId = builder.resource(replication, onServer(from.name, 'role', role), roleSpec);
  const membership: MembershipSpec = { role: readOnlyRole(database), member: role, inherit: true, set: false };
  const membershipId = builder.resource(
    replication,
    onServer(from.name, 'membership', membership.role, role),
    membership,
    { dependsOn: [roleId, onServer(from.name, 'role', membership.role)] },
  );
  // No document's name has a dot, so two replications never meet in one folder.
  const purpose = [replication.name, from.name, to.name].join('.');
  const certificate = compileCertificate(builder, replication, {
    authority: tlsAuthority(from),
    names: ['replication', replication.name, from.name, to.name],
    usage: 'client',
    commonName: role,
    hosts: [],
  });
  const clientCertificate: ClientCertificateSpec = {
    certificate: { store: certificate.store, path: certificate.path, version: output(certificate.id, 'version') },
  };
  const clientId = builder.resource(replication, onServer(to.name, 'client-certificate', purpose), clientCertificate);
  const process = processId(from.spec.site, from.name);
  const applier = applyingRole(builder, replication, to, database);
  const subscription: SubscriptionSpec = {
    database,
    name: subscriptionName(replication, flow, to.name),
    owner: applier.role,
    publications: [leg.publication.name],
    copy: flow.copy,
    connection: {
      host: output(process, 'host'),
      hostaddr: output(process, 'hostaddr'),
      port: output(process, 'port'),
      database,
      user: role,
      certificateDirectory: output(clientId, 'directory'),
    },
  };
  const id = builder.resource(
    replication,
    onServer(to.name, 'subscription', database, subscription.name),
    subscription,
    {
      dependsOn: [
        leg.publicationId,
        roleId,
        membershipId,
        ...doorOf(from.name),
        ...doorOf(to.name),
        ...readyDatabase(builder, to, database),
        ...applier.ids,
      ],
    },
  );
  const spec = {
    from: endpointOf(from.spec.site, from.name),
    to: endpointOf(to.spec.site, to.name),
    database,
    canaryTable: canaryTable(replication, flow),
    publication: leg.publication.name,
    subscription: subscription.name,
    tables: leg.tables,
  };
  const restsOn = [id, leg.publicationId, roleId, membershipId, clientId, ...doorOf(from.name)];
  const flows = replication.spec.logical?.flows ?? [];
  const between = flows.filter((each) => each.from === from.name && each.to.includes(to.name));
  const variant = [from.name, to.name, ...(between.length === 1 ? [] : [leg.publication.name])];
  const claim = (kind: string, sentence: string): void =>
    builder.claim(replication, { kind, variant, sentence, group: `${from.name} → ${to.name}`, restsOn, spec });
  claim('replicates', `insert, update and delete cross from ${from.name} to ${to.name}`);
  claim(
    'replication-healthy',
    `${to.name} follows ${from.name}: worker runs, slot active, tables in step, no conflicts`,
  );
}

/**
 * The role that a subscriber's workers run as. A worker logs in like anybody else, which the database's owner cannot; so
 * a login without a password, let in by no rule, owns the subscription and may act as the owner of the tables.
 */
function applyingRole(
  builder: Builder,
  replication: Replication,
  to: FleetDocument<'Postgres'>,
  database: string,
): { readonly role: string; readonly ids: readonly ResourceId[] } {
  const owner = ownerOf(to, database);
  if (owner === 'postgres') {
    return { role: owner, ids: [] };
  }
  const role = replicationRole(replication, to.name);
  const roleSpec: RoleSpec = { name: role, login: true, reassignTo: { [database]: owner } };
  const roleId = builder.resource(replication, onServer(to.name, 'role', role), roleSpec);
  const membership: MembershipSpec = { role: owner, member: role, inherit: true, set: true };
  const membershipId = builder.resource(replication, onServer(to.name, 'membership', owner, role), membership, {
    dependsOn: [roleId, onServer(to.name, 'role', owner)],
  });
  return { role, ids: [roleId, membershipId] };
}

function ownerOf(postgres: FleetDocument<'Postgres'>, database: string): string {
  const declared = postgres.spec.databases.find(({ name }) => name === database);
  return declared === undefined ? 'postgres' : databaseOwner(declared);
}
