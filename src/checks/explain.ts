import { wrap as wrapLines } from '../fleet/format.ts';
import { didYouMean } from '../fleet/nearest.ts';
import type { RuleDescription } from '../fleet/rule.ts';
import { loadingRules } from '../fleet/rules.ts';
import { Failure } from '../model/failure.ts';
import { checkRules } from './rules/index.ts';

/** Every rule, in the order of their ids. */
export const allRules: readonly (RuleDescription & { readonly allowable?: true })[] = [...loadingRules, ...checkRules];

/**
 * The story of a rule: what it forbids, why, an example of the mistake, how to mend it. Plain text, 80 columns.
 *
 * @param rule id or name, in any case: `KW031`, `no-dynamic-read-through-kv`
 * @throws Failure `unknown-rule`
 */
export function explainRule(rule: string): string {
  const wanted = rule.trim().toLowerCase();
  const found = allRules.find(({ id, name }) => id.toLowerCase() === wanted || name === wanted);
  if (found === undefined) {
    const names = allRules.flatMap(({ id, name }) => [id, name]);
    throw new Failure({
      code: 'unknown-rule',
      message: `there is no rule \`${rule}\`${didYouMean(rule, names)}`,
      remedy: 'keywright explain KW001 … KW080; each finding shows its id',
      exitCode: 64,
    });
  }
  const { id, name, severity, what, why, example, remedy, allowable } = found;
  const paragraphs = [
    `${id} ${name} (${severity})`,
    wrap(what),
    wrap(why),
    `Example:\n\n${example
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n')}`,
    wrap(remedy),
    ...(allowable === true
      ? [
          wrap(
            `An exception stands in the document: allow: [{ rule: ${name}, reason: WHY, until: "YYYY-MM-DD" }]. It stays visible in the status.`,
          ),
        ]
      : []),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

function wrap(text: string): string {
  return wrapLines(text, 80).join('\n');
}
