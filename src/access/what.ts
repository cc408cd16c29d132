import type { CompiledFleet } from '../model/compiled.ts';
import { Failure } from '../model/failure.ts';
import { deliveriesOf, loginsOf } from './deliveries.ts';
import type { Login } from './deliveries.ts';
import { EntryGraph, entryName } from './entry-graph.ts';
import { apiPathsOf, grantsOn, vaultLoginsOf } from './vault-logins.ts';

/** One entry that an identity holds. */
export interface HeldEntry {
  /** `STORE/PATH`. */
  readonly entry: string;
  /** Keys whose values it gets; `*` where the fleet does not make the entry. */
  readonly keys: readonly string[];
  /** `STORE/PATH` of other entries whose values stand in it. */
  readonly madeOf: readonly string[];
  /** How it gets there; absent for an access, which is the entry itself. */
  readonly delivery?: {
    readonly secret: string;
    readonly site: string;
    readonly user?: string;
    readonly folder: string;
  };
  readonly logins: readonly Login[];
}

/** A right that an identity has in a Vault, by a rule of its policy. */
export interface HeldRight {
  readonly store: string;
  /** Of the API, as in the policy. */
  readonly path: string;
  readonly capabilities: readonly string[];
  /** Answers are wrapped, for so long at most. */
  readonly wrapSeconds?: number;
  readonly mount: string;
  readonly role: string;
  readonly policy: string;
  /** Entries of the fleet that this very rule lets it read or write, `STORE/PATH`. */
  readonly entries: readonly string[];
}

export interface Reach {
  readonly kind: 'consumer' | 'access';
  readonly identity: string;
  /** `Consumer/orders`, `DatabaseAccess/orders-app`. */
  readonly document: string;
  readonly entries: readonly HeldEntry[];
  /** What it asks Vaults for by itself. */
  readonly rights: readonly HeldRight[];
}

/**
 * What a consumer of a local site, or whoever holds an access, can reach, offline from the fleet.
 *
 * @throws Failure `no-such-identity`
 */
export function whatReaches(compiled: CompiledFleet, identity: string): Reach {
  const graph = new EntryGraph(compiled);
  const logins = loginsOf(compiled);
  const held = (
    source: { readonly store: string; readonly path: string },
    delivers: (key: string) => boolean,
  ): Omit<HeldEntry, 'delivery'> => {
    const { store, path } = source;
    const keys = graph.keysOf(source)?.filter(delivers);
    const origins = graph.madeOf((keys ?? []).map((key) => ({ store, path, key }))).map(entryName);
    return {
      entry: entryName(source),
      keys: keys ?? ['*'],
      madeOf: [...new Set(origins)].filter((name) => name !== entryName(source)).sort(),
      logins: logins.filter(({ entry }) => entryName(entry) === entryName(source)),
    };
  };
  const deliveries = deliveriesOf(compiled).filter(({ consumer }) => consumer === identity);
  if (deliveries.length > 0) {
    const entries = deliveries.flatMap(({ secret, site, user, folder, sources }) => {
      const delivery = { secret, site, ...(user === undefined ? {} : { user }), folder };
      return sources.map((source) => ({ ...held(source, (key) => source.delivers(key)), delivery }));
    });
    const rights = rightsOf(compiled, graph, identity);
    return { kind: 'consumer', identity, document: `Consumer/${identity}`, entries, rights };
  }
  const login = logins.find(({ access }) => access === identity);
  if (login !== undefined) {
    const entries = [held(login.entry, () => true)];
    return { kind: 'access', identity, document: `DatabaseAccess/${identity}`, entries, rights: [] };
  }
  throw new Failure({
    code: 'no-such-identity',
    message: `the fleet has no consumer with a directory, and no access that can be measured, named ${identity}`,
    object: identity,
    remedy: 'name a Consumer or a DatabaseAccess',
  });
}

function rightsOf(compiled: CompiledFleet, graph: EntryGraph, identity: string): HeldRight[] {
  return vaultLoginsOf(compiled)
    .filter(({ consumer }) => consumer === identity)
    .flatMap((login) => {
      const { store, mount, role, policies } = login;
      const entries = graph.entries.filter((name) => name.startsWith(`${store}/`));
      const granted = entries.flatMap((entry) =>
        grantsOn([login], apiPathsOf(compiled, store, entry.slice(store.length + 1))).flatMap(({ places }) =>
          places.map(({ policy, path }) => ({ entry, key: `${policy} ${path}` })),
        ),
      );
      return policies.flatMap(({ name, rules }) =>
        rules.map(({ path, capabilities, maxWrappingTtl }): HeldRight => {
          const here = granted.filter(({ key }) => key === `${name} ${path}`).map(({ entry }) => entry);
          const wrap = maxWrappingTtl === undefined ? {} : { wrapSeconds: maxWrappingTtl };
          return { store, path, capabilities, ...wrap, mount, role, policy: name, entries: [...new Set(here)].sort() };
        }),
      );
    });
}

/** Names of all consumers and accesses that {@link whatReaches} knows. */
export function identitiesOf(compiled: CompiledFleet): readonly string[] {
  const consumers = deliveriesOf(compiled).map(({ consumer }) => consumer);
  return [...new Set([...consumers, ...loginsOf(compiled).map(({ access }) => access)])].sort();
}
