import { atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';
import { readTemplate } from '../templates.ts';

export const unusedSource = defineRule({
  id: 'KW065',
  name: 'unused-source',
  severity: 'warning',
  what: 'A copy has a source that its `data` does not use.',
  why: 'The consumer gets the right to read it all the same: more than it needs.',
  example: 'from: { app: { path: apps/dev/orders }, db: { access: orders-app } }\ndata: { URL: "{db.uri}" }',
  remedy: 'Remove the source, or use it.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.consumers.values()) {
      for (const [index, { from, data }] of spec.secrets.entries()) {
        const texts = Object.values(data ?? {}).map((text) => readTemplate(text, 'data'));
        const used = new Set(texts.flatMap(({ placeholders }) => placeholders.map(({ alias }) => alias)));
        // A text that is no template is another rule's matter; what it would use is not known.
        if (texts.some(({ problem }) => problem !== undefined)) {
          continue;
        }
        for (const alias of data === undefined ? [] : Object.keys(from)) {
          if (!used.has(alias)) {
            yield finding(rule, {
              message: `\`data\` does not use \`${alias}\``,
              source: atKey(source, 'spec', 'secrets', index, 'from', alias),
              object,
            });
          }
        }
      }
    }
  },
});
