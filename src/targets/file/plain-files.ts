import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { causeOf, Failure } from '../../model/failure.ts';
import type { DirectorySpec } from './directory.spec.ts';

/**
 * Files of the fleet that are delivered as they are, by the name that they get. Throws the Failure `file-unreadable`.
 *
 * @param folder - absolute, where relative paths start
 */
export async function readPlainFiles(
  files: DirectorySpec['files'] = {},
  folder: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  return new Map(
    await Promise.all(
      Object.entries(files).map(async ([name, file]): Promise<[string, Uint8Array]> => {
        try {
          return [name, await readFile(resolve(folder, file))];
        } catch (error) {
          throw new Failure({
            code: 'file-unreadable',
            message: `${file}, which is delivered as ${name}, cannot be read: ${causeOf(error)}`,
            object: file,
            file,
            cause: error,
          });
        }
      }),
    ),
  );
}
