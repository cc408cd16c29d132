/**
 * `store/<Store>/database-static-role/<mount>/<role>`: the engine replaces the password of one login in place, again and
 * again. Making it replaces the password at once. Outputs: none. On removal the login keeps the password that it has then.
 */
export interface DatabaseStaticRoleSpec {
  readonly mount: string;
  readonly role: string;
  /** Name of the connection; its own role must have ADMIN on the login. */
  readonly connection: string;
  /** The login; it has to be there. Two static roles on one login would take it from each other. */
  readonly username: string;
  readonly rotationSeconds: number;
}
