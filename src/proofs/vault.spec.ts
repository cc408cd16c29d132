import type { Value } from '../model/resource.ts';
import type { PolicyRule } from '../targets/vault/policy.spec.ts';

/** Something that a consumer asks a Vault for by itself, in paths of its API; those of a subtree end in a slash. */
export type StoreRead =
  | { readonly entry: string }
  | { readonly subtree: string; readonly list: string }
  | { readonly creds: string }
  | { readonly encrypt: string; readonly decrypt: string }
  | { readonly sign: string; readonly verify: string };

/** How a consumer logs in to a Vault: with the files of one delivered folder. */
export interface StoreLogin {
  readonly consumer: string;
  readonly store: string;
  readonly directory: Value<string>;
  readonly method: 'appRole' | 'cert';
  readonly mount: string;
  readonly role: string;
  /** Of the fleet, named as the consumer. */
  readonly policy: string;
  readonly rules: readonly PolicyRule[];
}

/**
 * One consumer at one Vault. Claim kinds `store-login`, `store-secret-ids`, `store-reads`, `store-writes`, `store-wraps`,
 * `store-refused-others`, `store-refused-list`, `store-refused-write`, `store-refused-sys`.
 */
export interface StoreIdentitySpec extends StoreLogin {
  readonly ttlSeconds: number;
  /** Addresses that its token is bound to. */
  readonly boundCidrs?: readonly string[];
  readonly mounts: { readonly kv: string; readonly database: string; readonly transit: string };
  readonly reads: readonly StoreRead[];
  /** Paths of entries, or patterns that end in `**`. */
  readonly writes: readonly string[];
  readonly wrapSeconds?: number;
  /** Paths of engines that are for other consumers. */
  readonly others: readonly string[];
}

/** Claim kind `store-audited`. */
export interface StoreAuditedSpec {
  readonly store: string;
}

/** Claim kind `rule-policies`: who reaches the object of a Rule in a Vault, by its policies. */
export interface RulePoliciesSpec {
  readonly rule: string;
  readonly store: string;
  readonly kv: string;
  /** Of entries. */
  readonly pattern?: string;
  /** Paths of the API beside the entries: of engines, or of entries that are an access to the object. */
  readonly paths: readonly string[];
  /** Everybody who logs in to the store, and whether the Rule lets them. */
  readonly identities: readonly (StoreLogin & { readonly isAllowed: boolean })[];
}
