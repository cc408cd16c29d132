import { didYouMean } from '../../fleet/nearest.ts';
import { finding } from '../../fleet/rule.ts';
import { patternMatches } from '../../model/path-pattern.ts';
import { defineRule } from '../rule.ts';

export const unknownPath = defineRule({
  id: 'KW036',
  name: 'unknown-path',
  what: 'A path is read that nothing in the fleet makes.',
  why: 'The consumer would wait for a secret that never comes.',
  example: 'from: { app: { path: apps/prodution/orders } }',
  remedy: 'Correct the path, or add the entry to a SecretTree; `import: {}` for one that comes from outside.',
  *check({ fleet, uses, entries, entriesAt, entriesIncomplete }, rule) {
    for (const { how, store, path, object, source } of uses) {
      const mount = fleet.stores.get(store)?.spec.vault?.mounts.database;
      // A path of the database engine is another rule's matter, and what a consumer writes need not be there yet.
      if (how === 'write' || (mount !== undefined && path.startsWith(`${mount}/`))) {
        continue;
      }
      const key = how === 'encryptionKey';
      const there = entries.filter((entry) => (entry.kind === 'encryptionKey') === key);
      const ofStore = there.filter((entry) => entry.store === undefined || entry.store === store);
      if (path.endsWith('**')) {
        if (!ofStore.some((entry) => patternMatches(path, entry.path)) && !entriesIncomplete) {
          yield finding(rule, {
            severity: 'warning',
            message: `nothing in store ${store} lies at ${path}`,
            source,
            object,
            why: 'The right is given for nothing, or the path is misspelt.',
          });
        }
        continue;
      }
      if (entriesAt(store, path).some((entry) => (entry.kind === 'encryptionKey') === key) || entriesIncomplete) {
        continue;
      }
      const elsewhere = there.find((entry) => entry.path === path);
      yield finding(rule, {
        message: `nothing makes the ${key ? 'encryption key' : 'entry'} \`${path}\` in store ${store}${
          elsewhere === undefined
            ? didYouMean(
                path,
                ofStore.map((entry) => entry.path),
              )
            : `; ${elsewhere.object} makes it in store ${elsewhere.store}`
        }`,
        source,
        object,
        ...(elsewhere === undefined ? {} : { remedy: `Add \`store: ${elsewhere.store}\`.` }),
      });
    }
  },
});
