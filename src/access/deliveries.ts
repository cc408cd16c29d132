import type { CompiledFleet } from '../model/compiled.ts';
import type { ResourceId } from '../model/ids.ts';
import { parseResourceId } from '../model/ids.ts';
import { parseTemplate, placeholdersOf } from '../model/template.ts';
import type { EntryKey } from './entry-graph.ts';

type Entry = Omit<EntryKey, 'key'>;

/** A secret that a consumer of a local site gets into a directory of its own. */
export interface Delivery {
  readonly resource: ResourceId;
  /** `Consumer/<name>`. */
  readonly document: string;
  readonly consumer: string;
  readonly secret: string;
  readonly site: string;
  /** Account that reads the files; absent: the account that runs Keywright. */
  readonly user?: string;
  /** Below the site's directory. */
  readonly folder: string;
  readonly sources: readonly DeliveredEntry[];
}

export interface DeliveredEntry extends Entry {
  /** Whether the value of a key stands in one of the files. */
  delivers(key: string): boolean;
}

interface DirectoryView {
  readonly consumer: string;
  readonly name: string;
  readonly folder: string;
  readonly user?: string;
  readonly sources: Readonly<Record<string, Entry & { readonly keys?: readonly string[] }>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly libpq?: readonly { readonly alias: string }[];
}

/** Everything that is delivered on the local sites of a fleet. */
export function deliveriesOf({ resources }: CompiledFleet): readonly Delivery[] {
  return resources
    .filter(({ kind }) => kind === 'directory')
    .map(({ id, document, spec }) => {
      const { consumer, name, folder, user, sources, data, libpq } = spec as DirectoryView;
      const named = namesIn(data);
      return {
        resource: id,
        document,
        consumer,
        secret: name,
        site: parseResourceId(id).targetName,
        ...(user === undefined ? {} : { user }),
        folder,
        sources: Object.entries(sources).map(([alias, { store, path, keys }]) => ({
          store,
          path,
          delivers: (key: string) =>
            (keys === undefined || keys.includes(key)) &&
            // The libpq files hold a connection's keys whatever `data` says.
            (named === undefined || named.has(`${alias}.${key}`) || isLibpq(libpq, alias)),
        })),
      };
    });
}

function isLibpq(libpq: DirectoryView['libpq'], alias: string): boolean {
  return libpq?.some((each) => each.alias === alias) === true;
}

function namesIn(data: DirectoryView['data']): ReadonlySet<string> | undefined {
  return data === undefined
    ? undefined
    : new Set(Object.values(data).flatMap((text) => placeholdersOf(parseTemplate(text)).map(({ name }) => name)));
}

/** What an access is at its server. */
export interface Login {
  readonly access: string;
  readonly postgres: string;
  readonly database: string;
  /** Class of privileges, for example `readWrite`. */
  readonly privileges: string;
  /** The entry that a client reads to log in. */
  readonly entry: Entry;
}

/** Every access of a fleet that a claim speaks of. */
export function loginsOf({ claims }: CompiledFleet): readonly Login[] {
  const byAccess = new Map<string, Login>();
  for (const { spec } of claims) {
    const { access, endpoint, credential, database, privileges } = spec as Partial<LoginView>;
    if (
      access !== undefined &&
      endpoint !== undefined &&
      credential?.entry !== undefined &&
      database !== undefined &&
      privileges !== undefined
    ) {
      byAccess.set(access, { access, postgres: endpoint.postgres, database, privileges, entry: credential.entry });
    }
  }
  return [...byAccess.values()];
}

interface LoginView {
  readonly access: string;
  readonly endpoint: { readonly postgres: string };
  readonly credential: { readonly entry?: Entry };
  readonly database: string;
  readonly privileges: string;
}
