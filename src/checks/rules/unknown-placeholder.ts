import type { SourcePointer } from '../../model/diagnostic.ts';
import type { FleetDocument } from '../../fleet/model.ts';
import { didYouMean } from '../../fleet/nearest.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { accessKeys } from '../entries.ts';
import type { Facts } from '../facts.ts';
import { defineRule } from '../rule.ts';
import { readTemplate, type Placeholder } from '../templates.ts';

interface Text {
  readonly text: string;
  readonly kind: 'data' | 'value' | 'grant';
  readonly object: string;
  readonly source: SourcePointer;
  /** What is wrong with a placeholder, or undefined. */
  readonly problem: (placeholder: Placeholder) => string | undefined;
}

export const unknownPlaceholder = defineRule({
  id: 'KW035',
  name: 'unknown-placeholder',
  what: 'A placeholder names an alias or a key that is not there, or braces are not closed.',
  why: 'The delivered text would hold the placeholder itself, or nothing.',
  example: 'from: { db: { access: orders-app } }\ndata: { URL: "{db.url}" }     # the key is called uri',
  remedy:
    'In `data` write {alias.key}, in `value` {KEY} of the same entry, in a grant {role}; in the first two literal braces are written twice.',
  *check(facts, rule) {
    for (const { text, kind, object, source, problem } of textsOf(facts)) {
      const { placeholders, problem: wrong, json } = readTemplate(text, kind);
      if (wrong !== undefined && !json) {
        yield finding(rule, { message: wrong, source, object });
      }
      for (const placeholder of placeholders) {
        const message = problem(placeholder);
        if (message !== undefined) {
          yield finding(rule, { message, source, object });
        }
      }
    }
  },
});

function* textsOf(facts: Facts): Iterable<Text> {
  for (const consumer of facts.fleet.consumers.values()) {
    for (const [index, secret] of consumer.spec.secrets.entries()) {
      const problem = problemIn(secret, facts);
      for (const [key, text] of Object.entries(secret.data ?? {})) {
        const source = at(consumer.source, 'spec', 'secrets', index, 'data', key);
        yield { text, kind: 'data', object: consumer.document, source, problem };
      }
    }
  }
  for (const tree of facts.fleet.secretTrees.values()) {
    for (const [index, entry] of tree.spec.entries.entries()) {
      const keys = Object.keys(entry.keys ?? {});
      const problem = ({ text, key }: Placeholder) =>
        keys.includes(key) ? undefined : `\`${text}\`: ${entry.path} has no key \`${key}\`${didYouMean(key, keys)}`;
      for (const [key, { value }] of Object.entries(entry.keys ?? {})) {
        const source = at(tree.source, 'spec', 'entries', index, 'keys', key, 'value');
        if (value !== undefined) {
          yield { text: value, kind: 'value', object: tree.document, source, problem };
        }
      }
    }
  }
  for (const access of facts.fleet.accesses.values()) {
    for (const [index, text] of access.spec.grants.entries()) {
      const source = at(access.source, 'spec', 'grants', index);
      const problem = ({ text: inside, key }: Placeholder) =>
        key === 'role' ? undefined : `\`${inside}\`: a grant knows \`{role}\` only`;
      yield { text, kind: 'grant', object: access.document, source, problem };
    }
  }
}

type Secret = FleetDocument<'Consumer'>['spec']['secrets'][number];

function problemIn(secret: Secret, facts: Facts): Text['problem'] {
  const aliases = Object.keys(secret.from);
  return ({ text, alias, key }) => {
    const from = Object.hasOwn(secret.from, alias) ? secret.from[alias] : undefined;
    if (from === undefined) {
      return `\`${text}\`: \`from\` has no alias \`${alias}\`${didYouMean(alias, aliases)}`;
    }
    const keys = keysOf(from, facts);
    const where = from.path ?? from.access ?? from.authority;
    return keys === undefined || keys.has(key)
      ? undefined
      : `\`${text}\`: ${where} has no key \`${key}\`${didYouMean(key, keys)}`;
  };
}

/** Keys of a source; undefined when they are not known, or another rule says that the source is not there. */
export function keysOf(from: Secret['from'][string], facts: Facts): ReadonlySet<string> | undefined {
  if (from.authority !== undefined) {
    return new Set(['ca.crt']);
  }
  if (from.access !== undefined) {
    const access = facts.fleet.accesses.get(from.access);
    return access && accessKeys(access);
  }
  const entries = facts.entriesAt(from.store ?? '', from.path ?? '').filter(({ kind }) => kind !== 'encryptionKey');
  return entries.length === 0 || entries.some(({ keys }) => keys === undefined)
    ? undefined
    : new Set(entries.flatMap(({ keys }) => [...(keys ?? [])]));
}
