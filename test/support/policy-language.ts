import { parsePolicy } from '../../src/access/policy-parse.ts';
import { canonicalRules, renderPolicy } from '../../src/access/render.ts';
import { canonicalJson } from '../../src/model/digest.ts';
import type { PolicyLanguage } from '../../src/targets/vault/policy-language.ts';

/** The language of policies as the program composes it. */
export const policyLanguage: PolicyLanguage = {
  render: renderPolicy,
  rights: (name, text) =>
    canonicalRules(parsePolicy(name, text).rules).map(({ path, capabilities, ...limits }) => ({
      path,
      capabilities,
      ...(Object.keys(limits).length === 0 ? {} : { limits: canonicalJson(limits) }),
    })),
};
