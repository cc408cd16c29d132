import { unreadable } from './unreadable.ts';
import type { Place } from './unreadable.ts';

const signs = ['{', '}', '[', ']', ',', '=', ':'] as const;

export interface Token {
  readonly type: 'string' | 'word' | 'number' | 'end' | (typeof signs)[number];
  /** Of a string without quotes, and with its escapes undone. */
  readonly text: string;
  readonly at: Place;
}

const word = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy;
const number = /[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const blank = /(?:\s+|\uFEFF)/y;
const lineComment = /(?:#|\/\/)[^\n]*/y;
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '"': '"',
  "'": "'",
  '/': '/',
  '\\': '\\',
};
const digitEscapes: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Cuts a policy's text into words. Places are worked out token by token, so a long text is read once. */
export class HclScanner {
  readonly #policy: string;
  readonly #text: string;
  #position = 0;
  #line = 1;
  #lineStart = 0;

  constructor(policy: string, text: string) {
    this.#policy = policy;
    this.#text = text;
  }

  next(): Token {
    this.#skip();
    const at = this.#place();
    const first = this.#text[this.#position];
    if (first === undefined) {
      return { type: 'end', text: '', at };
    }
    const sign = signs.find((each) => each === first);
    if (sign !== undefined) {
      this.#position++;
      return { type: sign, text: sign, at };
    }
    if (first === '"') {
      return { type: 'string', text: this.#string(at), at };
    }
    const name = this.#take(word);
    if (name !== undefined) {
      return { type: 'word', text: name, at };
    }
    const digits = this.#take(number);
    if (digits !== undefined) {
      return { type: 'number', text: digits, at };
    }
    if (this.#text.startsWith('<<', this.#position)) {
      throw unreadable(this.#policy, at, 'a heredoc is not read here', 'write the text in double quotes');
    }
    throw unreadable(this.#policy, at, `${JSON.stringify(first)} stands outside of quotes`);
  }

  #place(): Place {
    return { line: this.#line, column: this.#position - this.#lineStart + 1 };
  }

  #take(expression: RegExp): string | undefined {
    expression.lastIndex = this.#position;
    const found = expression.exec(this.#text)?.[0];
    this.#position += found?.length ?? 0;
    return found;
  }

  #skip(): void {
    for (;;) {
      const from = this.#position;
      if (this.#text.startsWith('/*', from)) {
        const end = this.#text.indexOf('*/', from + 2);
        if (end < 0) {
          throw unreadable(this.#policy, this.#place(), 'a comment does not end', 'close it with */');
        }
        this.#position = end + 2;
      } else if (this.#take(blank) === undefined && this.#take(lineComment) === undefined) {
        return;
      }
      for (let at = this.#text.indexOf('\n', from); at >= 0 && at < this.#position;) {
        this.#line++;
        this.#lineStart = at + 1;
        at = this.#text.indexOf('\n', at + 1);
      }
    }
  }

  #string(start: Place): string {
    let result = '';
    for (this.#position++; ; this.#position++) {
      const each = this.#text[this.#position];
      if (each === undefined || each === '\n') {
        throw unreadable(this.#policy, start, 'a text does not end on its line', 'close it with a double quote');
      }
      if (each === '"') {
        this.#position++;
        return result;
      }
      if (each === '$' && this.#text[this.#position + 1] === '{') {
        const remedy = 'identity templates are written {{…}}; a dollar sign before a brace \\u0024';
        throw unreadable(this.#policy, this.#place(), '${ is not read here', remedy);
      }
      result += each === '\\' ? this.#escape() : each;
    }
  }

  #escape(): string {
    const at = this.#place();
    const letter = this.#text[++this.#position] ?? '';
    const plain = escapes[letter];
    if (plain !== undefined) {
      return plain;
    }
    const length = digitEscapes[letter] ?? 0;
    const digits = this.#text.slice(this.#position + 1, this.#position + 1 + length);
    const code = Number.parseInt(digits, 16);
    if (length === 0 || !/^[0-9a-fA-F]+$/.test(digits) || digits.length < length || code > 0x10ffff) {
      throw unreadable(this.#policy, at, `\\${letter} is no escape`);
    }
    this.#position += length;
    return String.fromCodePoint(code);
  }
}
