import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Environment } from '../../src/model/environment.ts';
import { openFileStore } from '../../src/stores/file/open.ts';
import type { FileStoreOptions } from '../../src/stores/file/open.ts';
import type { FileStore } from '../../src/stores/file/file-store.ts';

/** The clock and randomness of this machine. */
export const realEnvironment: Environment = { now: () => new Date(), randomBytes: (length) => randomBytes(length) };

export interface StorePlace {
  /** Folder of the test, taken away when it ends. */
  readonly root: string;
  readonly folder: string;
  readonly identityFile: string;
}

/** A place for a file store, with nothing in it. */
export async function storePlace(t: TestContext): Promise<StorePlace> {
  const root = await mkdtemp(join(tmpdir(), 'keywright-store-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return placeIn(root);
}

/** Where the store and the key of a place lie. */
export function placeIn(root: string): StorePlace {
  return { root, folder: join(root, 'box'), identityFile: join(root, '.keywright', 'key.txt') };
}

/** Opens the store of a place, made if need be. */
export async function openStore(place: StorePlace, options: Partial<FileStoreOptions> = {}): Promise<FileStore> {
  const { folder, identityFile } = place;
  const answer = await openFileStore({
    folder,
    identityFile,
    name: 'box',
    mayCreate: true,
    environment: realEnvironment,
    ...options,
  });
  assert.equal(answer.state, 'present', JSON.stringify(answer));
  return answer.seen;
}
