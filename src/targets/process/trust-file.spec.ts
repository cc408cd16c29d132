import type { Value } from '../../model/resource.ts';

/**
 * `site/<site>/trust-file/<authority>`: the roots of an authority in a file that every account of the machine may read, for
 * servers that take them from nowhere else. Outputs: `file`, its absolute path, which stays the same.
 */
export interface TrustFileSpec {
  readonly authority: string;
  /** Entry with key `ca.crt`. */
  readonly bundle: { readonly store: string; readonly path: string; readonly version: Value<string> };
}
