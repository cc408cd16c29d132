import { readFile } from 'node:fs/promises';
import type { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import { recipientOf } from './age.ts';
import { writeWhole } from './durable-file.ts';
import * as failures from './failures.ts';
import type { StoreName } from './failures.ts';
import { decodeHead, encodeHead } from './head.ts';
import type { StoreHead } from './head.ts';
import { sealingKey } from './seal.ts';

/** Path of the file that describes a store. */
export function headPath({ folder }: StoreName): string {
  return `${folder}/store.json`;
}

/** Reads and checks `store.json`, or the same under another name. Throws a Failure when it is not there or not sound. */
export async function readHead(store: StoreName, identity: Secret, path = headPath(store)): Promise<StoreHead> {
  const decoded = decodeHead(await textOf(store, path), (id) => sealingKey(identity, id));
  switch (decoded.state) {
    case 'head':
      return decoded.head;
    case 'newer':
      throw failures.headNewer(store);
    case 'damaged':
      throw failures.headDamaged(store);
    case 'unsealed':
      throw await unsealed(store, identity, decoded.recipients);
  }
}

async function unsealed(store: StoreName, identity: Secret, recipients: readonly string[]): Promise<Failure> {
  const recipient = await recipientOf(identity);
  if (recipient === undefined) {
    return failures.keyInvalid(store, 'holds an identity with an error in it');
  }
  return recipients.includes(recipient) ? failures.headTampered(store) : failures.wrongIdentity(store);
}

/** As `readHead`, for a session that has begun with the store `id`. */
export async function readHeadAgain(store: StoreName, identity: Secret, id: string): Promise<StoreHead> {
  const head = await readHead(store, identity);
  if (head.id !== id) {
    throw failures.storeReplaced(store);
  }
  return head;
}

/** Replaces `store.json`. Only for who holds the lock. */
export async function writeHead(store: StoreName, identity: Secret, head: StoreHead): Promise<void> {
  const path = headPath(store);
  try {
    await writeWhole(path, encodeHead(head, sealingKey(identity, head.id)));
  } catch (error) {
    throw failures.unwritable(store.name, path, error);
  }
}

async function textOf(store: StoreName, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw failures.systemCode(error) === 'ENOENT'
      ? failures.headMissing(store)
      : failures.unreadable(store.name, path, error);
  }
}
