import type { Diagnostic, Position } from '../model/diagnostic.ts';
import { displayWidth } from './width.ts';

/** How one finding looks: for a person as a compiler writes it, for a program as JSON. Pure. */

export interface RenderOptions {
  readonly color?: boolean;
  /** Columns of the terminal; default 80. */
  readonly width?: number;
}

const styles = { error: '31;1', warning: '33;1', note: '36', caret: '31;1', dim: '2', bold: '1' } as const;

/**
 * One finding in the four parts of every message, with the excerpt and a caret, readable at 80 columns.
 *
 * @param text of the file that the position names; without it there is no excerpt
 */
export function renderDiagnostic(diagnostic: Diagnostic, text?: string, options: RenderOptions = {}): string {
  const { severity, rule, message, position, related, why, remedy } = diagnostic;
  const width = options.width ?? 80;
  const paint = (style: keyof typeof styles, part: string) =>
    options.color === true ? `\u001b[${styles[style]}m${part}\u001b[0m` : part;
  const [id = rule] = rule.split(' ');
  const headline = `${severity} ${id}: `;
  const [first = '', ...rest] = wrap(sentence(message), width - headline.length, width - 2);
  const lines = [
    `${paint(severity, `${severity} ${id}:`)} ${paint('bold', first)}`,
    ...rest.map((line) => `  ${paint('bold', line)}`),
  ];
  if (position !== undefined) {
    lines.push(`  ${placeOf(position)}`);
    if (text !== undefined && diagnostic.excerpt !== false) {
      lines.push(...excerpt(position, text, width).map(([line, caret]) => (caret ? paint('caret', line) : line)));
    }
  }
  if (why !== undefined && why !== '') {
    lines.push(...wrap(why, width - 2).map((line) => `  ${line}`));
  }
  if (related?.position !== undefined) {
    lines.push(`  ${sentence(related.message)}: ${placeOf(related.position)}`);
  }
  const more = `More: keywright explain ${id}`;
  const mending = remedy === undefined ? [] : wrap(remedy, width - 2);
  const last = mending.at(-1);
  // The command stays in one piece, so that it can be copied.
  if (last !== undefined && displayWidth(last) + 1 + more.length <= width - 2) {
    mending[mending.length - 1] = `${last} ${more}`;
  } else {
    mending.push(more);
  }
  lines.push('', ...mending.map((line) => `  ${line}`));
  return `${lines.join('\n')}\n`;
}

/** All findings, with a line between each two. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  textOf: (file: string) => string | undefined,
  options: RenderOptions = {},
): string {
  return diagnostics
    .map((each) => renderDiagnostic(each, each.position && textOf(each.position.file), options))
    .join('\n');
}

export interface DiagnosticJson {
  readonly severity: Diagnostic['severity'];
  /** Id of the rule, stable. */
  readonly code: string;
  /** Name of the rule, stable. */
  readonly rule: string;
  readonly message: string;
  readonly object?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly why?: string;
  readonly remedy?: string;
}

/** One finding for `--output json`. */
export function diagnosticJson(diagnostic: Diagnostic): DiagnosticJson {
  const { severity, rule, message, object, position, source, why, remedy } = diagnostic;
  const [code = rule, name = ''] = rule.split(' ');
  return {
    severity,
    code,
    rule: name,
    message,
    object,
    file: position?.file ?? source?.file,
    line: position?.line,
    column: position?.column,
    why,
    remedy,
  };
}

function placeOf({ file, line, column }: Position): string {
  return `${printable(file)}:${line}:${column}`;
}

/** What stands in a file or its name must not reach a terminal as control characters. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\uFFFD');
}

function sentence(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, ' '));
}

/** The line in question with two before it, numbered, and a caret below. */
function excerpt(position: Position, text: string, width: number): [string, boolean][] {
  const lines = text.split('\n');
  const gutter = Math.max(4, String(position.line).length);
  const room = width - gutter - 5;
  const current = (lines[position.line - 1] ?? '').replace(/\r$/, '');
  // A long line is shown around the caret.
  const start = position.column + Math.min(position.length, 20) > room ? Math.max(0, position.column - 21) : 0;
  const shown = (line: string) => {
    const part = printable(
      line
        .replace(/\r$/, '')
        .replaceAll('\t', ' ')
        .slice(start, start + room),
    );
    return `${start > 0 && line.length > start ? '…' : ''}${part}${line.length > start + room ? '…' : ''}`;
  };
  const result: [string, boolean][] = [];
  const first = start > 0 ? position.line : Math.max(1, position.line - 2);
  for (let line = first; line <= position.line; line += 1) {
    const content = lines[line - 1] ?? '';
    if (line === position.line || content.trim() !== '') {
      result.push([`  ${String(line).padStart(gutter)} | ${shown(content)}`.trimEnd(), false]);
    }
  }
  const before = current.slice(start, position.column - 1);
  const under = current.slice(position.column - 1, position.column - 1 + position.length);
  const indent = displayWidth(before) + (start > 0 ? 1 : 0);
  const carets = Math.max(1, Math.min(displayWidth(under), room - indent));
  result.push([`  ${' '.repeat(gutter)} | ${' '.repeat(indent)}${'^'.repeat(carets)}`, true]);
  return result;
}

/** Breaks a text at spaces. A word that is longer than a line stays whole: paths and commands are copied. */
export function wrap(text: string, width: number, widthOfRest: number = width): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text.replaceAll('\n', ' ')).split(/ +/)) {
    const room = lines.length === 0 ? width : widthOfRest;
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
