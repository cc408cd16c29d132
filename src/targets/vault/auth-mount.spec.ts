/**
 * `store/<Store>/auth-mount/<path>`: a way to log in to a Vault. Outputs: `accessor`.
 *
 * Removed when it leaves the fleet; every token that it gave out ends with it.
 */
export interface AuthMountSpec {
  readonly path: string;
  readonly type: 'approle' | 'cert' | 'kubernetes' | 'jwt';
  readonly defaultLeaseSeconds?: number;
  readonly maxLeaseSeconds?: number;
}
