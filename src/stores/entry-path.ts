import { Failure } from '../model/failure.ts';

/** Longest path that every store takes (the limit of AWS Secrets Manager), in bytes. */
export const longestPath = 512;

/** What is wrong with a path of an entry, or undefined. Paths are `/`-separated, without empty, `.` or `..` segments. */
export function pathProblem(path: string): string | undefined {
  if (path === '') {
    return 'it is empty';
  }
  if (path.startsWith('/') || path.endsWith('/') || path.includes('//')) {
    return 'it begins or ends with a slash, or has two in a row';
  }
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) {
    return 'a segment is . or ..';
  }
  if (hasControlCharacter(path)) {
    return 'it has a control character';
  }
  if (Buffer.byteLength(path) > longestPath) {
    return `it is longer than ${longestPath} bytes`;
  }
  return undefined;
}

/** Throws a Failure unless `path` can name an entry. */
export function checkPath(store: string, path: string): void {
  const problem = pathProblem(path);
  if (problem !== undefined) {
    throw new Failure({
      code: 'store-invalid-path',
      message: `store ${store} cannot hold an entry at ${JSON.stringify(path)}: ${problem}`,
      object: `store/${store}`,
      remedy: 'use a path such as apps/orders/api-key',
    });
  }
}

/** Whether an entry lies at or below a prefix; `''` is above everything. */
export function isAtOrBelow(path: string, prefix: string): boolean {
  const parent = prefix.replace(/\/+$/, '');
  return parent === '' || path === parent || path.startsWith(`${parent}/`);
}

function hasControlCharacter(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) {
      return true;
    }
  }
  return false;
}
