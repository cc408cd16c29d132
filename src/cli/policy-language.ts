import { capabilitiesOn } from '../access/evaluate.ts';
import { parsePolicy } from '../access/policy-parse.ts';
import { canonicalRules, renderPolicy } from '../access/render.ts';
import { RuleIndex } from '../access/rule-index.ts';
import { canonicalJson } from '../model/digest.ts';
import type { PolicyEvaluator } from '../proofs/policy-evaluator.ts';
import type { PolicyLanguage } from '../targets/vault/policy-language.ts';

/** The language of policies, from the room that owns it, for the kind that writes them. */
export const policyLanguage: PolicyLanguage = {
  render: renderPolicy,
  rights: (name, text) =>
    canonicalRules(parsePolicy(name, text).rules).map(({ path, capabilities, ...limits }) => ({
      path,
      capabilities,
      ...(Object.keys(limits).length === 0 ? {} : { limits: canonicalJson(limits) }),
    })),
};

/** What a policy allows, from the room that owns the rules of matching, for proofs. */
export const policyEvaluator: PolicyEvaluator = {
  capabilities(policy, paths) {
    const index = new RuleIndex(['text' in policy ? parsePolicy(policy.name, policy.text) : policy], {
      now: new Date(),
    });
    return new Map(paths.map((path) => [path, capabilitiesOn(index, path)]));
  },
};
