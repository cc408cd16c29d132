/** Whether a pattern takes in a path; `x/**` takes in all below x, and `**` everything. */
export function patternMatches(pattern: string, path: string): boolean {
  return pattern === '**' || (pattern.endsWith('/**') ? path.startsWith(pattern.slice(0, -2)) : pattern === path);
}

/** Whether there can be a path that both patterns take in. */
export function patternsOverlap(a: string, b: string): boolean {
  const below = (pattern: string) =>
    pattern === '**' ? '' : pattern.endsWith('/**') ? pattern.slice(0, -2) : undefined;
  const first = below(a);
  const second = below(b);
  if (first === undefined) {
    return patternMatches(b, a);
  }
  return second === undefined ? patternMatches(a, b) : first.startsWith(second) || second.startsWith(first);
}
