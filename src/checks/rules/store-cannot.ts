import type { SourcePointer } from '../../model/diagnostic.ts';
import type { Fleet } from '../../fleet/model.ts';
import { askedStore } from '../../fleet/names.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const storeCannot = defineRule({
  id: 'KW067',
  name: 'store-cannot',
  what: 'A store is asked for something that this kind of store cannot do.',
  why: 'Only Vault and OpenBao have engines that issue, encrypt and hand out keys; a file store issues dynamic logins by Keywright itself.',
  example:
    'kind: SecretTree\nspec: { store: box, entries: [{ path: app, encryptionKey: {} }] }     # box is a file store',
  remedy: 'Name a Store with `vault`.',
  *check({ fleet }, rule) {
    for (const { store, what, file, object, source } of needsOf(fleet)) {
      const spec = fleet.stores.get(store)?.spec;
      if (spec !== undefined && spec.vault === undefined && !(file && spec.file !== undefined)) {
        yield finding(rule, {
          message: `${spec.file === undefined ? 'AWS Secrets Manager' : 'a file store'} has no ${what}: ${store}`,
          source,
          object,
        });
      }
    }
  },
});

interface Need {
  readonly store: string;
  readonly what: string;
  /** A file store can do it as well. */
  readonly file: boolean;
  readonly object: string;
  readonly source: SourcePointer;
}

function* needsOf(fleet: Fleet): Iterable<Need> {
  for (const { document: object, source, spec } of fleet.accesses.values()) {
    if (spec.credential.dynamic !== undefined) {
      const place = at(source, 'spec', 'credential');
      yield { store: spec.store, what: 'database engine', file: true, object, source: place };
    }
  }
  for (const { document: object, source, spec } of fleet.secretTrees.values()) {
    for (const [index, entry] of spec.entries.entries()) {
      if (entry.encryptionKey !== undefined) {
        const place = at(source, 'spec', 'entries', index);
        yield { store: spec.store, what: 'transit engine', file: false, object, source: place };
      }
    }
  }
  for (const { document: object, source, spec } of fleet.postgres.values()) {
    if (spec.encryption !== undefined) {
      const place = at(source, 'spec', 'encryption');
      yield { store: spec.encryption.store, what: 'server that pg_tde could ask', file: false, object, source: place };
    }
  }
  for (const { document: object, source, spec } of fleet.consumers.values()) {
    const base = { store: '', file: false, object };
    const asked = new Set([...spec.reads, ...spec.writes].flatMap((each) => each.store ?? []));
    for (const store of spec.wrap === undefined ? [] : asked) {
      yield { ...base, store, what: 'response wrapping', source: at(source, 'spec', 'wrap') };
    }
    for (const [field, list] of [
      ['reads', spec.reads],
      ['writes', spec.writes],
    ] as const) {
      for (const [index, each] of list.entries()) {
        const store = 'access' in each ? askedStore(fleet, each) : (each.store ?? '');
        // AWS has rights of its own, for whoever runs there.
        if (fleet.stores.get(store)?.spec.file !== undefined) {
          const what = 'server that a consumer could ask itself';
          yield { ...base, store, what, source: at(source, 'spec', field, index) };
        }
      }
    }
    if (spec.group !== undefined) {
      for (const store of asked) {
        const people = fleet.stores.get(store)?.spec.vault;
        if (people === undefined) {
          yield { ...base, store, what: 'login for people', source: at(source, 'spec', 'group') };
        }
      }
    }
  }
}
