import type { CompiledFleet } from '../model/compiled.ts';
import { Failure } from '../model/failure.ts';
import type { ResourceId } from '../model/ids.ts';
import { parseResourceId } from '../model/ids.ts';
import { deliveriesOf, loginsOf } from './deliveries.ts';
import type { Delivery, Login } from './deliveries.ts';
import { EntryGraph, entryName } from './entry-graph.ts';
import type { EntryKey, Reached } from './entry-graph.ts';
import type { RulePlace } from './evaluate.ts';
import { apiPathsOf, grantsOn, vaultLoginsOf } from './vault-logins.ts';
import type { VaultLogin } from './vault-logins.ts';

/** One way on which values of an entry get to somebody. */
export interface AccessChain {
  readonly right: 'read' | 'write';
  readonly reader: Reader;
  /** Keys of the asked entry whose values get there. */
  readonly keys: readonly string[];
  /** `STORE/PATH` of the entries from the asked one to the one that is delivered. */
  readonly way: readonly string[];
  /** Document of the fleet that asks for it; absent for Keywright itself. */
  readonly document?: string;
  readonly resource?: ResourceId;
  /** Where the delivered entry logs in. */
  readonly logins: readonly Login[];
  /** Of a reader that asks a Vault itself: what grants it. */
  readonly grantedBy?: readonly RulePlace[];
}

export type Reader =
  | {
      readonly kind: 'consumer';
      readonly name: string;
      readonly site: string;
      readonly user?: string;
      readonly secret: string;
      readonly folder: string;
    }
  | { readonly kind: 'server'; readonly name: string; readonly use: string }
  /** Asks the store itself, as a role of a login method there. */
  | {
      readonly kind: 'login';
      readonly name: string;
      readonly mount: string;
      readonly role: string;
      /** Answers are wrapped, for so long at most. */
      readonly wrapSeconds?: number;
    }
  /** Whoever can read the key of a file store holds everything in it. */
  | { readonly kind: 'keywright'; readonly identityFile?: string };

/**
 * Who gets the values of an entry, offline from the fleet: by deliveries, and in a Vault by policies. Entries that are
 * copied or filled in from this one count too.
 *
 * @param path - of an entry, or of one key of it as its last segment; of a Vault also a path of an engine's own
 * @throws Failure `no-such-entry` when neither the fleet makes it nor anything is delivered from it
 */
export function whoReads(compiled: CompiledFleet, store: string, path: string): readonly AccessChain[] {
  const graph = new EntryGraph(compiled);
  const deliveries = deliveriesOf(compiled);
  const asking = vaultLoginsOf(compiled);
  const byPath = grantsOn(
    asking.filter((login) => login.store === store),
    apiPathsOf(compiled, store, path),
  );
  const start = startOf(graph, deliveries, store, path, byPath.length > 0);
  const reached = graph.madeFrom(start);
  const logins = loginsOf(compiled);
  return [
    ...deliveries.flatMap((delivery) => chainsOf(delivery, reached, logins)),
    ...askersOf(compiled, asking, reached),
    ...serversOf(compiled, reached),
    keywright(compiled, store, start),
  ];
}

/** Who reads one of the entries by its policy, and who writes the one that was asked about. */
function askersOf(compiled: CompiledFleet, asking: readonly VaultLogin[], reached: readonly Reached[]): AccessChain[] {
  const entries = Map.groupBy(reached, entryName);
  return [...entries.values()].flatMap((here) => {
    const [first] = here;
    if (first === undefined) {
      return [];
    }
    const inStore = asking.filter(({ store }) => store === first.store);
    return grantsOn(inStore, apiPathsOf(compiled, first.store, first.path))
      .filter(({ right }) => right === 'read' || first.way.length === 1)
      .map(({ login, right, places, wrapSeconds }) => ({
        right,
        reader: {
          kind: 'login' as const,
          name: login.consumer,
          mount: login.mount,
          role: login.role,
          ...(wrapSeconds === undefined ? {} : { wrapSeconds }),
        },
        keys: [...new Set(here.map(({ start }) => start.key))].sort(),
        way: first.way,
        document: login.document,
        resource: login.resource,
        logins: [],
        grantedBy: places,
      }));
  });
}

function startOf(
  graph: EntryGraph,
  deliveries: readonly Delivery[],
  store: string,
  path: string,
  isGranted: boolean,
): EntryKey[] {
  const keys = graph.keysOf({ store, path });
  if (keys !== undefined) {
    return keys.map((key) => ({ store, path, key }));
  }
  const cut = path.lastIndexOf('/');
  const [folder, last] = [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1)];
  if (graph.keysOf({ store, path: folder })?.includes(last) === true) {
    return [{ store, path: folder, key: last }];
  }
  // Delivered or granted, but put there by somebody else: its keys are not known, so all of them count.
  if (
    isGranted ||
    deliveries.some(({ sources }) => sources.some((each) => each.store === store && each.path === path))
  ) {
    return [{ store, path, key: anyKey }];
  }
  const name = entryName({ store, path });
  const below = graph.entries.filter((each) => each.startsWith(`${name}/`)).sort();
  throw new Failure({
    code: 'no-such-entry',
    message: `the fleet has no entry ${name}`,
    object: name,
    remedy: below.length > 0 ? `below it are ${below.slice(0, 5).join(', ')}` : `keywright secret list ${store}/`,
  });
}

const anyKey = '*';

function chainsOf(delivery: Delivery, reached: readonly Reached[], logins: readonly Login[]): AccessChain[] {
  return delivery.sources.flatMap((source) => {
    const here = reached.filter(
      ({ store, path, key }) =>
        store === source.store && path === source.path && (key === anyKey || source.delivers(key)),
    );
    const [first] = here;
    if (first === undefined) {
      return [];
    }
    const { consumer: name, site, user, secret, folder } = delivery;
    return [
      {
        right: 'read' as const,
        reader: { kind: 'consumer' as const, name, site, ...(user === undefined ? {} : { user }), secret, folder },
        keys: [...new Set(here.map((each) => each.start.key))].sort(),
        way: first.way,
        document: delivery.document,
        resource: delivery.resource,
        logins: logins.filter(({ entry }) => entryName(entry) === entryName(source)),
      },
    ];
  });
}

/** Kinds that put an entry's values into a server's own files, and what for. */
const serverUses: Readonly<Record<string, string>> = {
  tls: 'its own certificate',
  'client-certificate': 'the certificate that it logs in with elsewhere',
};

function serversOf({ resources }: CompiledFleet, reached: readonly Reached[]): AccessChain[] {
  return resources.flatMap(({ id, kind, spec, document }) => {
    const use = serverUses[kind];
    const entry = (spec as { readonly certificate?: Omit<EntryKey, 'key'> }).certificate;
    const here =
      use === undefined || entry === undefined ? [] : reached.filter((each) => entryName(each) === entryName(entry));
    const [first] = here;
    if (use === undefined || first === undefined) {
      return [];
    }
    const reader = { kind: 'server' as const, name: parseResourceId(id).targetName, use };
    const keys = [...new Set(here.map((each) => each.start.key))].sort();
    return [{ right: 'read' as const, reader, keys, way: first.way, document, resource: id, logins: [] }];
  });
}

function keywright({ targets }: CompiledFleet, store: string, start: readonly EntryKey[]): AccessChain {
  const target = targets.find(({ id }) => id === `store/${encodeURIComponent(store)}`);
  const identityFile = (target?.spec as { readonly file?: { readonly identityFile: string } } | undefined)?.file
    ?.identityFile;
  return {
    right: 'write',
    reader: { kind: 'keywright', ...(identityFile === undefined ? {} : { identityFile }) },
    keys: start.map(({ key }) => key),
    way: start[0] === undefined ? [] : [entryName(start[0])],
    logins: [],
  };
}
