import type { OutputValue, Value } from '../../model/resource.ts';

/** How a generated value is spelled; the number counts random bytes, for `password` characters. */
export type Generator =
  | { readonly hex: number }
  | { readonly base64: number }
  | { readonly base64url: number }
  | { readonly password: number };

/** Where the value of one key comes from. */
export type KeySource =
  /** Made once, never again by an apply. */
  | { readonly generate: Generator }
  /** Read once from the environment or a file (path relative to the fleet's folder); `{}`: only by `secret put`. */
  | { readonly import: { readonly env?: string; readonly file?: string } }
  /** Plain text that anybody may read. */
  | { readonly value: Value<OutputValue> }
  /** `{KEY}` stands for another key of this entry; inside a URL each part is percent-encoded. */
  | { readonly template: string }
  /** The value of a key of another entry of `store` (default: the same store), renewed when its version moves. */
  | {
      readonly copy: {
        readonly store?: string;
        readonly path: string;
        readonly key: string;
        readonly version: Value<string>;
      };
    };

/**
 * One entry of a store: `store/<Store>/secret/<path>`. Outputs: `version`.
 *
 * Generated and imported keys belong to the store: a value put there by hand is accepted as the current one. `value`,
 * `template` and `copy` keys are restored when changed by hand.
 */
export interface SecretSpec {
  readonly store: string;
  readonly path: string;
  readonly keys: Readonly<Record<string, KeySource>>;
  /** Which entry of which document asks for it: by this it is known again when its store or path changes. */
  readonly origin?: { readonly document: string; readonly entry: string };
}
