import { resolve } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { couldNotAsk, notYet, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Environment } from '../../model/environment.ts';
import { createStore } from './create.ts';
import { keyMissing } from './failures.ts';
import type { StoreName } from './failures.ts';
import { FileStore } from './file-store.ts';
import { readHead } from './head-file.ts';
import { readIdentity } from './identity.ts';
import { ShardFiles } from './shard-files.ts';
import { situationOf } from './situation.ts';

export interface FileStoreOptions {
  /** Absolute path of the store's folder. */
  readonly folder: string;
  /** Absolute path of its key, an age identity that only its owner may read. */
  readonly identityFile: string;
  /** Name of the Store document, for messages. */
  readonly name: string;
  /** Make store and key when neither is there. */
  readonly mayCreate: boolean;
  readonly environment: Environment;
  readonly signal?: AbortSignal;
  /** How long a write waits for other writers, in milliseconds; default 30 s. */
  readonly lockTimeout?: number;
}

/**
 * Opens a file store. Answers notYet when neither store nor key is there and they may not be made, couldNotAsk when the
 * system refused to read. Throws a Failure when one is there without the other, when the key is open to others or that
 * of another store, and when `store.json` is damaged. No shard is read yet.
 */
export async function openFileStore(options: FileStoreOptions): Promise<Answer<FileStore>> {
  const { name, mayCreate } = options;
  const store = { name, folder: resolve(options.folder), identityFile: resolve(options.identityFile) };
  try {
    return await open(store, options, mayCreate);
  } catch (error) {
    if (error instanceof Failure && error.code === 'store-unreadable') {
      return couldNotAsk(error.message);
    }
    throw error;
  }
}

async function open(store: StoreName, options: FileStoreOptions, mayCreate: boolean): Promise<Answer<FileStore>> {
  const { environment, signal, lockTimeout = 30_000 } = options;
  signal?.throwIfAborted();
  const found = await situationOf(store);
  let created = false;
  if (found.state !== 'whole') {
    if (!mayCreate) {
      return notYet(`store ${store.name} is still to be made`, false);
    }
    created = await createStore(store, { environment, lockTimeout, signal });
  }
  const identity = found.state === 'whole' ? found.identity : await readIdentity(store);
  if (identity === undefined) {
    throw keyMissing(store);
  }
  const { id } = await readHead(store, identity);
  const files = new ShardFiles(store, identity, id);
  return present(new FileStore({ store, id, identity, files, environment, signal, lockTimeout }, created));
}
