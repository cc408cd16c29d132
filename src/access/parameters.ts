import type { MergedRule } from './merged-rule.ts';
import type { ParameterValue } from './policy.ts';

/** Why a rule's limits on parameters refuse a request; undefined when they do not. Values are never quoted. */
export function parameterObstacle(
  rule: MergedRule,
  parameters: Readonly<Record<string, ParameterValue>>,
): string | undefined {
  const missing = [...rule.required].find((name) => !Object.hasOwn(parameters, name));
  if (missing !== undefined) {
    return `parameter ${missing} is required`;
  }
  const sent = Object.entries(parameters);
  if (sent.length === 0) {
    return undefined;
  }
  const { allowed, denied } = rule;
  if (denied?.has('*') === true) {
    return 'every parameter is denied';
  }
  for (const [name, value] of sent) {
    const values = denied?.get(name.toLowerCase());
    if (values !== undefined && isListed(value, values)) {
      return `parameter ${name} is denied${values.length === 0 ? '' : ' with this value'}`;
    }
  }
  if (allowed === undefined || allowed.size === 0) {
    return undefined;
  }
  const allowsAll = allowed.has('*');
  if (allowsAll && allowed.size === 1) {
    return undefined;
  }
  for (const [name, value] of sent) {
    const values = allowed.get(name.toLowerCase());
    if (values === undefined ? !allowsAll : !isListed(value, values)) {
      return `parameter ${name} is not allowed${values === undefined ? '' : ' with this value'}`;
    }
  }
  return undefined;
}

/** A value is compared as a whole. Texts may have a `*` at either end. */
function isListed(value: ParameterValue, listed: readonly ParameterValue[]): boolean {
  return listed.length === 0 || listed.some((each) => isSame(each, value));
}

function isSame(listed: ParameterValue, value: ParameterValue): boolean {
  if (typeof listed === 'string' && typeof value === 'string') {
    return globMatches(listed, value);
  }
  return isDeepEqual(listed, value);
}

function globMatches(glob: string, text: string): boolean {
  if (glob.length < 2) {
    return glob === text;
  }
  const [starts, ends] = [glob.startsWith('*'), glob.endsWith('*')];
  if (starts && ends) {
    return text.includes(glob.slice(1, -1));
  }
  if (starts) {
    return text.endsWith(glob.slice(1));
  }
  return ends ? text.startsWith(glob.slice(0, -1)) : glob === text;
}

/** Numbers of a policy and of a body are of different types to the servers, and so never the same. */
function isDeepEqual(listed: ParameterValue, value: ParameterValue): boolean {
  if (typeof listed === 'number' || typeof value === 'number') {
    return false;
  }
  if (typeof listed !== 'object' || typeof value !== 'object' || listed === null || value === null) {
    return listed === value;
  }
  const [keys, others] = [Object.keys(listed), Object.keys(value)];
  return (
    Array.isArray(listed) === Array.isArray(value) &&
    keys.length === others.length &&
    keys.every((key) => Object.hasOwn(value, key) && isDeepEqual(member(listed, key), member(value, key)))
  );
}

function member(value: object, key: string): ParameterValue {
  return (value as Readonly<Record<string, ParameterValue>>)[key] ?? null;
}
