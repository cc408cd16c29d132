/**
 * `store/<Store>/mount/<path>`: an engine of a Vault and its tuning. Outputs: `accessor`.
 *
 * What is not said here is at the server's default, and goes back to it when changed by hand. Kept when it leaves the
 * fleet: unmounting destroys all that is inside.
 */
export interface MountSpec {
  readonly path: string;
  /** `kv` means version 2. */
  readonly type: 'kv' | 'database' | 'pki' | 'transit';
  /** Life of tokens, leases and certificates when nothing else is said; absent: the system's. */
  readonly defaultLeaseSeconds?: number;
  readonly maxLeaseSeconds?: number;
  /** Of a `kv` mount; absent fields: the engine's defaults. */
  readonly kv?: {
    /** Older versions beyond so many are removed; 0: ten. */
    readonly maxVersions?: number;
    readonly casRequired?: boolean;
    readonly deleteVersionAfterSeconds?: number;
  };
}
