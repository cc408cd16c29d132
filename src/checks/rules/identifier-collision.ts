import type { Fleet } from '../../fleet/model.ts';
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
  *check({ fleet, identifiers }, rule) {
    const first = new Map<string, Identifier>();
    // A role brings its logins and class roles along: one finding for all that meet because of it.
    const reported = new Set<string>();
    for (const identifier of identifiers) {
      const { postgres, space, name, what, source, object } = identifier;
      const key = `${postgres}/${space}/${name}`;
      const other = first.get(key);
      const reserved = isReserved(identifier, fleet);
      const place = `${postgres} ${JSON.stringify(source)}`;
      if (other === undefined && !reserved) {
        first.set(key, identifier);
      } else if ((reserved || other?.owner !== identifier.owner) && !reported.has(place)) {
        reported.add(place);
        yield finding(rule, {
          message: reserved
            ? `\`${name}\` on ${postgres}, ${what}, is a name that PostgreSQL keeps for itself`
            : `\`${name}\` on ${postgres} would be both ${other?.what} and ${what}`,
          source,
          object,
          ...(reserved
            ? { why: 'It is refused, or it is there already and means something else.' }
            : { related: other && { message: 'the other one is here', source: other.source } }),
        });
      }
    }
  },
});

/** What every server has, or no server takes. */
function isReserved({ space, name, object }: Identifier, fleet: Fleet): boolean {
  if (space === 'database') {
    return name === 'template0' || name === 'template1';
  }
  const access = fleet.accesses.get(object.replace('DatabaseAccess/', ''));
  // A superuser's access may be the superuser itself.
  const own = name === 'postgres' && access?.spec.privileges === 'superuser';
  return space === 'role' && !own && (name.startsWith('pg_') || ['postgres', 'public', 'none'].includes(name));
}
