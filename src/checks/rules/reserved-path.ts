import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const reservedPath = defineRule({
  id: 'KW039',
  name: 'reserved-path',
  what: 'A path begins with `keywright/`, where Keywright keeps its own records.',
  why: 'Inventory, lock and logins of every fleet lie there, readable by Keywright alone.',
  example: 'kind: SecretTree\nspec: { path: keywright/apps, entries: … }',
  remedy: 'Choose another path.',
  *check({ entries, uses }, rule) {
    for (const { path, object, source } of [...entries, ...uses]) {
      if ((path === 'keywright' || path.startsWith('keywright/')) && source.file !== '') {
        yield finding(rule, { message: `\`${path}\` is a path of Keywright’s own records`, source, object });
      }
    }
  },
});
