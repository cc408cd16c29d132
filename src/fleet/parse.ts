import { CORE_SCHEMA, load, mergeTag, YAMLException } from 'js-yaml';
import type { Diagnostic } from '../model/diagnostic.ts';
import { causeOf } from '../model/failure.ts';
import type { SourceFile } from './model.ts';
import { finding } from './rule.ts';
import { notYaml, tooComplex } from './rules.ts';
import { splitDocuments, type Segment } from './split.ts';

/**
 * The fast way from text to plain values: js-yaml, one document at a time, so that a broken one costs no other.
 * Positions are worked out elsewhere, and only for what has something to report.
 */

const schema = CORE_SCHEMA.withTags(mergeTag);
/** Values that one document may have once its aliases are followed. */
const mostValues = 100_000;
/** Nesting that one document may have once its aliases are followed. */
const deepest = 64;

export interface RawDocument {
  readonly file: string;
  /** Index of the document in its file. */
  readonly document: number;
  /** Undefined when it is no YAML; `text` then says what can be said of it. */
  readonly value: unknown;
  readonly readable: boolean;
  readonly text: string;
}

export interface ParsedFile {
  readonly documents: readonly RawDocument[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses every document of a file. Empty documents are left out. */
export function parseFile(source: SourceFile): ParsedFile {
  const documents: RawDocument[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [document, segment] of splitDocuments(source.text).entries()) {
    const base = { file: source.file, document, text: segment.text };
    try {
      const value = load(segment.text, { schema, maxDepth: deepest });
      if (value === null || value === undefined) {
        continue;
      }
      const problem = segment.text.includes('*') ? complexity(value) : undefined;
      if (problem !== undefined) {
        diagnostics.push(
          finding(tooComplex, { message: problem, source: { file: source.file, document, pointer: '' } }),
        );
      }
      documents.push({ ...base, value: problem === undefined ? value : undefined, readable: problem === undefined });
    } catch (error) {
      if (isEmpty(segment.text)) {
        continue;
      }
      diagnostics.push(syntaxError(source, document, segment, error));
      documents.push({ ...base, value: undefined, readable: false });
    }
  }
  return { documents, diagnostics };
}

/** Nothing but comments and markers: js-yaml throws on such a text. */
function isEmpty(text: string): boolean {
  return text.split('\n').every((line) => /^(?:\s*(?:#.*)?|---\s*(?:#.*)?|\.\.\.\s*(?:#.*)?)$/.test(line));
}

function syntaxError(source: SourceFile, document: number, segment: Segment, error: unknown): Diagnostic {
  const known = error instanceof YAMLException ? error : undefined;
  const mark = known?.mark;
  const reason = known?.reason ?? causeOf(error);
  const deep = /depth|aliases|merge keys/i.test(reason);
  // Past the end: the last line that has something on it is where a person looks.
  const lines = segment.text.split('\n');
  let line = Math.min(mark?.line ?? 0, lines.length - 1);
  let column = mark?.column ?? 0;
  if (line > 0 && (lines[line] ?? '').trim() === '' && lines.slice(line).every((rest) => rest.trim() === '')) {
    while (line > 0 && (lines[line] ?? '').trim() === '') {
      line -= 1;
    }
    column = (lines[line] ?? '').trimEnd().length - 1;
  }
  return {
    ...finding(deep ? tooComplex : notYaml, {
      message: deep ? `the document is too complex: ${reason}` : `not valid YAML: ${reason}`,
      source: { file: source.file, document, pointer: '' },
    }),
    position: { file: source.file, line: segment.line + line, column: Math.max(column, 0) + 1, length: 1 },
  };
}

/** What is too much about a value whose parts may be shared, without walking shared parts twice; else undefined. */
function complexity(root: unknown): string | undefined {
  const sizes = new Map<object, { size: number; depth: number } | 'open'>();
  let circular = false;
  const measure = (value: unknown): { size: number; depth: number } => {
    if (typeof value !== 'object' || value === null) {
      return { size: 1, depth: 0 };
    }
    const known = sizes.get(value);
    if (known === 'open') {
      circular = true;
      return { size: 1, depth: 0 };
    }
    if (known !== undefined) {
      return known;
    }
    sizes.set(value, 'open');
    let size = 1;
    let depth = 0;
    for (const inner of Object.values(value)) {
      const part = measure(inner);
      size += part.size;
      depth = Math.max(depth, part.depth);
    }
    const result = { size, depth: depth + 1 };
    sizes.set(value, result);
    return result;
  };
  const { size, depth } = measure(root);
  if (circular) {
    return 'an alias refers to a value that contains it';
  }
  if (size > mostValues) {
    return `with its aliases followed the document has ${size > 1e15 ? 'countless' : size} values; ${mostValues} are read`;
  }
  return depth > deepest
    ? `with its aliases followed the document is nested ${depth} deep; ${deepest} are read`
    : undefined;
}
