import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';
import { readTemplate } from '../templates.ts';

export const bareSecretInJson = defineRule({
  id: 'KW050',
  name: 'bare-secret-in-json',
  what: 'A value is put into JSON text without being encoded for it.',
  why: 'A password with a quote or a backslash makes the text invalid, or another text: it works until the next rotation.',
  example: `data: { config.json: '{{"password": "{db.password}"}}' }`,
  remedy: 'Write {alias.key:json}, which brings its own quotes, or {alias.key:base64}.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.consumers.values()) {
      for (const [index, { data }] of spec.secrets.entries()) {
        for (const [key, text] of Object.entries(data ?? {})) {
          const { problem, json } = readTemplate(text, 'data');
          if (json && problem !== undefined) {
            yield finding(rule, {
              message: problem,
              source: at(source, 'spec', 'secrets', index, 'data', key),
              object,
            });
          }
        }
      }
    }
  },
});
