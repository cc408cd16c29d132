import type { SourcePointer } from '../../model/diagnostic.ts';
import type { Fleet } from '../../fleet/model.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const replacedStore = defineRule({
  id: 'KW068',
  name: 'replaced-store',
  what: 'A document names a store that another one replaces.',
  why: 'Once the move is done, the old store is frozen and gone.',
  example:
    'kind: Store\nmetadata: { name: new }\nspec: { replaces: old, vault: … }\n---\nkind: SecretTree\nspec: { store: old, entries: … }',
  remedy: 'Name the new store; what the old one holds moves by itself.',
  *check({ fleet, uses, entries }, rule) {
    const replacedBy = new Map<string, string>();
    for (const { name, document: object, source, spec } of fleet.stores.values()) {
      const before = spec.replaces === undefined ? undefined : replacedBy.get(spec.replaces);
      if (before !== undefined) {
        yield finding(rule, {
          message: `${spec.replaces} is replaced by ${before} and by ${name}`,
          source: at(source, 'spec', 'replaces'),
          object,
          why: 'What it holds can move to one store only.',
          remedy: 'Keep one of them.',
        });
      }
      if (spec.replaces !== undefined) {
        replacedBy.set(spec.replaces, name);
      }
    }
    const reported = new Set<string>();
    for (const { store, object, source } of [...named(fleet), ...entries, ...uses]) {
      const successor = store === undefined ? undefined : replacedBy.get(store);
      if (successor !== undefined && source.file !== '' && !reported.has(object)) {
        reported.add(object);
        yield finding(rule, {
          message: `${object} names store ${store}, which ${successor} replaces`,
          source,
          object,
          remedy: `Write \`store: ${successor}\`.`,
        });
      }
    }
  },
});

interface Named {
  readonly store: string;
  readonly object: string;
  readonly source: SourcePointer;
}

function* named(fleet: Fleet): Iterable<Named> {
  for (const { document: object, source, spec } of fleet.authorities.values()) {
    if (spec.pki !== undefined) {
      yield { store: spec.pki.store, object, source: at(source, 'spec', 'pki', 'store') };
    }
  }
  for (const { document: object, source, spec } of fleet.postgres.values()) {
    if (spec.encryption !== undefined) {
      yield { store: spec.encryption.store, object, source: at(source, 'spec', 'encryption', 'store') };
    }
  }
  const fleetDocument = fleet.documents.find(({ kind }) => kind === 'Fleet');
  if (fleetDocument !== undefined) {
    yield { store: fleet.home, object: fleetDocument.document, source: at(fleetDocument.source, 'spec', 'home') };
  }
}
