import { goDurationSeconds } from './go-duration.ts';
import { parseHcl } from './hcl.ts';
import type { HclItem, HclNode } from './hcl.ts';
import { capabilityNames, isCapability, normalRule } from './policy.ts';
import type { Capability, ParameterRules, ParameterValue, PathRule, Policy } from './policy.ts';
import { unreadable } from './unreadable.ts';
import type { Place } from './unreadable.ts';

/** The old spelling `policy = "write"`. */
const oldPolicies: Readonly<Record<string, readonly Capability[]>> = {
  deny: ['deny'],
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
};

/** Fields of which the evaluator knows only that they are there. */
const otherFields = [
  'control_group',
  'mfa_methods',
  'pagination_limit',
  'list_scan_response_keys_filter_path',
  'subscribe_event_types',
];

/**
 * Reads an ACL policy of Vault or OpenBao, HCL or JSON.
 *
 * @param name - lower-cased, as servers do
 * @throws Failure `policy-unreadable` with line and column, where the server would refuse it, and for what this reader
 *   does not know (heredocs, `${`)
 */
export function parsePolicy(name: string, text: string): Policy {
  const policy = name.toLowerCase();
  const rules = parseHcl(policy, text).flatMap((item) => rulesOf(policy, item));
  return { name: policy, rules };
}

function rulesOf(policy: string, item: HclItem): PathRule[] {
  if (item.key === 'name') {
    return [];
  }
  if (item.key !== 'path') {
    throw unreadable(policy, item.at, `invalid key ${JSON.stringify(item.key)}`, 'a policy consists of path blocks');
  }
  const [path, more] = item.labels;
  if (more !== undefined) {
    throw unreadable(policy, item.at, 'a path block has one path');
  }
  if (path !== undefined) {
    return objectsOf(policy, item.value).map((fields) => ruleOf(policy, path, item.at, fields));
  }
  return objectsOf(policy, item.value)
    .flat()
    .flatMap((inner) => objectsOf(policy, inner.value).map((fields) => ruleOf(policy, inner.key, inner.at, fields)));
}

/** JSON may write several blocks as a list of objects. */
function objectsOf(policy: string, node: HclNode): (readonly HclItem[])[] {
  if (node.type === 'object') {
    return [node.items];
  }
  if (node.type === 'list') {
    return node.items.flatMap((each) => objectsOf(policy, each));
  }
  throw unreadable(policy, node.at, 'a block was expected');
}

function ruleOf(policy: string, path: string, at: Place, items: readonly HclItem[]): PathRule {
  if (path.includes('+*')) {
    throw unreadable(
      policy,
      at,
      'invalid use of wildcards ("+*" is forbidden)',
      'write +/* for a segment and the rest',
    );
  }
  const reader = new RuleReader(policy, at);
  const seen = new Set<string>();
  for (const item of items) {
    if (seen.has(item.key)) {
      throw unreadable(policy, item.at, `${item.key} stands twice in one block`);
    }
    seen.add(item.key);
    reader.take(item);
  }
  return normalRule({ path, ...reader.finish(), line: at.line });
}

type Fields = { -readonly [Key in keyof PathRule]?: PathRule[Key] };

class RuleReader {
  readonly #policy: string;
  readonly #at: Place;
  readonly #fields: Fields = {};
  readonly #capabilities = new Set<Capability>();
  readonly #others: Record<string, ParameterValue> = {};

  constructor(policy: string, at: Place) {
    this.#policy = policy;
    this.#at = at;
  }

  take(item: HclItem): void {
    const { key, value } = item;
    if (item.labels.length > 0) {
      throw unreadable(this.#policy, item.at, `${key} has no label`);
    }
    switch (key) {
      case 'capabilities':
        for (const { text, at } of this.#texts(value)) {
          this.#capability(text, at);
        }
        return;
      case 'policy':
        this.#oldPolicy(value);
        return;
      case 'allowed_parameters':
        this.#fields.allowedParameters = this.#parameters(value);
        return;
      case 'denied_parameters':
        this.#fields.deniedParameters = this.#parameters(value);
        return;
      case 'required_parameters':
        this.#fields.requiredParameters = this.#texts(value).map(({ text }) => text);
        return;
      case 'min_wrapping_ttl':
        this.#fields.minWrappingTtl = this.#seconds(value);
        return;
      case 'max_wrapping_ttl':
        this.#fields.maxWrappingTtl = this.#seconds(value);
        return;
      case 'expiration':
        this.#fields.expiration = this.#text(value);
        return;
      case 'comment':
        return;
      default:
        if (!otherFields.includes(key)) {
          throw unreadable(this.#policy, item.at, `invalid key ${JSON.stringify(key)}`);
        }
        this.#others[key] = valueOf(value);
    }
  }

  finish(): Omit<PathRule, 'path' | 'line'> {
    const { minWrappingTtl: least = 0, maxWrappingTtl: most = 0 } = this.#fields;
    if (most !== 0 && most < least && !this.#capabilities.has('deny')) {
      throw unreadable(this.#policy, this.#at, 'max_wrapping_ttl is less than min_wrapping_ttl');
    }
    return {
      ...this.#fields,
      capabilities: capabilityNames.filter((each) => this.#capabilities.has(each)),
      ...(Object.keys(this.#others).length === 0 ? {} : { others: this.#others }),
    };
  }

  #capability(text: string, at: Place): void {
    if (!isCapability(text)) {
      throw unreadable(
        this.#policy,
        at,
        `invalid capability ${JSON.stringify(text)}`,
        `there is ${capabilityNames.join(', ')}`,
      );
    }
    this.#capabilities.add(text);
  }

  #oldPolicy(value: HclNode): void {
    const text = this.#text(value);
    const capabilities = Object.hasOwn(oldPolicies, text) ? oldPolicies[text] : undefined;
    if (capabilities === undefined) {
      throw unreadable(this.#policy, value.at, `invalid policy ${JSON.stringify(text)}`);
    }
    for (const each of capabilities) {
      this.#capabilities.add(each);
    }
  }

  /** Names are compared without regard to case. */
  #parameters(node: HclNode): ParameterRules {
    const lists = objectsOf(this.#policy, node)
      .flat()
      .map(({ key, value, at }) => {
        if (value.type !== 'list') {
          throw unreadable(this.#policy, at, `${key} needs a list of values`, `write ${key} = [] for any value`);
        }
        return [key.toLowerCase(), value.items.map(valueOf)] as const;
      });
    return Object.fromEntries(lists);
  }

  #texts(node: HclNode): { readonly text: string; readonly at: Place }[] {
    if (node.type !== 'list') {
      throw unreadable(this.#policy, node.at, 'a list of texts was expected');
    }
    return node.items.map((item) => ({ text: this.#text(item), at: item.at }));
  }

  #text(node: HclNode): string {
    if (node.type !== 'literal' || typeof node.value !== 'string') {
      throw unreadable(this.#policy, node.at, 'a text was expected');
    }
    return node.value;
  }

  #seconds(node: HclNode): number {
    const written = node.type === 'literal' ? node.value : undefined;
    const seconds = typeof written === 'string' || typeof written === 'number' ? goDurationSeconds(written) : undefined;
    if (seconds === undefined) {
      throw unreadable(this.#policy, node.at, 'no length of time', 'write seconds, or a text like "1h"');
    }
    return seconds;
  }
}

function valueOf(node: HclNode): ParameterValue {
  switch (node.type) {
    case 'literal':
      return node.value;
    case 'list':
      return node.items.map(valueOf);
    case 'object':
      return Object.fromEntries(
        node.items.map(({ key, labels, value }) => [
          key,
          labels.reduceRight<ParameterValue>((inner, label) => ({ [label]: inner }), valueOf(value)),
        ]),
      );
  }
}
