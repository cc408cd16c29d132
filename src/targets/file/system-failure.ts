import { Failure } from '../../model/failure.ts';

const sentences: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  ENAMETOOLONG: 'the path is too long',
  ENOTDIR: 'a part of this path is not a folder',
};

/** An error of the file system as a Failure that names the path; anything else as it is. */
export function systemFailure(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof Failure || code === undefined || !/^E[A-Z\d]+$/.test(code)) {
    return error;
  }
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new Failure({
    code: denied ? 'folder-unreachable' : 'file-error',
    message: `${path}: ${sentences[code] ?? code}`,
    object: path,
    why: denied ? 'the account that runs Keywright may not do that there' : undefined,
    remedy: denied ? 'give this account the right, or set `directory` of the site to a folder of its own' : undefined,
    cause: error,
  });
}
