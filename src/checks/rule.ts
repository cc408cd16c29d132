import type { Diagnostic } from '../model/diagnostic.ts';
import type { RuleDescription } from '../fleet/rule.ts';
import type { Facts } from './facts.ts';

/** A rule about what a readable fleet means: a pure function of facts that were gathered before. */
export interface CheckRule extends RuleDescription {
  /** A document may break it, with a written reason in `allow`. */
  readonly allowable?: true;
  readonly check: (facts: Facts) => Iterable<Diagnostic>;
}

type Written = Omit<CheckRule, 'severity' | 'check'> & {
  readonly severity?: CheckRule['severity'];
  readonly check: (facts: Facts, rule: RuleDescription) => Iterable<Diagnostic>;
};

/** Describes a rule; an error unless it says otherwise. */
export function defineRule(written: Written): CheckRule {
  const rule: CheckRule = { severity: 'error', ...written, check: (facts) => written.check(facts, rule) };
  return rule;
}
