import type { EngineLogins } from './database-statements.ts';

/**
 * `store/<Store>/database-role/<mount>/<role>`: gives out logins of one dynamic access. Outputs: none. On removal its
 * leases are revoked first, whoever holds them.
 */
export interface DatabaseRoleSpec extends EngineLogins {
  readonly mount: string;
  readonly role: string;
  /** Name of the connection that its statements run in. */
  readonly connection: string;
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
}
