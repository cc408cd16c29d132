/**
 * `site/<site>/process/<postgres>`: a PostgreSQL server on this machine: made (initdb into a temporary folder, then
 * renamed), started, adopted when it runs already, stopped on removal (the data folder stays).
 *
 * It starts with no TLS and an hba file that admits only the superuser over the socket (peer), so nothing can log in
 * before the `tls` and `hba` resources of `postgres/<postgres>` are applied.
 *
 * Outputs: `port`, `host` (the name that clients use), `hostaddr` (`127.0.0.1`), `socketDirectory`, `dataDirectory`,
 * `systemIdentifier`, `account` (empty: the account that runs Keywright).
 */
export interface ProcessSpec {
  readonly postgres: string;
  readonly version: number;
  /** Default: a free one from 15432 up, remembered. */
  readonly port?: number;
  /** `<postgres>.<site>.localhost`. */
  readonly host: string;
  /** Settings that must stand before the first start, for example `wal_level: logical`. Changing one restarts the server. */
  readonly startSettings: Readonly<Record<string, string>>;
}
