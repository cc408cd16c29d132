/**
 * `store/<Store>/token-role/token/<role>`: what kind of token is made for a program that can only hold one: of its own
 * (an orphan), for as long as somebody renews it, with these policies and `default`, which lets it look at itself.
 *
 * Removed when it leaves the fleet; its tokens go with their own resource.
 */
export interface TokenRoleSpec {
  readonly role: string;
  /** Beside `default`. */
  readonly policies: readonly string[];
  /** How long a token lives after each renewal. */
  readonly periodSeconds: number;
  /** Addresses that may use the tokens. */
  readonly boundCidrs?: readonly string[];
}
