import type { Diagnostic } from '../model/diagnostic.ts';
import type { LoadResult } from '../fleet/model.ts';
import { loadingRules } from '../fleet/rules.ts';
import { factsOf, type Facts } from './facts.ts';
import { checkRules } from './rules/index.ts';
import { supportedForApply } from './supported.ts';

export interface CheckOptions {
  /** For exceptions with `until`; default: the present. */
  readonly now?: Date;
  /** `act`: what cannot be applied yet is an error; `check`, the default: a note. */
  readonly for?: 'check' | 'act';
}

/**
 * All findings about a fleet: what reading it found, what the rules find, and what is not supported yet. Exceptions that
 * documents `allow` are taken out. Positions are filled in by `withPositions` of fleet/locate.ts.
 */
export function checkFleet(loaded: LoadResult, options: CheckOptions = {}): Diagnostic[] {
  const { fleet, diagnostics, broken } = loaded;
  if (fleet === undefined) {
    return [...diagnostics];
  }
  const facts = factsOf(fleet, broken, options.now ?? new Date(), rulesByName());
  const found = checkRules.flatMap((rule) => [...rule.check(facts)]);
  return [
    ...diagnostics,
    ...withoutRepeats(found.filter((diagnostic) => !isAllowed(diagnostic, facts))),
    ...withoutRepeats(supportedForApply(fleet, options.for === 'act' ? 'error' : 'note')),
  ];
}

function rulesByName(): Facts['rules'] {
  const rules = new Map<string, { id: string; allowable: boolean }>();
  for (const { id, name } of loadingRules) {
    rules.set(id, { id, allowable: false }).set(name, { id, allowable: false });
  }
  for (const { id, name, allowable = false } of checkRules) {
    rules.set(id, { id, allowable }).set(name, { id, allowable });
  }
  return rules;
}

/** Whether the document that a finding is about breaks the rule with a reason. */
function isAllowed({ rule, object }: Diagnostic, { fleet, rules }: Facts): boolean {
  const [id = ''] = rule.split(' ');
  if (object === undefined || rules.get(id)?.allowable !== true) {
    return false;
  }
  const document = fleet.documents.find((each) => each.document === object);
  return document?.spec.allow?.some((exception) => rules.get(exception.rule)?.id === id) === true;
}

/** One finding for all copies of a document: the one about the first copy. */
function withoutRepeats(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const firstObject = new Map<string, string | undefined>();
  return diagnostics.filter(({ rule, source, object }) => {
    const key = JSON.stringify([rule, source]);
    if (!firstObject.has(key)) {
      firstObject.set(key, object);
    }
    return firstObject.get(key) === object;
  });
}
