import { capabilityNames, normalRule } from './policy.ts';
import type { Capability, ParameterRules, ParameterValue, PathRule } from './policy.ts';

/**
 * Rules as a policy's text in HCL: sorted by path, blocks of one path and the same limits joined, nothing beside a deny.
 * The same rules give the same text, in whatever order they come; the text grants exactly what the rules do.
 */
export function renderPolicy(rules: readonly PathRule[]): string {
  return canonicalRules(rules).map(block).join('\n');
}

/** The same rights in the fewest rules, in one order, without lines: equal rights of this form are equal rules. */
export function canonicalRules(rules: readonly PathRule[]): PathRule[] {
  const byKey = new Map<string, { rule: PathRule; capabilities: Set<Capability> }>();
  const normal = rules.map(normalRule);
  const denied = new Set(normal.filter(isDenial).map(({ path }) => path));
  for (const { line: _line, ...rule } of normal) {
    // A deny that ends must leave the rest in place.
    if (denied.has(rule.path) && !isDenial(rule)) {
      continue;
    }
    const limited = withOrder(rule);
    const key = JSON.stringify({ ...limited, capabilities: isDenial(limited) || rule.capabilities.includes('deny') });
    const joined = byKey.get(key) ?? { rule: limited, capabilities: new Set<Capability>() };
    byKey.set(key, joined);
    for (const each of rule.capabilities) {
      joined.capabilities.add(each);
    }
  }
  return [...byKey]
    .map(([key, { rule, capabilities }]) => ({
      key,
      rule: { ...rule, capabilities: capabilityNames.filter((each) => capabilities.has(each)) },
    }))
    .sort((a, b) => compare(a.rule.path, b.rule.path) || compare(a.key, b.key))
    .map(({ rule }) => rule);
}

function isDenial(rule: PathRule): boolean {
  return rule.capabilities.includes('deny') && rule.expiration === undefined;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Fields in one order, without those that say nothing. */
function withOrder(rule: PathRule): PathRule {
  const { allowedParameters, deniedParameters, requiredParameters, minWrappingTtl, maxWrappingTtl } = rule;
  const required = [...new Set(requiredParameters?.map((name) => name.toLowerCase()))].sort();
  return {
    path: rule.path,
    capabilities: [],
    ...parametersOf('allowedParameters', allowedParameters),
    ...parametersOf('deniedParameters', deniedParameters),
    ...(required.length === 0 ? {} : { requiredParameters: required }),
    ...(minWrappingTtl === undefined || minWrappingTtl === 0 ? {} : { minWrappingTtl }),
    ...(maxWrappingTtl === undefined || maxWrappingTtl === 0 ? {} : { maxWrappingTtl }),
    ...(rule.expiration === undefined ? {} : { expiration: rule.expiration }),
    ...(rule.others === undefined ? {} : { others: sortedKeys(rule.others) }),
  };
}

function parametersOf(name: 'allowedParameters' | 'deniedParameters', rules: ParameterRules = {}): Partial<PathRule> {
  const entries = Object.entries(rules).map(([key, values]) => [key.toLowerCase(), values] as const);
  return entries.length === 0 ? {} : { [name]: sortedKeys(Object.fromEntries(entries)) };
}

function sortedKeys<T>(object: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => compare(a, b)));
}

function block(rule: PathRule): string {
  const fields: (readonly [string, string])[] = [
    ['capabilities', `[${rule.capabilities.map(quoted).join(', ')}]`],
    ...objectField('allowed_parameters', rule.allowedParameters),
    ...objectField('denied_parameters', rule.deniedParameters),
    ...(rule.requiredParameters === undefined
      ? []
      : [['required_parameters', literal(rule.requiredParameters, '  ')] as const]),
    ...(rule.minWrappingTtl === undefined ? [] : [['min_wrapping_ttl', duration(rule.minWrappingTtl)] as const]),
    ...(rule.maxWrappingTtl === undefined ? [] : [['max_wrapping_ttl', duration(rule.maxWrappingTtl)] as const]),
    ...(rule.expiration === undefined ? [] : [['expiration', quoted(rule.expiration)] as const]),
    ...Object.entries(rule.others ?? {}).map(([key, value]) => [key, literal(value, '  ')] as const),
  ];
  return `path ${quoted(rule.path)} {\n${fields.map(([key, value]) => `  ${key} = ${value}\n`).join('')}}\n`;
}

function objectField(name: string, rules: ParameterRules | undefined): (readonly [string, string])[] {
  return rules === undefined ? [] : [[name, literal(rules, '  ')]];
}

function duration(seconds: number): string {
  return quoted(Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1e9)}ns`);
}

function literal(value: ParameterValue, indent: string): string {
  if (typeof value === 'string') {
    return quoted(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((each: ParameterValue) => literal(each, indent)).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const inner = `${indent}  `;
    const lines = Object.entries(value).map(([key, each]) => `${inner}${quoted(key)} = ${literal(each, inner)}\n`);
    return lines.length === 0 ? '{}' : `{\n${lines.join('')}${indent}}`;
  }
  return String(value);
}

const named: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r' };

/** A text in double quotes. A dollar sign before a brace would begin an interpolation. */
function quoted(text: string): string {
  const escaped = text.replaceAll(/["\\\p{Cc}]|\$(?=\{)/gu, (each) => {
    return named[each] ?? `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}
