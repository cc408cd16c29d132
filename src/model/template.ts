/** How a placeholder's value is spelled where it stands. */
export type PlaceholderEncoding = 'base64' | 'json' | 'der';

export interface Placeholder {
  /** What stands between the braces, before a colon: `alias.key` in delivered `data`, `KEY` in `value`. */
  readonly name: string;
  readonly encoding?: PlaceholderEncoding;
  /** It stands inside a URL, so its value is percent-encoded. */
  readonly inUrl: boolean;
  /** Where its brace stands in the text, from 0. */
  readonly index: number;
}

/** A text with placeholders, taken apart. */
export interface Template {
  readonly parts: readonly (string | Placeholder)[];
}

/** What is wrong with a template, and where in its text. */
export class TemplateError extends Error {
  /** Offset in the text, from 0. */
  readonly index: number;

  constructor(message: string, index: number) {
    super(message);
    this.name = 'TemplateError';
    this.index = index;
  }
}

const encodings: readonly string[] = ['base64', 'json', 'der'];
/** Ends a URL: what no URL holds unencoded, so the text around it begins again. */
const urlEnd = /[\s"'`<>\\^|]/;

/**
 * Reads `{name}`, `{name:base64}`, `{name:json}` and `{name:der}`; `{{` and `}}` are literal braces.
 *
 * Throws a TemplateError for a brace without its partner, an empty name or an unknown encoding, and for a value in JSON
 * text that would not be a JSON string.
 */
export function parseTemplate(text: string): Template {
  const parts: (string | Placeholder)[] = [];
  const url = new UrlTracker();
  let literal = '';
  const take = (character: string): void => {
    literal += character;
    url.read(character);
  };
  for (let index = 0; index < text.length;) {
    const character = text[index] as string;
    if (character !== '{' && character !== '}') {
      take(character);
      index += 1;
      continue;
    }
    if (text[index + 1] === character) {
      take(character);
      index += 2;
      continue;
    }
    const end = character === '{' ? text.indexOf('}', index) : -1;
    if (end === -1) {
      throw new TemplateError(`a single ${character} (a literal one is written ${character}${character})`, index);
    }
    const placeholder = readPlaceholder(text.slice(index + 1, end), index, url.inside);
    parts.push(...(literal === '' ? [] : [literal]), placeholder);
    literal = '';
    url.readValue();
    index = end + 1;
  }
  parts.push(...(literal === '' ? [] : [literal]));
  const template = { parts };
  checkJson(template);
  checkDer(template);
  return template;
}

function readPlaceholder(inner: string, index: number, inUrl: boolean): Placeholder {
  const [name = '', encoding, ...rest] = inner.split(':');
  if (name === '' || /[\s{]/.test(name)) {
    throw new TemplateError(`{${inner}} is no placeholder (a literal brace is written {{)`, index);
  }
  if (encoding === undefined) {
    return { name, inUrl, index };
  }
  if (rest.length > 0 || !encodings.includes(encoding)) {
    throw new TemplateError(`{${inner}}: after the colon stands one of ${encodings.join(', ')}`, index);
  }
  return { name, encoding: encoding as PlaceholderEncoding, inUrl, index };
}

/** The placeholders of a template, in order. */
export function placeholdersOf(template: Template): Placeholder[] {
  return template.parts.filter((part) => typeof part !== 'string');
}

/**
 * Fills a template in. The answer is bytes only when the template is a single `{…:der}`.
 *
 * Throws a TemplateError when `valueOf` knows no value of that name, or when a value for `:der` is not one PEM block.
 */
export function renderTemplate(template: Template, valueOf: (name: string) => string | undefined): string | Uint8Array {
  const pieces = template.parts.map((part) => {
    if (typeof part === 'string') {
      return part;
    }
    const value = valueOf(part.name);
    if (value === undefined) {
      throw new TemplateError(`{${part.name}} has no value`, part.index);
    }
    return spell(value, part);
  });
  const [first] = pieces;
  return pieces.length === 1 && first instanceof Uint8Array ? first : pieces.join('');
}

function spell(value: string, { encoding, inUrl, index, name }: Placeholder): string | Uint8Array {
  switch (encoding) {
    case 'der':
      return derOf(value, name, index);
    case 'base64':
      return inUrlOr(Buffer.from(value, 'utf8').toString('base64'), inUrl);
    case 'json':
      return JSON.stringify(value);
    case undefined:
      return inUrlOr(value, inUrl);
  }
}

function inUrlOr(value: string, inUrl: boolean): string {
  return inUrl ? percentEncode(value) : value;
}

/** RFC 3986, 2.3: everything but the unreserved characters, so that the value is one part wherever it stands in a URL. */
export function percentEncode(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function derOf(value: string, name: string, index: number): Uint8Array {
  const block = /^\s*-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/.exec(value);
  if (block === null) {
    // The value itself stays out of the message.
    throw new TemplateError(`{${name}:der} needs exactly one PEM block`, index);
  }
  return new Uint8Array(Buffer.from(block[2] as string, 'base64'));
}

/** Knows, character by character, whether a URL has begun (`scheme://`) and not ended yet. */
class UrlTracker {
  inside = false;
  #scheme = '';

  read(character: string): void {
    if (urlEnd.test(character)) {
      this.inside = false;
      this.#scheme = '';
      return;
    }
    this.#scheme = (this.#scheme + character).slice(-4);
    if (/[A-Za-z0-9+.-]:\/\/$/.test(this.#scheme)) {
      this.inside = true;
    }
  }

  /** A value may be the scheme itself, as in `{scheme}://…`. */
  readValue(): void {
    this.#scheme = 'x';
  }
}

/**
 * In JSON text a value is a JSON string of its own (`:json`), or inside quotes something that cannot end them (`:base64`,
 * a part of a URL). `port` may stand bare: it is a number.
 */
function checkJson(template: Template): void {
  const { skeleton, quoted } = jsonSkeleton(template);
  if (!isJsonStructure(skeleton)) {
    return;
  }
  placeholdersOf(template).forEach(({ name, encoding, inUrl, index }, number) => {
    if (quoted[number] === true) {
      if (encoding === 'json') {
        throw new TemplateError(`{${name}:json} brings its own quotes: leave out those around it`, index);
      }
      if (encoding === undefined && !inUrl) {
        throw new TemplateError(`{${name}} stands bare in JSON: write {${name}:json} without quotes around it`, index);
      }
    } else if (encoding !== 'json' && name.split('.').at(-1) !== 'port') {
      throw new TemplateError(`{${name}} stands bare in JSON: write {${name}:json}`, index);
    }
  });
}

function checkDer(template: Template): void {
  const der = placeholdersOf(template).find(({ encoding }) => encoding === 'der');
  if (der !== undefined && template.parts.length > 1) {
    throw new TemplateError(`{${der.name}:der} is binary and has to stand alone`, der.index);
  }
}

/** The text with a harmless value for each placeholder, and which placeholders stand inside a JSON string. */
function jsonSkeleton(template: Template): { readonly skeleton: string; readonly quoted: readonly boolean[] } {
  let skeleton = '';
  let inString = false;
  const quoted: boolean[] = [];
  for (const part of template.parts) {
    if (typeof part !== 'string') {
      quoted.push(inString);
      skeleton += inString ? 'x' : '0';
      continue;
    }
    for (let index = 0; index < part.length; index++) {
      if (inString && part[index] === '\\') {
        index += 1;
      } else if (part[index] === '"') {
        inString = !inString;
      }
    }
    skeleton += part;
  }
  return { skeleton, quoted };
}

function isJsonStructure(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) {
    return false;
  }
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
