import type { Fleet, LoadResult } from '../fleet/model.ts';
import { entriesOf, type Entry } from './entries.ts';
import { identifiersOf, type Identifier } from './identifiers.ts';
import { usesOf, type PathUse } from './uses.ts';

/** What the rules ask, gathered once. */
export interface Facts {
  readonly fleet: Fleet;
  readonly now: Date;
  /** Entries that the fleet makes. */
  readonly entries: readonly Entry[];
  /** Places that name an entry by its path. */
  readonly uses: readonly PathUse[];
  readonly identifiers: readonly Identifier[];
  /** Some document that makes entries could not be read at all, so that a path may well be made by it. */
  readonly entriesIncomplete: boolean;
  /** Names and ids of all rules, and whether a document may break them by `allow`. */
  readonly rules: ReadonlyMap<string, { readonly id: string; readonly allowable: boolean }>;
  /** Entries at a path of a store. */
  entriesAt(store: string, path: string): readonly Entry[];
}

/** Gathers the facts of a fleet. Pure; `now` is handed in for rules about dates. */
export function factsOf(fleet: Fleet, broken: LoadResult['broken'], now: Date, rules: Facts['rules']): Facts {
  const entries = entriesOf(fleet, broken);
  const byPath = new Map<string, Entry[]>();
  for (const entry of entries) {
    const there = byPath.get(entry.path);
    if (there === undefined) {
      byPath.set(entry.path, [entry]);
    } else {
      there.push(entry);
    }
  }
  return {
    fleet,
    now,
    rules,
    entries,
    uses: usesOf(fleet),
    identifiers: identifiersOf(fleet),
    entriesIncomplete: [...broken].some(
      ([object, spec]) => spec === undefined && /^(SecretTree|DatabaseAccess|Link)\//.test(object),
    ),
    entriesAt: (store, path) =>
      (byPath.get(path) ?? []).filter((entry) => entry.store === undefined || entry.store === store),
  };
}
