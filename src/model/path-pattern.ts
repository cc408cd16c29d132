/** Whether a pattern takes in a path; `x/**` takes in all below x, and `**` everything. */
export function patternMatches(pattern: string, path: string): boolean {
  return pattern === '**' || (pattern.endsWith('/**') ? path.startsWith(pattern.slice(0, -2)) : pattern === path);
}
