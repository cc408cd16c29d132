/** Breaks text into lines of at most `width` characters where it has spaces. Line breaks of its own stay. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    return [...lines, line];
  });
}

/** Two texts at the ends of a line; what is too long for one line goes on in more, with the right one in the last. */
export function spread(left: string, right: string, width = 78): string {
  if (right === '') {
    return left;
  }
  const lines = left.length + right.length < width ? [left] : wrap(left, width);
  const last = lines.pop() ?? '';
  const fits = last.length + right.length < width;
  const ends = fits ? [`${last.padEnd(width - right.length - 1)} ${right}`] : [last, right.padStart(width)];
  return [...lines, ...ends].join('\n');
}

/**
 * Columns of texts, each as wide as its widest cell, two spaces apart; the last is not padded. Where that would be wider
 * than a terminal, a long first cell has a line of its own.
 */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  }
  const [longest = 0, ...others] = widths;
  const room = 80 - indent.length - others.reduce((sum, width) => sum + width + 2, 0);
  const fitting = rows.map(([first = '']) => first.length).filter((length) => length <= room);
  widths[0] = longest <= room || room < 0 ? longest : Math.max(4, ...fitting);
  const cells = (row: readonly string[]): string =>
    row.map((cell, index) => (index < row.length - 1 ? cell.padEnd(widths[index] ?? 0) : cell)).join('  ');
  const line = ([first = '', ...rest]: readonly string[]): string =>
    first.length <= (widths[0] ?? 0)
      ? `${indent}${cells([first, ...rest])}`.trimEnd()
      : `${indent}${first}\n${`${indent}${cells(['', ...rest])}`.trimEnd()}`;
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** `1 change`, `2 changes`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** `12 ms`, `3.4 s`, `2 min 5 s`. */
export function took(milliseconds: number): string {
  if (milliseconds < 1000) {
    return `${Math.round(milliseconds)} ms`;
  }
  if (milliseconds < 60_000) {
    return `${(milliseconds / 1000).toFixed(1)} s`;
  }
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

/** `in 3 d`, `in 40 min`, `2 h ago`: how far an instant is from now, roughly. */
export function whenFrom(now: Date, instant: Date): string {
  const difference = instant.getTime() - now.getTime();
  const length = Math.abs(difference);
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const;
  const [name, size] = units.find(([, milliseconds]) => length >= milliseconds * 2) ?? ['s', 1000];
  const text = `${Math.round(length / size)} ${name}`;
  return difference >= 0 ? `in ${text}` : `${text} ago`;
}

/** The known word that is nearest to one that is not known, when it is near enough to be a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  return known
    .map((each) => ({ each, distance: editDistance(word, each) }))
    .filter(({ distance }) => distance <= limit)
    .sort((left, right) => left.distance - right.distance)[0]?.each;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next[j] = Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
