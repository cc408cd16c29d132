import { basename, dirname, join } from 'node:path';
import type { Account } from './account.ts';
import { exists, makeOwnedFolder, readIfThere, writeOwnedFile } from './owned-file.ts';
import { type LocalSite, shortHash } from './local-site.ts';

/** Where everything of one server lies. */
export interface ServerFolder {
  /** Name of the Postgres. */
  readonly name: string;
  readonly folder: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Certificates and keys that the server reads, one folder per purpose. */
  readonly certificatesFolder: string;
  /** Short, because the path of a socket may have 107 bytes; derived, so that everybody finds it without asking. */
  readonly socketDirectory: string;
  /** Who runs the server; undefined: the account that runs Keywright. */
  readonly account?: Account;
}

/** What is remembered of a server beside its data folder, because it must outlive a lost inventory. */
export interface ServerMemory {
  readonly mark: string;
  readonly port: number;
  /** Of a peer of a store: where the other peers reach it. */
  readonly clusterPort?: number;
}

export function serverFolder(site: Pick<LocalSite, 'serversFolder' | 'account'>, name: string): ServerFolder {
  return serverFolderAt(join(site.serversFolder, name), site.account);
}

/** The folder of a server whose data folder is known, for example from the outputs of its process. */
export function serverFolderOf(dataDirectory: string, account: Account | undefined): ServerFolder {
  return serverFolderAt(dirname(dataDirectory), account);
}

function serverFolderAt(folder: string, account: Account | undefined): ServerFolder {
  return {
    name: basename(folder),
    folder,
    dataDirectory: join(folder, 'data'),
    logFile: join(folder, 'server.log'),
    certificatesFolder: join(folder, 'certificates'),
    socketDirectory: `/tmp/kw-${shortHash(folder)}`,
    account,
  };
}

export async function makeServerFolder(server: ServerFolder): Promise<void> {
  await makeOwnedFolder(server.folder, 0o700, server.account);
}

export async function hasData(server: ServerFolder): Promise<boolean> {
  return exists(join(server.dataDirectory, 'PG_VERSION'));
}

/** What is remembered, undefined when the file is absent or unreadable as ours. */
export async function readMemory(server: Pick<ServerFolder, 'folder'>): Promise<ServerMemory | undefined> {
  const text = await readIfThere(memoryFile(server));
  try {
    const { mark, port, clusterPort } = JSON.parse(text ?? 'null') as ServerMemory;
    return typeof mark === 'string' && Number.isInteger(port)
      ? { mark, port, ...(Number.isInteger(clusterPort) ? { clusterPort } : {}) }
      : undefined;
  } catch {
    return undefined;
  }
}

export async function writeMemory(
  server: Pick<ServerFolder, 'folder' | 'account'>,
  memory: ServerMemory,
): Promise<void> {
  await writeOwnedFile(memoryFile(server), `${JSON.stringify(memory)}\n`, server.account);
}

function memoryFile(server: Pick<ServerFolder, 'folder'>): string {
  return join(server.folder, 'server.json');
}
