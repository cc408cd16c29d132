/**
 * `store/<Store>/encryption-key/<mount>/<name>`: a key of a transit engine: used, never read. Outputs: `version`, the
 * newest of the key.
 *
 * Made once and never again. What cannot be taken back (another type, a key that may be exported) is refused; kept when
 * it leaves the fleet.
 */
export interface EncryptionKeySpec {
  readonly mount: string;
  readonly name: string;
  /** Of the entry in its SecretTree. */
  readonly path: string;
  /** As the engine names it, for example `aes256-gcm96`. */
  readonly type: string;
}
