import { capabilitiesOn } from '../access/evaluate.ts';
import type { PathRule } from '../access/policy.ts';
import { parsePolicy } from '../access/policy-parse.ts';
import { canonicalRules, renderPolicy } from '../access/render.ts';
import { RuleIndex } from '../access/rule-index.ts';
import { canonicalJson } from '../model/digest.ts';
import { formatDuration } from '../model/duration.ts';
import type { PolicyEvaluator } from '../proofs/policy-evaluator.ts';
import type { PolicyLanguage } from '../targets/vault/policy-language.ts';

/** The language of policies, from the room that owns it, for the kind that writes them. */
export const policyLanguage: PolicyLanguage = {
  render: renderPolicy,
  rights: (name, text) =>
    canonicalRules(parsePolicy(name, text).rules).map(({ path, capabilities, ...limits }) => ({
      path,
      capabilities,
      ...(Object.keys(limits).length === 0 ? {} : { limits: limitsText(limits) }),
    })),
};

/** Conditions of a rule in one spelling; how long an answer may be wrapped is told in words. */
function limitsText({ minWrappingTtl: least, maxWrappingTtl: most, ...others }: Partial<PathRule>): string {
  const shown = (seconds: number): string => formatDuration(seconds * 1000);
  const wrapped = [
    ...(least === undefined ? [] : [`at least ${shown(least)}`]),
    ...(most === undefined ? [] : [`at most ${shown(most)}`]),
  ];
  return [
    ...(wrapped.length === 0 ? [] : [`wrapped for ${wrapped.join(' and ')}`]),
    ...(Object.keys(others).length === 0 ? [] : [canonicalJson(others)]),
  ].join(', ');
}

/** What a policy allows, from the room that owns the rules of matching, for proofs. */
export const policyEvaluator: PolicyEvaluator = {
  capabilities(policy, paths) {
    const index = new RuleIndex(['text' in policy ? parsePolicy(policy.name, policy.text) : policy], {
      now: new Date(),
    });
    return new Map(paths.map((path) => [path, capabilitiesOn(index, path)]));
  },
};
