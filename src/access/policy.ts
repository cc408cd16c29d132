/** What a rule of a Vault or OpenBao policy can grant; `subscribe` is of Vault, `scan` of OpenBao. */
export const capabilityNames = [
  'create',
  'read',
  'update',
  'patch',
  'delete',
  'list',
  'scan',
  'subscribe',
  'sudo',
  'deny',
] as const;

export type Capability = (typeof capabilityNames)[number];

export function isCapability(text: string): text is Capability {
  return (capabilityNames as readonly string[]).includes(text);
}

/** A value as it stands in a policy or in the body of a request. */
export type ParameterValue =
  | string
  | number
  | boolean
  | null
  | readonly ParameterValue[]
  | { readonly [key: string]: ParameterValue };

/** Values that a parameter may (or must not) have; an empty list means any. */
export type ParameterRules = Readonly<Record<string, readonly ParameterValue[]>>;

/** One `path` block. */
export interface PathRule {
  /** As in the policy: `+` stands for one segment, `*` at its end for any rest; one `/` at its beginning for nothing. */
  readonly path: string;
  /** `deny` stands alone. Empty: the rule matches, and grants nothing. */
  readonly capabilities: readonly Capability[];
  readonly allowedParameters?: ParameterRules;
  readonly deniedParameters?: ParameterRules;
  readonly requiredParameters?: readonly string[];
  /** Seconds. */
  readonly minWrappingTtl?: number;
  /** Seconds. */
  readonly maxWrappingTtl?: number;
  /** The rule ends then, RFC 3339 or seconds since 1970 (OpenBao). */
  readonly expiration?: string;
  /** Fields that limit a request further and are kept, but not evaluated: `control_group`, `pagination_limit`, … */
  readonly others?: Readonly<Record<string, ParameterValue>>;
  /** Where its block begins, from 1; absent in rules that were not read from a text. */
  readonly line?: number;
}

export interface Policy {
  readonly name: string;
  readonly rules: readonly PathRule[];
}

/** A pattern as servers match it: they ignore one `/` at its beginning, and only one. */
export function effectivePath(path: string): string {
  return path.startsWith('/') ? path.slice(1) : path;
}

/** A rule in its one spelling: without the `/` that is ignored, and with nothing beside a deny. */
export function normalRule(rule: PathRule): PathRule {
  // Of two slashes both stay, for the one that counts would be ignored when it is read again.
  const path = rule.path.startsWith('//') ? rule.path : effectivePath(rule.path);
  if (!rule.capabilities.includes('deny')) {
    return { ...rule, path };
  }
  const { expiration, line } = rule;
  return {
    path,
    capabilities: ['deny'],
    ...(expiration === undefined ? {} : { expiration }),
    ...(line === undefined ? {} : { line }),
  };
}
