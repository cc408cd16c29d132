/** Clock and randomness, handed in so that decisions about time and generated values can be tested. */
export interface Environment {
  /** The present instant. */
  now(): Date;
  /** Cryptographically random bytes. */
  randomBytes(length: number): Uint8Array;
}
