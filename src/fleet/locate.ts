import type { Document, Node as YamlNode } from 'yaml';
import type { Diagnostic, Position, SourcePointer } from '../model/diagnostic.ts';
import type { SourceFile } from './model.ts';
import { stepsOf } from './pointer.ts';
import { splitDocuments, type Segment } from './split.ts';

/**
 * Positions on demand. A fleet without findings never loads the parser that knows positions; with findings it reads
 * only the documents that have some.
 */

type Yaml = typeof import('yaml');

/** Fills in the positions of diagnostics that have a source, and puts them in the order of files and lines. */
export async function withPositions(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, SourceFile>,
): Promise<Diagnostic[]> {
  const wanting = diagnostics.some(({ source, position, related }) => (source && !position) || related);
  const locator = wanting ? new Locator(await import('yaml'), sources) : undefined;
  const located = diagnostics.map((diagnostic): Diagnostic => {
    const { source, related } = diagnostic;
    const position = diagnostic.position ?? (source && locator?.locate(source));
    const other = related && { ...related, position: related.position ?? locator?.locate(related.source) };
    return { ...diagnostic, ...(position && { position }), ...(other && { related: other }) };
  });
  const files = [...sources.keys()];
  const rank = ({ position, source }: Diagnostic) => files.indexOf(position?.file ?? source?.file ?? '');
  return located.sort(
    (a, b) =>
      rank(a) - rank(b) ||
      (a.position?.line ?? 0) - (b.position?.line ?? 0) ||
      (a.position?.column ?? 0) - (b.position?.column ?? 0),
  );
}

/** Line and column of a place, or undefined when its file was not read. */
export async function locate(
  source: SourcePointer,
  sources: ReadonlyMap<string, SourceFile>,
): Promise<Position | undefined> {
  return new Locator(await import('yaml'), sources).locate(source);
}

/** The value of a document as the parser with positions sees it: for the test that compares both parsers. */
export async function valuesWithPositions(text: string): Promise<unknown[]> {
  const yaml = await import('yaml');
  return splitDocuments(text).map((segment) => parse(yaml, segment).toJS({ maxAliasCount: -1 }) as unknown);
}

function parse(yaml: Yaml, segment: Segment): Document.Parsed {
  return yaml.parseDocument(segment.text, { merge: true, version: '1.2', logLevel: 'silent', uniqueKeys: false });
}

interface Parsed {
  readonly segment: Segment;
  readonly document: Document.Parsed;
}

class Locator {
  readonly #yaml: Yaml;
  readonly #sources: ReadonlyMap<string, SourceFile>;
  readonly #segments = new Map<string, readonly Segment[]>();
  readonly #documents = new Map<string, Parsed | undefined>();

  constructor(yaml: Yaml, sources: ReadonlyMap<string, SourceFile>) {
    this.#yaml = yaml;
    this.#sources = sources;
  }

  locate(source: SourcePointer): Position | undefined {
    const text = this.#sources.get(source.file)?.text;
    if (text === undefined) {
      return undefined;
    }
    const parsed = this.#document(source, text);
    if (parsed === undefined) {
      return { file: source.file, line: 1, column: 1, length: 1 };
    }
    const [start, end] = this.#range(parsed, source);
    return positionOf(source.file, parsed.segment, start, end);
  }

  #document(source: SourcePointer, text: string): Parsed | undefined {
    const key = `${source.document}:${source.file}`;
    if (!this.#documents.has(key)) {
      const segments = this.#segments.get(source.file) ?? splitDocuments(text);
      this.#segments.set(source.file, segments);
      const segment = segments[source.document];
      this.#documents.set(key, segment && { segment, document: parse(this.#yaml, segment) });
    }
    return this.#documents.get(key);
  }

  /** Follows a pointer as far as it leads; what is missing is shown where it would have to stand. */
  #range({ document }: Parsed, source: SourcePointer): [number, number] {
    let node: YamlNode | null = document.contents;
    let key: YamlNode | undefined;
    const steps = stepsOf(source.pointer);
    let complete = true;
    for (const step of steps) {
      const found = this.#step(document, node, step);
      if (found === undefined) {
        complete = false;
        break;
      }
      node = found.value;
      key = found.key;
    }
    const target = (source.of === 'key' && complete && key !== undefined) || node === null ? key : node;
    // A missing field is shown at the key of the object that lacks it: its value can go over many lines.
    const range = (complete ? target : (key ?? node))?.range;
    return range ? [range[0], range[1]] : [0, 1];
  }

  #step(
    document: Document.Parsed,
    from: YamlNode | null,
    step: string,
  ): { key: YamlNode | undefined; value: YamlNode | null } | undefined {
    const { isMap, isSeq } = this.#yaml;
    const node = this.#resolve(document, from);
    if (isSeq(node)) {
      const value = node.items[Number(step)] as YamlNode | undefined;
      return value === undefined ? undefined : { key: undefined, value };
    }
    return isMap(node) ? this.#pair(document, node, step, 0) : undefined;
  }

  /** A pair of a map: its own, else one that a merge key `<<` brings in. */
  #pair(
    document: Document.Parsed,
    map: YamlNode | null,
    step: string,
    depth: number,
  ): { key: YamlNode | undefined; value: YamlNode | null } | undefined {
    const { isMap, isScalar, isSeq } = this.#yaml;
    if (!isMap(map) || depth > 20) {
      return undefined;
    }
    // As js-yaml names keys: `~` is null, and numbers are texts. The merge key `<<` is a symbol.
    const text = (key: unknown) => (isScalar(key) ? String(key.value) : undefined);
    const isMerge = (key: unknown) => isScalar(key) && typeof key.value === 'symbol';
    const own = map.items.findLast(({ key }) => text(key) === step && !isMerge(key));
    if (own !== undefined) {
      return { key: own.key as YamlNode, value: own.value as YamlNode | null };
    }
    for (const { key, value } of map.items) {
      if (!isMerge(key)) {
        continue;
      }
      const merged = this.#resolve(document, value as YamlNode | null);
      for (const each of isSeq(merged) ? merged.items : [merged]) {
        const found = this.#pair(document, this.#resolve(document, each as YamlNode | null), step, depth + 1);
        if (found !== undefined) {
          return found;
        }
      }
    }
    return undefined;
  }

  /** What an alias stands for: a mistake is shown where the value is written, not where it is repeated. */
  #resolve(document: Document.Parsed, node: YamlNode | null): YamlNode | null {
    return this.#yaml.isAlias(node) ? (node.resolve(document) ?? null) : node;
  }
}

function positionOf(file: string, segment: Segment, start: number, end: number): Position {
  const { text } = segment;
  const before = text.slice(0, start);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = segment.line + before.split('\n').length - 1;
  const newline = text.indexOf('\n', start);
  // The caret stays on one line, and off the comment and spaces behind the value.
  const stop = Math.min(end, newline === -1 ? text.length : newline);
  const length = Math.max(1, text.slice(start, stop).trimEnd().length);
  return { file, line, column: start - lineStart + 1, length };
}
