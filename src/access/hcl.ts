import type { Failure } from '../model/failure.ts';
import { HclScanner } from './hcl-scanner.ts';
import type { Token } from './hcl-scanner.ts';
import { unreadable } from './unreadable.ts';
import type { Place } from './unreadable.ts';

export type HclNode =
  | { readonly type: 'literal'; readonly value: string | number | boolean | null; readonly at: Place }
  | { readonly type: 'list'; readonly items: readonly HclNode[]; readonly at: Place }
  | { readonly type: 'object'; readonly items: readonly HclItem[]; readonly at: Place };

/** `key = value`, `key "label" { … }` or, in JSON, `"key": value`. */
export interface HclItem {
  readonly key: string;
  readonly labels: readonly string[];
  readonly value: HclNode;
  readonly at: Place;
}

/** Deeper nesting is no policy; a bound keeps the parser's own stack safe. */
const deepest = 64;

/**
 * Reads the part of HCL 1 (and all of JSON) that policies are written in: blocks, attributes, lists, objects, comments.
 *
 * @param policy - name for messages
 * @throws Failure `policy-unreadable` with line and column, also for heredocs and `${`
 */
export function parseHcl(policy: string, text: string): readonly HclItem[] {
  const parser = new HclParser(policy, text);
  return /^\s*\{/.test(text) ? parser.json() : parser.hcl();
}

class HclParser {
  readonly #policy: string;
  readonly #scanner: HclScanner;
  #token: Token;
  #isJson = false;

  constructor(policy: string, text: string) {
    this.#policy = policy;
    this.#scanner = new HclScanner(policy, text);
    this.#token = this.#scanner.next();
  }

  hcl(): readonly HclItem[] {
    const items = this.#items('end', 0);
    this.#expect('end', 'the end of the text');
    return items;
  }

  json(): readonly HclItem[] {
    this.#isJson = true;
    const object = this.#value(0);
    this.#expect('end', 'the end of the text');
    return object.type === 'object' ? object.items : [];
  }

  #items(until: 'end' | '}', depth: number): HclItem[] {
    const items: HclItem[] = [];
    while (this.#token.type !== until) {
      items.push(this.#item(depth));
      if (this.#token.type === ',') {
        this.#advance();
      }
    }
    return items;
  }

  #item(depth: number): HclItem {
    const at = this.#token.at;
    const key = this.#key();
    const labels: string[] = [];
    while (!this.#isJson && (this.#token.type === 'string' || this.#token.type === 'word')) {
      labels.push(this.#key());
    }
    if (this.#token.type === (this.#isJson ? ':' : '=') && labels.length === 0) {
      this.#advance();
      return { key, labels, value: this.#value(depth + 1), at };
    }
    if (this.#isJson || this.#token.type !== '{') {
      throw this.#wrong(this.#isJson ? '":"' : labels.length > 0 ? '"{"' : '"=" or "{"');
    }
    return { key, labels, value: this.#value(depth + 1), at };
  }

  #key(): string {
    const { type, text } = this.#token;
    if (type !== 'string' && (this.#isJson || type !== 'word')) {
      throw this.#wrong('a key');
    }
    this.#advance();
    return text;
  }

  #value(depth: number): HclNode {
    const { type, text, at } = this.#token;
    if (depth > deepest) {
      throw unreadable(this.#policy, at, `nested more than ${deepest} deep`);
    }
    switch (type) {
      case '{': {
        this.#advance();
        const items = this.#items('}', depth);
        this.#expect('}', '"}"');
        return { type: 'object', items, at };
      }
      case '[':
        return { type: 'list', items: this.#list(depth), at };
      case 'string':
        this.#advance();
        return { type: 'literal', value: text, at };
      case 'number':
        this.#advance();
        return { type: 'literal', value: Number(text), at };
      case 'word':
        if (text === 'true' || text === 'false' || (text === 'null' && this.#isJson)) {
          this.#advance();
          return { type: 'literal', value: text === 'null' ? null : text === 'true', at };
        }
        throw this.#wrong('a value', 'texts stand in double quotes');
      default:
        throw this.#wrong('a value');
    }
  }

  #list(depth: number): HclNode[] {
    this.#advance();
    const items: HclNode[] = [];
    while (this.#token.type !== ']') {
      items.push(this.#value(depth + 1));
      if (this.#token.type === ',') {
        this.#advance();
      } else if (this.#peek() !== ']') {
        throw this.#wrong('"," or "]"');
      }
    }
    this.#advance();
    return items;
  }

  /** The next token, read anew: what was compared before may be gone. */
  #peek(): Token['type'] {
    return this.#token.type;
  }

  #advance(): void {
    this.#token = this.#scanner.next();
  }

  #expect(type: Token['type'], words: string): void {
    if (this.#token.type !== type) {
      throw this.#wrong(words);
    }
    if (type !== 'end') {
      this.#advance();
    }
  }

  #wrong(expected: string, remedy?: string): Failure {
    const { type, text, at } = this.#token;
    const found = type === 'end' ? 'the text ends' : type === 'string' ? 'there is a text' : `there is "${text}"`;
    return unreadable(this.#policy, at, `${found} where ${expected} was expected`, remedy);
  }
}
