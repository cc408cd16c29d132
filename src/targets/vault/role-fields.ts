import type { FieldChange } from '../../model/change.ts';
import { formatDuration } from '../../model/duration.ts';
import { asNumber, strings } from '../../stores/vault/reply.ts';
import type { TokenSettings } from './app-role.spec.ts';

/** A field of a role as the API has it: a switch, a text, a number of seconds or uses, or a set of texts. */
export type FieldValue = boolean | number | string | readonly string[];

/** All fields that Keywright answers for, the server's defaults spelled out: what somebody set by hand goes back. */
export type RoleFields = Readonly<Record<string, FieldValue>>;

/** The fields that every kind of role has for its tokens. */
export function tokenFields(token: TokenSettings): RoleFields {
  return {
    token_policies: token.policies,
    token_ttl: token.ttlSeconds,
    token_max_ttl: token.maxTtlSeconds ?? 0,
    token_period: token.periodSeconds ?? 0,
    token_explicit_max_ttl: 0,
    token_num_uses: 0,
    token_no_default_policy: false,
    token_bound_cidrs: token.boundCidrs ?? [],
    token_type: 'default',
  };
}

/** What differs, in words; lists are sets, and a field that the server does not tell has its empty value. */
export function fieldChanges(wanted: RoleFields, seen: Readonly<Record<string, unknown>>): FieldChange[] {
  return Object.entries(wanted).flatMap(([field, value]) => {
    const before = shown(field, likeness(value, seen[field]));
    const after = shown(field, value);
    return before === after ? [] : [{ field: words(field), before, after }];
  });
}

/** The fields of a new role that are not at their defaults. */
export function newFields(wanted: RoleFields): FieldChange[] {
  return fieldChanges(wanted, {}).map(({ field, after }) => ({ field, after }));
}

/** A field of an answer, as the same type as what is wanted. */
function likeness(value: FieldValue, seen: unknown): FieldValue {
  if (typeof value === 'boolean') {
    return seen === true;
  }
  if (typeof value === 'number') {
    return asNumber(seen);
  }
  if (typeof value === 'string') {
    return typeof seen === 'string' ? seen : defaultTexts.has(value) ? value : '';
  }
  return strings(seen);
}

/** Words that a server uses where nothing was said. */
const defaultTexts: ReadonlySet<string> = new Set(['default']);

function shown(field: string, value: FieldValue): string {
  if (typeof value === 'number') {
    return /ttl|period/.test(field) ? (value === 0 ? 'none' : formatDuration(value * 1000)) : String(value);
  }
  return typeof value === 'object' ? [...value].toSorted().join(', ') || 'none' : String(value);
}

function words(field: string): string {
  return field.replaceAll('_', ' ');
}
