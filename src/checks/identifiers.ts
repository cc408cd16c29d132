import type { SourcePointer } from '../model/diagnostic.ts';
import type { Fleet } from '../fleet/model.ts';
import {
  databaseEngine,
  databaseOwner,
  dynamicSuffixLength,
  engineRole,
  loginNames,
  publicationName,
  readOnlyRole,
  readWriteRole,
  replicationRole,
  roleName,
  strategy,
  subscriptionName,
} from '../fleet/names.ts';
import { at } from '../fleet/pointer.ts';

/** One SQL identifier that the fleet makes on a server. */
export interface Identifier {
  readonly postgres: string;
  /** Names are unique within a space: `role`, `slot`, `database`, or publications and subscriptions of one database. */
  readonly space: string;
  readonly name: string;
  /** What it is, for a sentence: "a login of orders-app". */
  readonly what: string;
  /** Characters that are added when it is used. */
  readonly extra: number;
  /** The same thing named twice on purpose, such as one owner of two databases, has the same owner. */
  readonly owner: string;
  readonly object: string;
  readonly source: SourcePointer;
}

/** Every SQL identifier that the fleet makes, on every server. */
export function identifiersOf(fleet: Fleet): Identifier[] {
  return [...ofDatabases(fleet), ...ofAccesses(fleet), ...ofReplications(fleet)];
}

function* ofDatabases(fleet: Fleet): Iterable<Identifier> {
  for (const postgres of fleet.postgres.values()) {
    for (const [index, database] of postgres.spec.databases.entries()) {
      const base = { postgres: postgres.name, extra: 0, object: postgres.document };
      const source = at(postgres.source, 'spec', 'databases', index, 'name');
      const owner = `${postgres.name}/${index}`;
      yield { ...base, space: 'database', name: database.name, what: 'a database', owner, source };
      const role = { ...base, space: 'role', source };
      const named = database.owner !== undefined;
      yield {
        ...role,
        name: databaseOwner(database),
        what: `the owner of database ${database.name}`,
        owner: named ? `owner ${database.owner}` : owner,
        source: named ? at(postgres.source, 'spec', 'databases', index, 'owner') : source,
      };
      const what = (rights: string) => `the role that may ${rights} database ${database.name}`;
      yield { ...role, name: readWriteRole(database.name), what: what('write'), owner };
      yield { ...role, name: readOnlyRole(database.name), what: what('read'), owner };
    }
  }
}

function* ofAccesses(fleet: Fleet): Iterable<Identifier> {
  for (const access of fleet.accesses.values()) {
    const source =
      access.spec.role === undefined ? at(access.source, 'metadata', 'name') : at(access.source, 'spec', 'role');
    const base = {
      postgres: access.spec.postgres,
      space: 'role',
      owner: access.document,
      object: access.document,
      source,
    };
    const extra = strategy(access) === 'dynamic' ? dynamicSuffixLength : 0;
    yield { ...base, name: roleName(access), what: `the role of ${access.document}`, extra };
    for (const login of loginNames(access)) {
      if (login !== roleName(access)) {
        yield { ...base, name: login, what: `a login of ${access.document}`, extra: 0 };
      }
    }
    if (databaseEngine(fleet, access) !== undefined) {
      const { store, database = 'postgres' } = access.spec;
      const what = `the role by which the database engine of ${store} makes logins in ${database}`;
      yield { ...base, name: engineRole(store, database), what, extra: 0, owner: `engine ${store}/${database}` };
    }
  }
}

function* ofReplications(fleet: Fleet): Iterable<Identifier> {
  for (const replication of fleet.replications.values()) {
    const { logical } = replication.spec;
    for (const [index, flow] of (logical?.flows ?? []).entries()) {
      const source = at(replication.source, 'spec', 'logical', 'flows', index);
      const base = { extra: 0, object: replication.document, source, owner: `${replication.document}/${index}` };
      yield {
        ...base,
        postgres: flow.from,
        space: `publication in ${logical?.database}`,
        name: publicationName(replication, flow),
        what: `a publication of ${replication.document}`,
      };
      for (const to of flow.to) {
        const name = subscriptionName(replication, flow, to);
        const what = `of ${replication.document}`;
        yield {
          ...base,
          postgres: to,
          space: `subscription in ${logical?.database}`,
          name,
          what: `a subscription ${what}`,
        };
        yield { ...base, postgres: flow.from, space: 'slot', name, what: `a replication slot ${what}` };
        // One role for all flows to the same server, on both sides: it logs in on the one and applies on the other.
        const role = replicationRole(replication, to);
        const owner = `${replication.document}/${to}`;
        for (const postgres of [flow.from, to]) {
          yield { ...base, owner, postgres, space: 'role', name: role, what: `the role ${what}` };
        }
      }
    }
  }
}
