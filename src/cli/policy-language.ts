import { parsePolicy } from '../access/policy-parse.ts';
import { canonicalRules, renderPolicy } from '../access/render.ts';
import { canonicalJson } from '../model/digest.ts';
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
