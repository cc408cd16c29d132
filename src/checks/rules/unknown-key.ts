import { didYouMean } from '../../fleet/nearest.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const unknownKey = defineRule({
  id: 'KW037',
  name: 'unknown-key',
  what: 'A reference names a key that its entry does not have.',
  why: 'There would be no value to use.',
  example: 'admin: { path: postgres-primary, key: passwort }',
  remedy: 'Correct the key, or add it to the entry.',
  *check({ uses, entriesAt }, rule) {
    for (const { store, path, key, object, source } of uses) {
      const entries = key === undefined ? [] : entriesAt(store, path).filter(({ kind }) => kind !== 'encryptionKey');
      const known = entries.flatMap(({ keys }) => [...(keys ?? [])]);
      if (
        key !== undefined &&
        entries.length > 0 &&
        entries.every(({ keys }) => keys !== undefined && !keys.has(key))
      ) {
        yield finding(rule, {
          message: `${path} has no key \`${key}\`${didYouMean(key, known)}`,
          source: at(source, 'key'),
          object,
          remedy: `Name one of ${known.sort().join(', ')}, or add the key to ${entries[0]?.object}.`,
        });
      }
    }
  },
});
