import type { CompiledFleet } from '../model/compiled.ts';
import { parseTemplate, placeholdersOf } from '../model/template.ts';

/** One value of a store. */
export interface EntryKey {
  readonly store: string;
  readonly path: string;
  readonly key: string;
}

export function entryName({ store, path }: Omit<EntryKey, 'key'>): string {
  return `${store}/${path}`;
}

/** Which values of a fleet's entries are made of which others, by copies and templates. */
export class EntryGraph {
  readonly #keys = new Map<string, Set<string>>();
  readonly #users = new Map<string, EntryKey[]>();
  readonly #sources = new Map<string, EntryKey[]>();

  constructor({ resources }: CompiledFleet) {
    for (const { kind, spec } of resources) {
      const entry = spec as EntrySpec;
      switch (kind) {
        case 'secret':
          this.#addSecret(entry);
          break;
        case 'certificate':
          this.#add(entry, ['tls.crt', 'tls.key', 'ca.crt']);
          break;
        case 'lease':
          this.#add(entry, ['username', 'password']);
          break;
        case 'ca':
          this.#add({ ...entry, path: `${entry.path}/${entry.role ?? ''}` }, ['tls.crt', 'tls.key']);
          break;
        case 'bundle':
          this.#add({ ...entry, path: `${entry.path}/bundle` }, ['ca.crt']);
          break;
        case 'crl':
          this.#add({ ...entry, path: `${entry.path}/crl` }, ['crl.pem', 'revoked']);
          break;
        default:
      }
    }
  }

  /** `STORE/PATH` of every entry that the fleet makes. */
  get entries(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** Names of an entry's keys; undefined for an entry that the fleet does not make. */
  keysOf(entry: Omit<EntryKey, 'key'>): readonly string[] | undefined {
    const keys = this.#keys.get(entryName(entry));
    return keys === undefined ? undefined : [...keys];
  }

  /** The given values and all that are made of them, each with the entries on the way there. */
  madeFrom(start: readonly EntryKey[]): readonly Reached[] {
    return reach(start, this.#users);
  }

  /** The given values and all that they are made of, each with the entries on the way there. */
  madeOf(start: readonly EntryKey[]): readonly Reached[] {
    return reach(start, this.#sources);
  }

  #add(entry: EntrySpec, keys: readonly string[]): void {
    const name = entryName(entry);
    const known = this.#keys.get(name) ?? new Set();
    this.#keys.set(name, known);
    for (const key of keys) {
      known.add(key);
    }
  }

  #addSecret(spec: EntrySpec): void {
    const { store, path, keys = {} } = spec;
    this.#add(spec, Object.keys(keys));
    for (const [key, { copy, template }] of Object.entries(keys)) {
      const to = { store, path, key };
      if (copy !== undefined) {
        this.#link({ store: copy.store ?? store, path: copy.path, key: copy.key }, to);
      }
      for (const { name } of template === undefined ? [] : placeholdersOf(parseTemplate(template))) {
        this.#link({ store, path, key: name }, to);
      }
    }
  }

  #link(from: EntryKey, to: EntryKey): void {
    push(this.#users, id(from), to);
    push(this.#sources, id(to), from);
  }
}

/** The part of the specs of `secret`, `certificate`, `lease`, `ca`, `bundle` and `crl` that speaks of entries. */
interface EntrySpec {
  readonly store: string;
  readonly path: string;
  readonly role?: string;
  readonly keys?: Readonly<
    Record<
      string,
      {
        readonly copy?: { readonly store?: string; readonly path: string; readonly key: string };
        readonly template?: string;
      }
    >
  >;
}

export interface Reached extends EntryKey {
  /** The given value that leads here. */
  readonly start: EntryKey;
  /** `STORE/PATH` of the entries from the given one to this one, both included. */
  readonly way: readonly string[];
}

function reach(start: readonly EntryKey[], links: ReadonlyMap<string, readonly EntryKey[]>): readonly Reached[] {
  const queue: Reached[] = start.map((key) => ({ ...key, start: key, way: [entryName(key)] }));
  const seen = new Set(start.map((key) => `${id(key)} ${id(key)}`));
  // Grows while it is read: breadth first, so that a way is a shortest one.
  for (const from of queue) {
    for (const next of links.get(id(from)) ?? []) {
      const mark = `${id(from.start)} ${id(next)}`;
      if (!seen.has(mark)) {
        seen.add(mark);
        const name = entryName(next);
        queue.push({ ...next, start: from.start, way: from.way.at(-1) === name ? from.way : [...from.way, name] });
      }
    }
  }
  return queue;
}

function id({ store, path, key }: EntryKey): string {
  return JSON.stringify([store, path, key]);
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) {
    map.set(key, [value]);
  } else {
    list.push(value);
  }
}
