import {
  parseTemplate,
  placeholdersOf,
  TemplateError,
  type Placeholder as ModelPlaceholder,
} from '../model/template.ts';

export interface Placeholder extends ModelPlaceholder {
  /** As it stands in the text, with its braces. */
  readonly text: string;
  /** In `data`, what stands before the first dot; empty without one. */
  readonly alias: string;
  /** In `data`, what stands behind the first dot; elsewhere the whole name. */
  readonly key: string;
}

export interface TemplateFacts {
  readonly placeholders: readonly Placeholder[];
  /** Why the text is no template, or undefined. */
  readonly problem?: string;
  /** The problem is a value that would stand bare in JSON text. */
  readonly json: boolean;
}

const json = /bare in JSON|its own quotes/;

/** Takes a text apart with the parser that delivery itself uses. Never throws. */
export function readTemplate(text: string, kind: 'data' | 'value' | 'grant'): TemplateFacts {
  if (kind === 'grant') {
    // SQL has braces of its own; only what looks like a name is meant as a placeholder.
    const placeholders = [...text.matchAll(/\{([A-Za-z][\w.-]*)\}/g)].map(([whole, name = '']) => ({
      name,
      inUrl: false,
      index: 0,
      text: whole,
      alias: '',
      key: name,
    }));
    return { placeholders, json: false };
  }
  try {
    const placeholders = placeholdersOf(parseTemplate(text)).map((placeholder): Placeholder => {
      const { name, encoding } = placeholder;
      const dot = kind === 'data' ? name.indexOf('.') : -1;
      return {
        ...placeholder,
        text: `{${name}${encoding === undefined ? '' : `:${encoding}`}}`,
        alias: name.slice(0, Math.max(dot, 0)),
        key: name.slice(dot + 1),
      };
    });
    return { placeholders, json: false };
  } catch (error) {
    if (!(error instanceof TemplateError)) {
      throw error;
    }
    return { placeholders: [], problem: error.message, json: json.test(error.message) };
  }
}
