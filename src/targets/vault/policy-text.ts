import { withMark, withoutMark } from '../process/mark.ts';
import type { Mark } from '../process/mark.ts';

/** The comment at the beginning of a policy's text: it bears the mark. Null when there is none. */
export function leadingComment(text: string): string | null {
  const lines: string[] = [];
  for (const line of text.trimStart().split('\n')) {
    const match = /^\s*(?:#|\/\/) ?(.*)$/.exec(line);
    if (match === null) {
      break;
    }
    lines.push((match[1] ?? '').trimEnd());
  }
  return lines.length === 0 ? null : lines.join('\n');
}

/** Rules below a comment that bears our mark; what else the comment said stays. */
export function markedText(rules: string, comment: string | null, mark: Mark): string {
  return commented(withMark(comment, mark), rules);
}

/** Whether a text is exactly these rules, below any comment: then there is nothing to compare. */
export function isWrittenAs(text: string, rules: string): boolean {
  const written = rules.trimStart();
  return text.endsWith(written) && text === commented(leadingComment(text), written);
}

/** A policy's text without our mark, all else as it was. */
export function unmarkedText(text: string): string {
  const comment = leadingComment(text);
  const lines = text.trimStart().split('\n');
  return commented(withoutMark(comment), lines.slice((comment ?? '').split('\n').length).join('\n'));
}

function commented(comment: string | null, rules: string): string {
  const lines = comment === null ? [] : comment.split('\n').map((line) => (line === '' ? '#' : `# ${line}`));
  return [...lines, rules.trimStart()].join('\n');
}
