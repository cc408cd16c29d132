/** Says on the object itself which fleet keeps it, and as which resource: one line, `keywright fleet=<f> id=<id>`. */
export interface Mark {
  readonly fleet: string;
  readonly id: string;
}

const line = /^keywright fleet=(\S+) id=(\S+)$/;

export function formatMark({ fleet, id }: Mark): string {
  return `keywright fleet=${fleet} id=${id}`;
}

/** The mark in a comment, undefined when it bears none. */
export function readMark(comment: string | null | undefined): Mark | undefined {
  for (const each of (comment ?? '').split('\n')) {
    const [, fleet, id] = line.exec(each) ?? [];
    if (fleet !== undefined && id !== undefined) {
      return { fleet, id };
    }
  }
  return undefined;
}

/** The comment with this mark as its last line; what else it says stays. */
export function withMark(comment: string | null | undefined, mark: Mark): string {
  return [...otherLines(comment), formatMark(mark)].join('\n');
}

/** The comment without a mark, null when nothing else was in it. */
export function withoutMark(comment: string | null | undefined): string | null {
  const rest = otherLines(comment).join('\n');
  return rest === '' ? null : rest;
}

function otherLines(comment: string | null | undefined): string[] {
  return (comment ?? '') === '' ? [] : (comment ?? '').split('\n').filter((each) => !line.test(each));
}
