/** Seeded policies and paths out of few words, so that many patterns compete for each path. */

export class PolicyCases {
  #state: number;
  readonly #own: 'scan' | 'subscribe';

  /** @param own what this product's policies have and the other's have not */
  constructor(seed: number, own: 'scan' | 'subscribe' = 'scan') {
    this.#state = seed;
    this.#own = own;
  }

  /** One of the numbers from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  pattern(): string {
    for (;;) {
      const segments = Array.from({ length: 1 + this.below(4) }, () =>
        this.pick(['a', 'a', 'b', 'ab', 'abc', '+', '+', '+', '', 'a+', '+b', '*', 'a*b', 'é']),
      );
      const text = this.pick(['', '', '', '/']) + segments.join('/') + this.pick(['', '', '*', '*', '/', '/*', '/+']);
      if (!text.includes('+*') && text !== '') {
        return text;
      }
    }
  }

  path(): string {
    const segments = Array.from({ length: 1 + this.below(4) }, () =>
      this.pick(['a', 'a', 'b', 'b', 'ab', 'abc', 'abcd', '', 'a+', '+', '+b', '*', 'a*b', 'é', 'x']),
    );
    const text = this.pick(['', '', '', '/']) + segments.join('/') + this.pick(['', '', '/']);
    return text.replaceAll('/', '') === '' ? 'a' : text;
  }

  capabilities(): string[] {
    const all = ['create', 'read', 'update', 'patch', 'delete', 'list', this.#own, 'sudo'];
    return this.below(8) === 0 ? [this.pick(all), 'deny'] : all.filter(() => this.below(3) === 0);
  }

  /** A policy's text, in one of the spellings that servers take. */
  policy(): string {
    const rules = Array.from({ length: 1 + this.below(6) }, () => [this.pattern(), this.capabilities()] as const);
    switch (this.below(4)) {
      case 0:
        return JSON.stringify({
          path: Object.fromEntries(rules.map(([path, capabilities]) => [path, { capabilities }])),
        });
      case 1:
        return `# first\n${rules
          .map(([path, capabilities]) => `path "${path}" { /* why */ capabilities = ${JSON.stringify(capabilities)} }`)
          .join('\n// next\n')}`;
      case 2:
        return rules
          .map(([path]) => `path "${path}" {\n  policy = "${this.pick(['read', 'write', 'deny'])}"\n}`)
          .join('\n');
      default:
        return rules
          .map(
            ([path, capabilities]) =>
              `path "${path}" {\n  capabilities = [\n${capabilities.map((each) => `    "${each}",\n`).join('')}  ]\n}`,
          )
          .join('\n');
    }
  }
}
