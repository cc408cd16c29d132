/**
 * Texts with placeholders: `{alias.key}` in delivered `data`, `{KEY}` in the `value` of an entry, `{role}` in a grant.
 * `{{` and `}}` are literal braces.
 */

export type Encoding = 'base64' | 'json' | 'der';

export interface Placeholder {
  /** As it stands between the braces, for example `cert.tls.key:base64`. */
  readonly text: string;
  /** With `data`: the alias before the first dot. */
  readonly alias?: string;
  /** The key; with a grant, `role`. */
  readonly key: string;
  readonly encoding?: Encoding;
  /** Offset of the opening brace in the text. */
  readonly offset: number;
}

export type TemplatePart = { readonly literal: string } | { readonly placeholder: Placeholder };

export interface Template {
  readonly parts: readonly TemplatePart[];
  /** The text is a URL, so that each value put into it is percent-encoded unless it says an encoding itself. */
  readonly url: boolean;
  /** The text is JSON, so that each value put into it needs `:json` or `:base64`. */
  readonly json: boolean;
  /** What is wrong with the braces, with the offset of the brace. */
  readonly problems: readonly { readonly message: string; readonly offset: number }[];
}

const scheme = /^[a-z][a-z0-9+.-]*:\/\//i;
const token = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;
const encodings: ReadonlySet<string> = new Set(['base64', 'json', 'der']);

/** Takes a text with placeholders apart. Never throws: what is wrong stands in `problems`. */
export function parseTemplate(text: string, kind: 'data' | 'value' | 'grant'): Template {
  const parts: TemplatePart[] = [];
  const problems: { message: string; offset: number }[] = [];
  let literal = '';
  let end = 0;
  for (const match of text.matchAll(token)) {
    literal += text.slice(end, match.index);
    end = match.index + match[0].length;
    const inside = match[1];
    if (match[0] === '{{' || match[0] === '}}') {
      literal += match[0][0];
    } else if (inside === undefined) {
      problems.push({ message: `a single ${match[0]}; a literal brace is written twice`, offset: match.index });
    } else {
      const placeholder = parsePlaceholder(inside, kind, match.index);
      if (placeholder === undefined) {
        problems.push({
          message: `\`{${inside}}\` is no placeholder; a literal brace is written twice`,
          offset: match.index,
        });
      } else {
        if (literal !== '') {
          parts.push({ literal });
          literal = '';
        }
        parts.push({ placeholder });
      }
    }
  }
  literal += text.slice(end);
  if (literal !== '') {
    parts.push({ literal });
  }
  const first = parts[0];
  const start = first !== undefined && 'literal' in first ? first.literal.trimStart() : '';
  return { parts, url: scheme.test(start), json: start.startsWith('{') || start.startsWith('['), problems };
}

function parsePlaceholder(inside: string, kind: 'data' | 'value' | 'grant', offset: number): Placeholder | undefined {
  const colon = inside.lastIndexOf(':');
  const encoding = colon === -1 ? undefined : inside.slice(colon + 1);
  const name = colon === -1 ? inside : inside.slice(0, colon);
  if (encoding !== undefined && !encodings.has(encoding)) {
    return undefined;
  }
  const encoded = encoding === undefined ? {} : { encoding: encoding as Encoding };
  if (kind !== 'data') {
    return /^[\w.-]+$/.test(name) ? { text: inside, key: name, ...encoded, offset } : undefined;
  }
  const dot = name.indexOf('.');
  const alias = name.slice(0, dot);
  const key = name.slice(dot + 1);
  return dot > 0 && /^[\w.-]+$/.test(key) && /^[\w-]+$/.test(alias)
    ? { text: inside, alias, key, ...encoded, offset }
    : undefined;
}

/** The placeholders of a text, in order. */
export function placeholdersIn(template: Template): Placeholder[] {
  return template.parts.flatMap((part) => ('placeholder' in part ? [part.placeholder] : []));
}
