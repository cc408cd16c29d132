/**
 * How a policy's path matches. Two forms: without `+` a `*` at the end makes it a prefix; with a whole segment `+` it is
 * compared segment by segment. `*` and `+` anywhere else are plain characters.
 */
export interface Pattern {
  /** As in the policy, without a leading `/`. */
  readonly text: string;
  readonly kind: 'exact' | 'prefix' | 'segments';
  /** What a path must begin with: everything before the first wildcard. */
  readonly literal: string;
  /** Any rest may follow. */
  readonly isPrefix: boolean;
  /** Of a pattern with `+`, without the `*` at its end. */
  readonly segments: readonly string[];
  readonly wildcards: number;
}

/** Takes a policy's path apart. */
export function patternOf(text: string): Pattern {
  const hasSegments = text === '+' || text.includes('/+') || text.startsWith('+/');
  const isPrefix = text.endsWith('*');
  const bare = isPrefix ? text.slice(0, -1) : text;
  if (!hasSegments) {
    return { text, kind: isPrefix ? 'prefix' : 'exact', literal: bare, isPrefix, segments: [], wildcards: 0 };
  }
  const segments = bare.split('/');
  return {
    text,
    kind: 'segments',
    literal: bare.slice(0, bare.indexOf('+')),
    isPrefix,
    segments,
    wildcards: segments.filter((segment) => segment === '+').length,
  };
}

/** Whether a path, given with its segments, fits. */
export function matches(pattern: Pattern, path: string, parts: readonly string[]): boolean {
  switch (pattern.kind) {
    case 'exact':
      return path === pattern.literal;
    case 'prefix':
      return path.startsWith(pattern.literal);
    case 'segments': {
      const { segments, isPrefix } = pattern;
      const last = segments.length - 1;
      if (isPrefix ? parts.length < segments.length : parts.length !== segments.length) {
        return false;
      }
      return segments.every((segment, index) => {
        const part = parts[index] ?? '';
        return segment === '+' || segment === part || (isPrefix && index === last && part.startsWith(segment));
      });
    }
  }
}

/**
 * Which of two patterns with wildcards wins where both match: positive when the first does. In this order: its first
 * wildcard is later; it does not end in `*`; it has fewer `+`; it is longer; it is lexicographically larger (HashiCorp
 * Vault, "Policies", priority matching). Lengths are in bytes, as the servers count.
 */
export function comparePriority(a: Pattern, b: Pattern): number {
  const [textA, textB] = [bytesOf(a), bytesOf(b)];
  return (
    Buffer.byteLength(a.literal) - Buffer.byteLength(b.literal) ||
    Number(b.isPrefix) - Number(a.isPrefix) ||
    b.wildcards - a.wildcards ||
    textA.length - textB.length ||
    Buffer.compare(textA, textB)
  );
}

function bytesOf({ text, isPrefix }: Pattern): Buffer {
  return Buffer.from(isPrefix ? text.slice(0, -1) : text);
}
