/** One document of a file, as text. */
export interface Segment {
  readonly text: string;
  /** Line in the file of its first line, from 1. */
  readonly line: number;
  /** Offset in the file of its first character. */
  readonly offset: number;
}

/**
 * Splits a file where YAML does: at `---` and `...` at the beginning of a line, which can be nothing else there, not
 * even in a quoted or block text. Both parsers read the segments, so that they agree on what document number 3 is.
 */
export function splitDocuments(text: string): Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  let line = 1;
  let startLine = 1;
  let hasContent = false;
  const close = (end: number, nextLine: number) => {
    if (end > start && hasContent) {
      segments.push({ text: text.slice(start, end), line: startLine, offset: start });
    }
    start = end;
    startLine = nextLine;
    hasContent = false;
  };
  for (let position = 0; position < text.length; line += 1) {
    const newline = text.indexOf('\n', position);
    const end = newline === -1 ? text.length : newline + 1;
    const marker = markerAt(text, position);
    if (marker === '---') {
      // Comments and directives in front of the first content belong to this document.
      if (hasContent) {
        close(position, line);
      }
      hasContent = true;
    } else if (marker === '...') {
      close(end, line + 1);
    } else if (!hasContent && isContent(text, position, end)) {
      hasContent = true;
    }
    position = end;
  }
  close(text.length, line);
  return segments;
}

function markerAt(text: string, position: number): '---' | '...' | undefined {
  const marker = text.startsWith('---', position) ? '---' : text.startsWith('...', position) ? '...' : undefined;
  const after = text[position + 3];
  return marker !== undefined && (after === undefined || /\s/.test(after)) ? marker : undefined;
}

/** Neither blank, nor a comment, nor a directive, which belongs to the `---` after it. */
function isContent(text: string, start: number, end: number): boolean {
  for (let position = start; position < end; position += 1) {
    const character = text[position];
    if (character === '#' || (character === '%' && position === start)) {
      return false;
    }
    if (character !== ' ' && character !== '\t' && character !== '\r' && character !== '\n') {
      return true;
    }
  }
  return false;
}
