import type { Capability, ParameterRules, ParameterValue, PathRule } from './policy.ts';
import { patternOf } from './pattern.ts';
import type { Pattern } from './pattern.ts';

/** A rule and the policy that it stands in. */
export interface RuleSource {
  readonly policy: string;
  readonly rule: PathRule;
}

type Parameters = Map<string, readonly ParameterValue[]>;

/**
 * All rules of one pattern, from any number of policies: capabilities are united, but one deny denies all; limits are
 * joined as the servers do it, which also means that a rule's `allowed_parameters` bind a rule that had none.
 */
export class MergedRule {
  readonly pattern: Pattern;
  readonly sources: RuleSource[] = [];
  readonly capabilities = new Set<Capability>();
  readonly required = new Set<string>();
  allowed: Parameters | undefined;
  denied: Parameters | undefined;
  /** Seconds; 0 stands for none. */
  minWrappingTtl = 0;
  maxWrappingTtl = 0;

  constructor(path: string) {
    this.pattern = patternOf(path);
  }

  get isDenied(): boolean {
    return this.capabilities.has('deny');
  }

  add(source: RuleSource): void {
    const { rule } = source;
    this.sources.push(source);
    if (this.isDenied) {
      return;
    }
    if (rule.capabilities.includes('deny')) {
      this.capabilities.clear();
      this.capabilities.add('deny');
      return;
    }
    for (const capability of rule.capabilities) {
      this.capabilities.add(capability);
    }
    for (const name of rule.requiredParameters ?? []) {
      this.required.add(name.toLowerCase());
    }
    this.allowed = joined(this.allowed, rule.allowedParameters);
    this.denied = joined(this.denied, rule.deniedParameters);
    this.minWrappingTtl = lesser(this.minWrappingTtl, rule.minWrappingTtl);
    this.maxWrappingTtl = lesser(this.maxWrappingTtl, rule.maxWrappingTtl);
  }
}

function joined(existing: Parameters | undefined, rules: ParameterRules | undefined): Parameters | undefined {
  if (rules === undefined) {
    return existing;
  }
  const result: Parameters = new Map(existing);
  for (const [name, values] of Object.entries(rules)) {
    const key = name.toLowerCase();
    const before = result.get(key);
    // An empty list means any value, so it swallows a list of some.
    result.set(key, values.length === 0 || before?.length === 0 ? [] : [...(before ?? []), ...values]);
  }
  return result;
}

function lesser(existing: number, seconds = 0): number {
  return seconds > 0 && (existing === 0 || seconds < existing) ? seconds : existing;
}
