import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const identifierTooLong = defineRule({
  id: 'KW034',
  name: 'identifier-too-long',
  what: 'An SQL identifier would be longer than 63 bytes.',
  why: 'PostgreSQL cuts it off silently, and two long names can become one.',
  example:
    'kind: DatabaseAccess\nmetadata: { name: the-access-of-the-application-that-has-by-far-the-longest-name-of-all }',
  remedy: 'Shorten the name, or give it a shorter `role`, `owner` or `publication`.',
  *check({ identifiers }, rule) {
    const reported = new Set<string>();
    for (const { name, extra, what, source, object } of identifiers) {
      const length = Buffer.byteLength(name) + extra;
      const place = JSON.stringify(source);
      if (length > 63 && !reported.has(place)) {
        reported.add(place);
        yield finding(rule, {
          message: `\`${name}\`${extra > 0 ? ` with its ${extra} random characters` : ''}, ${what}, has ${length} bytes; 63 are allowed`,
          source,
          object,
        });
      }
    }
  },
});
