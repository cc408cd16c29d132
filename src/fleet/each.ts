/** An item of a Set, as the copy of a document sees it. */
export interface Item {
  readonly set: string;
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
}

const eachToken = /\{\{|\}\}|\{each(?:\.([^{}]*))?\}/g;
const escapedEach = /\{\{(each(?:\.[^{}]*)?)\}\}/g;

/**
 * Puts an item into a text.
 *
 * Braces have two readers: `{each}` is replaced here, other placeholders later, by delivery. In a text that delivery
 * reads (`template`) `{{` and `}}` therefore stay for it, and the braces of a value are doubled, so that a value never
 * becomes a placeholder. In any other text only `{{each}}` is an escape, and all other braces mean themselves: SQL and
 * JSON are full of them.
 *
 * @param item undefined where the document is not repeated
 * @param problem told when the text asks for what is not there
 */
export function putEach(
  text: string,
  item: Item | undefined,
  template: boolean,
  problem: (name: string | undefined) => void,
): string {
  if (!text.includes('{each')) {
    return text;
  }
  const put = (name: string | undefined, whole: string): string => {
    const value = item === undefined ? undefined : name === undefined ? item.name : valueOf(item, name);
    if (value === undefined) {
      problem(name);
      return whole;
    }
    return template ? value.replaceAll(/[{}]/g, '$&$&') : value;
  };
  if (template) {
    return text.replaceAll(eachToken, (whole, name: string | undefined) =>
      whole === '{{' || whole === '}}' ? whole : put(name, whole),
    );
  }
  const pieces: string[] = [];
  let end = 0;
  for (const match of text.matchAll(escapedEach)) {
    pieces.push(replacePlain(text.slice(end, match.index), put), `{${match[1]}}`);
    end = match.index + match[0].length;
  }
  pieces.push(replacePlain(text.slice(end), put));
  return pieces.join('');
}

function replacePlain(text: string, put: (name: string | undefined, whole: string) => string): string {
  return text.replaceAll(/\{each(?:\.([^{}]*))?\}/g, (whole, name: string | undefined) => put(name, whole));
}

function valueOf(item: Item, name: string): string | undefined {
  return Object.hasOwn(item.values, name) ? item.values[name] : undefined;
}
