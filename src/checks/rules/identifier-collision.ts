import { finding } from '../../fleet/rule.ts';
import type { Identifier } from '../identifiers.ts';
import { defineRule } from '../rule.ts';

export const identifierCollision = defineRule({
  id: 'KW033',
  name: 'identifier-collision',
  what: 'Two things on one server would have the same SQL identifier.',
  why: '`-` becomes `_` in SQL, and logins get an end: two different names can meet, and one would take over the other’s rights.',
  example:
    'kind: DatabaseAccess\nmetadata: { name: orders-app }     # role orders_app\n---\nkind: DatabaseAccess\nmetadata: { name: other }\nspec: { role: orders_app }',
  remedy: 'Rename one of them, or give it a `role`, `owner` or `publication` of its own.',
  *check({ identifiers }, rule) {
    const first = new Map<string, Identifier>();
    for (const identifier of identifiers) {
      const key = `${identifier.postgres}/${identifier.space}/${identifier.name}`;
      const other = first.get(key);
      if (other === undefined) {
        first.set(key, identifier);
      } else if (other.owner !== identifier.owner) {
        yield finding(rule, {
          message: `\`${identifier.name}\` on ${identifier.postgres} would be both ${other.what} and ${identifier.what}`,
          source: identifier.source,
          related: { message: 'the other one is here', source: other.source },
          object: identifier.object,
        });
      }
    }
    for (const { name, space, postgres, what, source, object } of identifiers) {
      if (space === 'role' && (name.startsWith('pg_') || name === 'public' || name === 'none')) {
        yield finding(rule, {
          message: `\`${name}\` on ${postgres}, ${what}, is a name that PostgreSQL keeps for itself`,
          source,
          object,
          why: 'PostgreSQL refuses roles whose names begin with pg_, and the names public and none.',
        });
      }
    }
  },
});
