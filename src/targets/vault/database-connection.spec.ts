import type { Value } from '../../model/resource.ts';

/**
 * `store/<Store>/database-connection/<mount>/<name>`: how a database engine comes in to one database: an own role, TLS with
 * the server's name verified. Outputs: `name`. The password is not its business: see `EngineLoginSpec`.
 */
export interface DatabaseConnectionSpec {
  readonly mount: string;
  readonly name: string;
  /** An address that stands in the server's certificate. */
  readonly host: Value<string>;
  readonly port: Value<number>;
  readonly database: string;
  readonly username: string;
  /** Absolute path of the roots that the server's certificate is verified with, on every machine of the store. */
  readonly trustFile: Value<string>;
  /** Roles that may use it, and no others. */
  readonly allowedRoles: readonly string[];
  /** Name of the logins that it makes, as a template of the engine. */
  readonly usernameTemplate: string;
}
