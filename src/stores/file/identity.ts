import { constants, open } from 'node:fs/promises';
import { Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';
import { keyInvalid, systemCode, unreadable } from './failures.ts';
import type { StoreKey } from './failures.ts';

/** Bech32 of 32 bytes after the prefix of X25519 identities. */
const identityLine = /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/;

/** The text of an identity file, as `age-keygen` writes it. */
export function identityText(identity: Secret, recipient: string, created: Date): Secret {
  return new Secret(`# created: ${created.toISOString()}\n# public key: ${recipient}\n${identity.expose()}\n`);
}

/** Reads the identity of a store; undefined when the file is not there. Throws when others may read it too. */
export async function readIdentity(store: StoreKey): Promise<Secret | undefined> {
  const text = await readPrivately(store);
  return text === undefined ? undefined : parseIdentity(store, text);
}

async function readPrivately(store: StoreKey): Promise<Secret | undefined> {
  const { name, identityFile } = store;
  try {
    // Without waiting, or a pipe at this path would hang the command.
    const handle = await open(identityFile, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) {
        throw keyInvalid(store, 'is not a file');
      }
      if ((stats.mode & 0o077) !== 0) {
        throw openToOthers(name, identityFile, stats.mode);
      }
      return new Secret(await handle.readFile('utf8'));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error instanceof Failure ? error : unreadable(name, identityFile, error);
  }
}

function parseIdentity(store: StoreKey, text: Secret): Secret {
  const lines = text
    .expose()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [line] = lines;
  if (line === undefined || lines.length > 1 || !identityLine.test(line)) {
    throw keyInvalid(store, 'does not hold exactly one line AGE-SECRET-KEY-1…');
  }
  return new Secret(line);
}

function openToOthers(name: string, identityFile: string, mode: number): Failure {
  return new Failure({
    code: 'store-key-open-to-others',
    message: `the key of store ${name}, ${identityFile}, may be read or changed by other accounts (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
    object: `store/${name}`,
    file: identityFile,
    why: 'whoever reads it can read everything in the store',
    remedy: `chmod 600 ${identityFile}`,
  });
}
