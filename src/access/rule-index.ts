import { MergedRule } from './merged-rule.ts';
import { comparePriority, matches } from './pattern.ts';
import { effectivePath, normalRule } from './policy.ts';
import type { Policy } from './policy.ts';

/** What differs between the two products. */
export type Product = 'openbao' | 'vault';

export interface IndexOptions {
  /** `openbao` unless told: it looks for LIST rules with the slash first, Vault without. */
  readonly product?: Product;
  /** Rules with an `expiration` before this instant are left out; without it all are valid. */
  readonly now?: Date;
  /** Fills in `{{identity…}}` of a path; a rule for which there is no answer is left out, as servers do. */
  readonly identity?: (path: string) => string | undefined;
}

/**
 * The rules of a set of policies, prepared for many questions. Patterns with wildcards lie under their text before the
 * first wildcard: the longest such text wins, so a lookup walks a path backwards and stops at the first that fits.
 */
export class RuleIndex {
  readonly isRoot: boolean;
  readonly #product: Product;
  readonly #exact = new Map<string, MergedRule>();
  readonly #byLiteral = new Map<string, MergedRule[]>();
  /** Lengths of those texts, longest first. */
  readonly #lengths: readonly number[];

  constructor(policies: readonly Policy[], options: IndexOptions = {}) {
    this.isRoot = policies.length === 1 && policies[0]?.name === 'root';
    this.#product = options.product ?? 'openbao';
    const all = new Map<string, MergedRule>();
    for (const policy of policies) {
      for (const each of policy.rules) {
        const rule = normalRule(each);
        const written = rule.path.includes('{{') ? options.identity?.(rule.path) : rule.path;
        if (written !== undefined && !hasExpired(rule.expiration, options.now)) {
          const path = effectivePath(written);
          const merged = all.get(path) ?? new MergedRule(path);
          all.set(path, merged);
          merged.add({ policy: policy.name, rule });
        }
      }
    }
    for (const rule of all.values()) {
      const { kind, literal } = rule.pattern;
      if (kind === 'exact') {
        this.#exact.set(literal, rule);
      } else {
        const group = this.#byLiteral.get(literal);
        if (group === undefined) {
          this.#byLiteral.set(literal, [rule]);
        } else {
          group.push(rule);
        }
      }
    }
    for (const group of this.#byLiteral.values()) {
      group.sort((a, b) => comparePriority(b.pattern, a.pattern));
    }
    this.#lengths = [...new Set([...this.#byLiteral.keys()].map(({ length }) => length))].sort((a, b) => b - a);
  }

  /**
   * The one rule that answers for a path; undefined when none matches, which refuses.
   *
   * @param isList - the question is a LIST or SCAN, or for capabilities, which servers answer as if for a LIST
   */
  find(path: string, isList: boolean): MergedRule | undefined {
    const asked = path.replace(/^\/+/, '');
    const exact = this.#exact.get(asked);
    if (exact !== undefined || !isList || !asked.endsWith('/')) {
      return exact ?? this.#withWildcards(asked);
    }
    const bare = asked.slice(0, -1);
    const [first, second] = this.#product === 'openbao' ? [asked, bare] : [bare, asked];
    return this.#exact.get(bare) ?? this.#withWildcards(first) ?? this.#withWildcards(second);
  }

  #withWildcards(path: string): MergedRule | undefined {
    let parts: readonly string[] | undefined;
    for (const length of this.#lengths) {
      const group = length > path.length ? undefined : this.#byLiteral.get(path.slice(0, length));
      for (const rule of group ?? []) {
        parts ??= path.split('/');
        if (matches(rule.pattern, path, parts)) {
          return rule;
        }
      }
    }
    return undefined;
  }
}

function hasExpired(expiration: string | undefined, now: Date | undefined): boolean {
  if (expiration === undefined || now === undefined) {
    return false;
  }
  const instant = /^\d+$/.test(expiration) ? Number(expiration) * 1000 : Date.parse(expiration);
  return now.getTime() > instant;
}
