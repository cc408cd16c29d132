import { formatDuration } from '../model/duration.ts';
import { milliseconds } from './durations.ts';
import type { Authority } from './kinds/authority.ts';
import type { Consumer } from './kinds/consumer.ts';
import type { Postgres } from './kinds/postgres.ts';
import type { Replication } from './kinds/replication.ts';
import type { Site } from './kinds/site.ts';
import type { Fleet, FleetDocument } from './model.ts';

/**
 * What a document's name becomes elsewhere, and the defaults that follow from other fields. Compile and the checks on
 * collisions both read them here, so that they cannot disagree.
 */

type Access = FleetDocument<'DatabaseAccess'>;
type Database = Postgres['databases'][number];
type Flow = NonNullable<Replication['logical']>['flows'][number];

/** A document's name as an SQL identifier: `-` becomes `_`. */
function sqlIdentifier(name: string): string {
  return name.replaceAll('-', '_');
}

/** The group role of an access: without login, member of the class role; hba names it. */
export function roleName(access: Access): string {
  return access.spec.role ?? sqlIdentifier(access.name);
}

export type Strategy = 'alternate' | 'inPlace' | 'certificate' | 'dynamic';

/** How an access's login is replaced; a superuser's password changes in place unless told otherwise. */
export function strategy(access: Access): Strategy {
  const { credential, privileges } = access.spec;
  if (credential.certificate !== undefined) {
    return 'certificate';
  }
  if (credential.dynamic !== undefined) {
    return 'dynamic';
  }
  return credential.static?.strategy ?? (privileges === 'superuser' ? 'inPlace' : 'alternate');
}

/** Logins with a fixed name. `alternate`: _a, which is active at first, and _b; otherwise _a alone; dynamic: none. */
export function loginNames(access: Access): string[] {
  const role = roleName(access);
  switch (strategy(access)) {
    case 'alternate':
      return [`${role}_a`, `${role}_b`];
    case 'certificate':
      return [`${role}_a`];
    case 'inPlace':
      // A superuser's role is the login itself: PostgreSQL's own `postgres` has no group above it.
      return [access.spec.privileges === 'superuser' ? role : `${role}_a`];
    case 'dynamic':
      return [];
  }
}

/** Longest login that a dynamic access makes: its role, `_` and eight random characters. */
export const dynamicSuffixLength = 9;

/**
 * Where a dynamic access gets its logins from: path of the database engine of its store. Undefined where Keywright makes
 * them itself, in a store without such an engine.
 */
export function databaseEngine({ stores }: Pick<Fleet, 'stores'>, access: Access): string | undefined {
  return strategy(access) === 'dynamic' ? stores.get(access.spec.store)?.spec.vault?.mounts.database : undefined;
}

/** What is read in the database engine to get a login of a dynamic access; undefined as for `databaseEngine`. */
export function databaseCredsPath(fleet: Pick<Fleet, 'stores'>, access: Access): string | undefined {
  const mount = databaseEngine(fleet, access);
  return mount === undefined ? undefined : `${mount}/creds/${access.name}`;
}

/** Role of a database engine on a server, one per database: it makes and removes the logins of dynamic accesses there. */
export function engineRole(store: string, database: string): string {
  return sqlIdentifier(`keywright_${store}_${database}`);
}

/** Owner role of a database, without login: it owns database and schemas. */
export function databaseOwner(database: Database): string {
  return database.owner ?? `${sqlIdentifier(database.name)}_owner`;
}

/** Class role of a database that may write. */
export function readWriteRole(database: string): string {
  return `${sqlIdentifier(database)}_read_write`;
}

/** Class role of a database that may read. */
export function readOnlyRole(database: string): string {
  return `${sqlIdentifier(database)}_read_only`;
}

/** Path of the entry that consumers of an access read. */
export function accessPath(access: Access): string {
  return access.spec.path ?? `databases/${access.spec.postgres}/${access.name}`;
}

/** Path of an entry of a SecretTree. */
export function entryPath(tree: FleetDocument<'SecretTree'>, entry: { readonly path: string }): string {
  return tree.spec.path === undefined ? entry.path : `${tree.spec.path}/${entry.path}`;
}

/** Name of an encryption key in the transit engine, which takes no slashes. */
export function encryptionKeyName(path: string): string {
  return path.replaceAll('/', '.');
}

/** Publication of a flow, on the server that it comes from. */
export function publicationName(replication: FleetDocument<'Replication'>, flow: Flow): string {
  return flow.publication ?? sqlIdentifier(`${replication.name}_${flow.from}`);
}

/** Subscription of a flow on one server that it goes to; its slot on the other side has the same name. */
export function subscriptionName(replication: FleetDocument<'Replication'>, flow: Flow, to: string): string {
  return sqlIdentifier(`${publicationName(replication, flow)}_${to}`);
}

/** Role of a server that flows go to: it logs in where they come from, and applies the rows at home. */
export function replicationRole(replication: FleetDocument<'Replication'>, to: string): string {
  return sqlIdentifier(`${replication.name}_${to}_replication`);
}

/** A table with its schema; `public` unless it says one. */
export function qualifiedTable(table: string): string {
  return table.includes('.') ? table : `public.${table}`;
}

/** How early a leaf is replaced: as told, else a third of its ttl, in whole seconds. */
export function renewBefore(leaf: { readonly ttl: string; readonly renewBefore?: string }): string {
  return leaf.renewBefore ?? formatDuration(Math.floor(milliseconds(leaf.ttl) / 3000) * 1000);
}

/** Common name of an authority's root. */
export function authorityCommonName(authority: FleetDocument<'Authority'> & { readonly spec: Authority }): string {
  return authority.spec.pki?.subject.commonName ?? authority.name;
}

/** Authority of a server's certificates. Throws a RangeError for one that names none, which only an external may. */
export function tlsAuthority(postgres: FleetDocument<'Postgres'>): string {
  const { authority } = postgres.spec.tls;
  if (authority === undefined) {
    throw new RangeError(`${postgres.document} has no authority`);
  }
  return authority;
}

/** How pods of a site log in to a Vault, and where that method is mounted. */
export function storeLogin(site: FleetDocument<'Site'> & { readonly spec: Site }): { method: string; mount: string } {
  const written = Object.entries(site.spec.storeLogin ?? {})[0];
  const method = written?.[0] ?? (site.spec.local === undefined ? 'kubernetes' : 'appRole');
  return { method, mount: written?.[1].mount ?? `${method.toLowerCase()}-${site.name}` };
}

/**
 * Who signs the certificates that consumers log in with: the authority behind the store's own certificate, else the
 * fleet's default, else its only one. Undefined: the fleet does not say.
 */
export function loginAuthority({ stores, authorities, documents }: Fleet, store: string): string | undefined {
  const fleet = documents.find((document): document is FleetDocument<'Fleet'> => document.kind === 'Fleet');
  const ours = [...authorities.values()].filter(({ spec }) => spec.pki !== undefined).map(({ name }) => name);
  const only = ours.length === 1 ? ours[0] : undefined;
  const named = [stores.get(store)?.spec.vault?.ca?.authority, fleet?.spec.defaults?.authority, only];
  return named.find((name) => name !== undefined && ours.includes(name));
}

/** Store that a consumer asks for something that it reads by itself. */
export function askedStore({ accesses }: Pick<Fleet, 'accesses'>, read: Consumer['reads'][number]): string {
  return (read.access === undefined ? read.store : accesses.get(read.access)?.spec.store) ?? '';
}

/** Vaults that a consumer reads from or writes to by itself, sorted. */
export function askedVaults(fleet: Pick<Fleet, 'accesses' | 'stores'>, { reads, writes }: Consumer): string[] {
  const asked = [...reads.map((read) => askedStore(fleet, read)), ...writes.map(({ store }) => store)];
  return [...new Set(asked)].filter((name) => fleet.stores.get(name)?.spec.vault !== undefined).sort();
}

/** Name of the delivered folder with a consumer's login to a Vault. */
export function storeLoginFolder(store: string): string {
  return `store-${store}`;
}
