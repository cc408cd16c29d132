import type { Value } from '../../model/resource.ts';

/**
 * `store/<Store>/app-role-login/<mount>/<role>`: the role id and the one secret id that an AppRole is held by. They are
 * made in the entry, keys `role-id` and `secret-id`, and registered at the server: destroyed there they are registered
 * again, and any other secret id of the role goes. Outputs: `accessor` of the secret id.
 *
 * When it leaves the fleet the secret id is destroyed, and so is every token that was got with it.
 */
export interface AppRoleLoginSpec {
  readonly mount: string;
  readonly role: string;
  readonly entry: { readonly store: string; readonly path: string; readonly version: Value<string> };
}
