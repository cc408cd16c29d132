import { patternMatches } from '../model/path-pattern.ts';

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
