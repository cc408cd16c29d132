/**
 * `store/<Store>/token/<name>`: a token for a program that can only hold one, in an entry of Keywright's own (`tokenPath`)
 * with the keys `token` and `accessor`. Outputs: `version` of the entry, `expires` (ISO 8601, when nobody renews it).
 *
 * Renewed when less than a third of its period is left; made anew only when it is gone or has other rights than declared.
 * A former one is not revoked then, because somebody may still hold it, and ends by itself. Revoked when it leaves the
 * fleet.
 */
export interface TokenSpec {
  readonly role: string;
  /** Beside `default`. */
  readonly policies: readonly string[];
  readonly periodSeconds: number;
}

/** Entry that holds a token. */
export function tokenPath(fleet: string, name: string): string {
  return `keywright/${fleet}/tokens/${name}`;
}
