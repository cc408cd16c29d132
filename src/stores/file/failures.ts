import { Failure, causeOf } from '../../model/failure.ts';

/** What a failure of a file store is about. */
export interface StoreName extends StoreKey {
  readonly folder: string;
}

/** A store by its key. */
export interface StoreKey {
  readonly name: string;
  readonly identityFile: string;
}

const neverDelete =
  'without the key nothing in the store can be read by anybody, and without the store the key opens nothing';

const fromBackup =
  'put that file back from a backup as new as store.json, or else the whole folder from one backup; all else in the store stays readable until then';

/** The key file holds no identity. Its content is never repeated. */
export function keyInvalid({ name, identityFile }: StoreKey, says: string): Failure {
  return failure(name, {
    code: 'store-key-invalid',
    message: `the key of store ${name}, ${identityFile}, ${says}`,
    file: identityFile,
    remedy: `restore it: age -d -i YOUR-IDENTITY BACKUP > ${identityFile}`,
  });
}

/** The store is there, its key is not. */
export function keyMissing({ name, folder, identityFile }: StoreName): Failure {
  return failure(name, {
    code: 'store-key-missing',
    message: `store ${name} is there (${folder}), but its key ${identityFile} is missing`,
    file: identityFile,
    why: neverDelete,
    remedy: `restore the key: age -d -i YOUR-IDENTITY BACKUP > ${identityFile} && chmod 600 ${identityFile}; never delete the store's folder`,
  });
}

/** The key is there, the store is not. */
export function storeMissing({ name, folder, identityFile }: StoreName): Failure {
  return failure(name, {
    code: 'store-missing',
    message: `the key ${identityFile} is there, but the store ${name} that it opens is not at ${folder}`,
    file: folder,
    why: neverDelete,
    remedy: `restore the folder ${folder} from a backup, or correct its path; to begin an empty store, first move the key away: never delete it`,
  });
}

/** There are shards without a store.json. */
export function headMissing({ name, folder }: StoreName): Failure {
  return failure(name, {
    code: 'store-head-missing',
    message: `store ${name} has shards in ${folder}, but no store.json`,
    file: `${folder}/store.json`,
    why: 'store.json tells how many shards there are; without it an entry cannot be told absent',
    remedy: 'put store.json back from a backup; never delete the shards',
  });
}

/** store.json cannot be understood. */
export function headDamaged({ name, folder }: StoreName): Failure {
  return failure(name, {
    code: 'store-head-damaged',
    message: `store ${name}: store.json is damaged`,
    file: `${folder}/store.json`,
    remedy: 'put store.json back from the newest backup; never delete the shards',
  });
}

/** store.json was changed by somebody who does not hold the key. */
export function headTampered({ name, folder }: StoreName): Failure {
  return failure(name, {
    code: 'store-head-tampered',
    message: `store ${name}: store.json was changed after Keywright had sealed it`,
    file: `${folder}/store.json`,
    why: 'a recipient added there could read everything that is written from now on',
    remedy: 'find out who changed it, then put store.json back from a backup',
  });
}

/** store.json is of a later format. */
export function headNewer({ name, folder }: StoreName): Failure {
  return failure(name, {
    code: 'store-newer',
    message: `store ${name} was written by a newer Keywright`,
    file: `${folder}/store.json`,
    remedy: 'use that version, or a later one',
  });
}

/** store.json is older than one of the shards. */
export function headOlder({ name, folder }: StoreName, shard: string): Failure {
  return failure(name, {
    code: 'store-head-rolled-back',
    message: `store ${name}: store.json is older than shards/${shard}`,
    file: `${folder}/store.json`,
    why: 'it knows fewer shards than there are, so entries would look absent',
    remedy: 'put back store.json and shards from one and the same backup',
  });
}

/** The identity is not one that the store is encrypted for. */
export function wrongIdentity({ name, identityFile }: StoreName): Failure {
  return failure(name, {
    code: 'store-wrong-identity',
    message: `the key ${identityFile} is not the key of store ${name}`,
    file: identityFile,
    remedy: `put the key of this store at ${identityFile}, from its backup (keywright store backup-key makes one), or correct identityFile`,
  });
}

/** The folder holds another store than when this session began. */
export function storeReplaced({ name, folder }: StoreName): Failure {
  return failure(name, {
    code: 'store-replaced',
    message: `another store was put at ${folder} while store ${name} was in use`,
    file: folder,
    remedy: 'look which of the two belongs there, then run the command again',
  });
}

/** How a shard file can be wrong. */
export type ShardFault = 'missing' | 'empty' | 'damaged' | 'foreign' | 'swapped' | 'rolledBack';

const shardFaults: Readonly<Record<ShardFault, { readonly code: string; readonly says: string }>> = {
  missing: { code: 'store-shard-missing', says: 'is missing' },
  empty: { code: 'store-shard-damaged', says: 'is empty' },
  damaged: { code: 'store-shard-damaged', says: 'is damaged: it was cut short or changed after it was written' },
  foreign: { code: 'store-shard-foreign', says: 'belongs to another store' },
  swapped: { code: 'store-shard-swapped', says: 'holds another shard of this store: two files were exchanged' },
  rolledBack: { code: 'store-shard-rolled-back', says: 'is an old copy: newer writes of it were acknowledged' },
};

/** One shard cannot be used; the others can. */
export function shardUnusable({ name, folder }: StoreName, shard: string, fault: ShardFault): Failure {
  const { code, says } = shardFaults[fault];
  return failure(name, {
    code,
    message: `store ${name}: shards/${shard} ${says}`,
    file: `${folder}/shards/${shard}`,
    why: 'what it should hold cannot be read, and is not taken for absent',
    remedy: fromBackup,
  });
}

/** The system refused to read. */
export function unreadable(name: string, file: string, cause: unknown): Failure {
  return failure(name, {
    code: 'store-unreadable',
    message: `store ${name} could not be read: ${causeOf(cause)}`,
    file,
    exitCode: 3,
    cause,
  });
}

/** The system refused to write. */
export function unwritable(name: string, file: string, cause: unknown): Failure {
  return failure(name, {
    code: 'store-unwritable',
    message: `store ${name} could not be written: ${causeOf(cause)}`,
    file,
    why: 'what was acknowledged before is safe; of this write, nothing or all is there',
    cause,
  });
}

/** The code of an error of the operating system, for example ENOENT. */
export function systemCode(error: unknown): string | undefined {
  // Node's own codes (ERR_INVALID_ARG_TYPE) have an underscore: those are defects.
  return error instanceof Error && 'code' in error && /^E[A-Z\d]+$/.test(String(error.code))
    ? String(error.code)
    : undefined;
}

function failure(name: string, details: Omit<ConstructorParameters<typeof Failure>[0], 'object'>): Failure {
  return new Failure({ object: `store/${name}`, ...details });
}
