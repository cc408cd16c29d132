import { finding } from '../../fleet/rule.ts';
import type { Entry } from '../entries.ts';
import { defineRule } from '../rule.ts';

export const pathCollision = defineRule({
  id: 'KW038',
  name: 'path-collision',
  what: 'Two documents make the entry at one path of one store.',
  why: 'Each would overwrite the other at every apply.',
  example: 'kind: SecretTree\nspec: { entries: [{ path: orders, keys: … }, { path: orders, certificate: … }] }',
  remedy: 'Give one of them another path, or put the keys into one entry.',
  *check({ entries }, rule) {
    const first = new Map<string, Entry>();
    for (const entry of entries) {
      if (entry.store === undefined || entry.source.file === '') {
        continue;
      }
      const space = entry.kind === 'encryptionKey' ? 'transit' : 'kv';
      const key = `${space} ${entry.store} ${entry.path}`;
      const other = first.get(key);
      if (other === undefined) {
        first.set(key, entry);
        continue;
      }
      yield finding(rule, {
        message: `\`${entry.path}\` in store ${entry.store} is made by ${other.object === entry.object ? `${entry.object} twice` : `${other.object} and ${entry.object}`}`,
        source: entry.source,
        related: { message: 'the other one is here', source: other.source },
        object: entry.object,
      });
    }
  },
});
