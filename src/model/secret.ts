/**
 * A secret value. Printing it, turning it into JSON and inspecting it all show `[secret]`; `expose()` is the only way
 * out, so every place where a value leaves the program can be found by searching for that word.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it only at the edge that hands the value to its owner (a file, a server, a person who asked). */
  expose(): string {
    return this.#value;
  }

  /** Compares two values without showing either. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
