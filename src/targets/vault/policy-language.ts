import type { PolicyRule } from './policy.spec.ts';

/** The rights that a policy gives on one path pattern, in the one spelling that equal rights have. */
export interface RightsOnPath {
  readonly path: string;
  /** In one order. */
  readonly capabilities: readonly string[];
  /** Conditions on parameters, wrapping or time, in one spelling; absent: none. */
  readonly limits?: string;
}

/** What the policy kind needs of the language of policies; handed in, because that language is another room's. Pure. */
export interface PolicyLanguage {
  /** Text of these rules, deterministic. */
  render(rules: readonly PolicyRule[]): string;
  /** The rights that a text gives; equal rights are equal lists. Throws a Failure when the text cannot be read. */
  rights(name: string, text: string): readonly RightsOnPath[];
}
