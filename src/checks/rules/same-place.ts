import type { SourcePointer } from '../../model/diagnostic.ts';
import type { Fleet } from '../../fleet/model.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const samePlace = defineRule({
  id: 'KW058',
  name: 'same-place',
  what: 'Two things on this machine are to use one folder, file or port.',
  why: 'The second one cannot start, or both write over each other.',
  example: 'kind: Site\nspec: { forEach: sides, local: { directory: .keywright/site } }     # {each} is missing',
  remedy: 'Give each its own.',
  *check({ fleet }, rule) {
    const first = new Map<string, { object: string; source: SourcePointer }>();
    for (const { what, place, object, source } of placesOf(fleet)) {
      const key = normal(place);
      const other = first.get(key);
      if (other === undefined) {
        first.set(key, { object, source });
      } else {
        yield finding(rule, {
          message: `${object} and ${other.object} use the same ${what}, ${place.replace(/^port /, '')}`,
          source,
          related: { message: 'the other one is here', source: other.source },
          object,
        });
      }
    }
  },
});

/** `./a//b/` is `a/b`. */
function normal(place: string): string {
  return place
    .split('/')
    .filter((segment, index) => segment !== '.' && (segment !== '' || index === 0))
    .join('/');
}

interface Place {
  readonly what: string;
  readonly place: string;
  readonly object: string;
  readonly source: SourcePointer;
}

function* placesOf(fleet: Fleet): Iterable<Place> {
  for (const { document: object, source, spec } of fleet.sites.values()) {
    if (spec.local !== undefined) {
      yield { what: 'folder', place: spec.local.directory, object, source: at(source, 'spec', 'local', 'directory') };
    }
  }
  for (const { document: object, source, spec } of fleet.stores.values()) {
    if (spec.file !== undefined) {
      yield { what: 'folder', place: spec.file.path, object, source: at(source, 'spec', 'file', 'path') };
      yield { what: 'file', place: spec.file.identityFile, object, source: at(source, 'spec', 'file', 'identityFile') };
    }
  }
  for (const { document: object, source, spec } of fleet.postgres.values()) {
    if (spec.process?.port !== undefined) {
      const place = `port ${spec.process.port}`;
      yield { what: 'port', place, object, source: at(source, 'spec', 'process', 'port') };
    }
  }
}
