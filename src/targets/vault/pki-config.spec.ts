/**
 * `store/<Store>/pki-config/<mount>`: what holds for all authorities of a PKI engine: its own revocation lists are made
 * anew at each revocation and outlast every CA in it, and what has expired is tidied away. Stays with its mount.
 */
export interface PkiConfigSpec {
  readonly mount: string;
  /** Longest life of a CA in it. */
  readonly listSeconds: number;
}
