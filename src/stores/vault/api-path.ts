import { Failure } from '../../model/failure.ts';

/**
 * Encodes a path of the API (`secret/data/apps/orders`) for a URL, segment by segment; a slash at its end is kept.
 *
 * Throws a Failure on empty, `.` and `..` segments: the server answers those with a redirect to the cleaned path, and
 * who follows it touches another entry.
 */
export function encodeApiPath(path: string): string {
  const segments = path.split('/');
  const bad = segments.some(
    (segment, at) => segment === '.' || segment === '..' || (segment === '' && at < segments.length - 1),
  );
  if (bad || path === '') {
    throw new Failure({
      code: 'vault-invalid-path',
      message: `${JSON.stringify(path)} is no path of the Vault API`,
      why: 'a server cleans such a path and then reads or writes something else',
      remedy: 'Use a path without empty segments, "." and "..".',
    });
  }
  return segments.map(encodeURIComponent).join('/');
}
