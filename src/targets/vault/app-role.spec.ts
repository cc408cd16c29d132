/** What every role gives its tokens. Absent or 0: no limit of its own, the mount's applies. */
export interface TokenSettings {
  /** Policies beside `default`, in any order. */
  readonly policies: readonly string[];
  readonly ttlSeconds: number;
  readonly maxTtlSeconds?: number;
  /** Renewable for ever, each time for so long. */
  readonly periodSeconds?: number;
  /** Addresses that may use the tokens. */
  readonly boundCidrs?: readonly string[];
}

/**
 * `store/<Store>/app-role/<mount>/<role>`: a machine that logs in by role id and secret id. Outputs: `roleId`.
 *
 * Fields that are not named here go back to the server's defaults when changed by hand.
 */
export interface AppRoleSpec {
  readonly mount: string;
  readonly role: string;
  readonly token: TokenSettings;
  /** Life of a secret id; 0: it does not end. */
  readonly secretIdSeconds?: number;
  /** Logins with one secret id; 0: any number. */
  readonly secretIdUses?: number;
  readonly secretIdBoundCidrs?: readonly string[];
}
