import type { PolicyRule } from '../targets/vault/policy.spec.ts';

/** What proofs need of the evaluator of policies; handed in, because that language is another room's. Pure. */
export interface PolicyEvaluator {
  /**
   * What a token with this one policy could do on each path, as `sys/capabilities` answers: `deny` when nothing.
   *
   * @throws Failure `policy-unreadable`
   */
  capabilities(
    policy: { readonly name: string } & ({ readonly rules: readonly PolicyRule[] } | { readonly text: string }),
    paths: readonly string[],
  ): ReadonlyMap<string, readonly string[]>;
}
