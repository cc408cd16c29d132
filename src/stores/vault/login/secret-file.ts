import { readFile } from 'node:fs/promises';
import { Failure, causeOf } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';

/** Reads a secret from the first line of a file. `what` says what it should hold, for the message. */
export async function readSecretFile(store: string, file: string, what: string): Promise<Secret> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure({
      code: 'vault-login-file',
      message: `the ${what} for store ${store} cannot be read: ${causeOf(error)}`,
      object: `store/${store}`,
      file,
      remedy: `Put the ${what} there, readable by this account only.`,
      exitCode: 3,
      cause: error,
    });
  }
  const [line = ''] = text.trimStart().split('\n');
  if (line.trim() === '') {
    throw new Failure({
      code: 'vault-login-file',
      message: `the file of the ${what} for store ${store} is empty: ${file}`,
      object: `store/${store}`,
      file,
      remedy: `Put the ${what} there.`,
      exitCode: 3,
    });
  }
  return new Secret(line.trim());
}
