import type { Diagnostic, Severity, SourcePointer } from '../model/diagnostic.ts';

/** What a rule forbids, told once, where the rule is: `explain` and the documentation read it here. */
export interface RuleDescription {
  /** Stable: `KW` and three digits. A number is never used again. */
  readonly id: string;
  /** Stable, kebab-case. */
  readonly name: string;
  readonly severity: Severity;
  /** What is wrong, as one sentence. */
  readonly what: string;
  /** What happens if it stays. */
  readonly why: string;
  /** A few lines of YAML with the mistake. */
  readonly example: string;
  /** How it is mended. */
  readonly remedy: string;
}

export interface FindingDetails {
  readonly message: string;
  readonly source?: SourcePointer;
  readonly object?: string;
  readonly why?: string;
  readonly remedy?: string;
  readonly severity?: Severity;
  readonly related?: Diagnostic['related'];
}

/** A finding of a rule; what it does not say itself is the rule's. */
export function finding(rule: RuleDescription, details: FindingDetails): Diagnostic {
  const { message, source, object, related } = details;
  return {
    severity: details.severity ?? rule.severity,
    rule: `${rule.id} ${rule.name}`,
    message,
    ...(source === undefined ? {} : { source }),
    ...(related === undefined ? {} : { related }),
    ...(object === undefined ? {} : { object }),
    why: details.why ?? rule.why,
    remedy: details.remedy ?? rule.remedy,
  };
}
