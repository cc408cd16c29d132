import type { SourcePointer } from '../../model/diagnostic.ts';
import type { Fleet } from '../../fleet/model.ts';
import { atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';
import { readTemplate } from '../templates.ts';

const secretKey =
  /(^|[-_.])(password|passwd|passphrase|pwd|secret|token|credentials?|(private|secret|access|api|encryption)[-_.]?key)$/i;
/** Shapes of secrets that are known wherever they stand. */
const secretShapes: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/\bAGE-SECRET-KEY-1[A-Z0-9]+/, 'an age identity'],
  [/\bAKIA[0-9A-Z]{16}\b/, 'an access key of AWS'],
  [/\bgh[pousr]_[A-Za-z0-9]{20,}/, 'a token of GitHub'],
  [/\bglpat-[A-Za-z0-9_-]{16,}/, 'a token of GitLab'],
  [/\bhv[sb]\.[A-Za-z0-9_-]{20,}/, 'a token of Vault'],
  [/\bsk_live_[A-Za-z0-9]{16,}/, 'a key of Stripe'],
  [/\bxox[abprs]-[A-Za-z0-9-]{10,}/, 'a token of Slack'],
  [/^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@{}]+@/i, 'a URL with a password in it'],
];

export const secretInDocument = defineRule({
  id: 'KW049',
  name: 'secret-in-document',
  allowable: true,
  what: 'A secret stands in a document.',
  why: 'Documents lie in Git, in reviews and on laptops. A value that was there once has to be taken for known.',
  example: 'keys:\n  password: { value: hunter2 }',
  remedy:
    'Let Keywright make it with `generate`, or take it from outside with `import`; then replace the value that was written here.',
  *check({ fleet }, rule) {
    for (const { text, name, kind, object, source } of textsOf(fleet)) {
      const fixed = readTemplate(text, kind).placeholders.length === 0;
      const shape = secretShapes.find(([pattern]) => pattern.test(text))?.[1];
      if (shape !== undefined || (fixed && text !== '' && secretKey.test(name))) {
        yield {
          ...finding(rule, {
            message:
              shape === undefined
                ? `\`${name}\` is written out, and its name says that it is a secret`
                : `\`${name}\` holds ${shape}`,
            source,
            object,
          }),
          // The line holds the secret.
          excerpt: false,
        };
      }
    }
  },
});

interface Text {
  readonly text: string;
  readonly name: string;
  readonly kind: 'value' | 'data';
  readonly object: string;
  readonly source: SourcePointer;
}

function* textsOf(fleet: Fleet): Iterable<Text> {
  for (const tree of fleet.secretTrees.values()) {
    for (const [index, entry] of tree.spec.entries.entries()) {
      for (const [name, { value: text }] of Object.entries(entry.keys ?? {})) {
        const source = atKey(tree.source, 'spec', 'entries', index, 'keys', name);
        if (text !== undefined) {
          yield { text, name, kind: 'value', object: tree.document, source };
        }
      }
    }
  }
  for (const consumer of fleet.consumers.values()) {
    for (const [index, { data }] of consumer.spec.secrets.entries()) {
      for (const [name, text] of Object.entries(data ?? {})) {
        const source = atKey(consumer.source, 'spec', 'secrets', index, 'data', name);
        yield { text, name, kind: 'data', object: consumer.document, source };
      }
    }
  }
}
