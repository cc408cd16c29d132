import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issuer } from '../../src/authority/issue.ts';
import { openFileStore } from '../../src/stores/file/open.ts';
import { Secret } from '../../src/model/secret.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import { environmentAt } from './environment.ts';
import type { TestFleet } from './fleet.ts';
import { forge, serverLeaf, type Forgery } from './forged-certificates.ts';
import { putByHand, valuesOf } from './store-bench.ts';

/** The store, the authority and the certificates of the example two-sites, in the hands of somebody who has its key. */

const records = 'keywright/two-sites';

/** Works on the store with the fleet's own key, as no command does: Keywright's own entries are reserved. */
export async function inStore<T>(fleet: TestFleet, work: (store: SecretBackend) => Promise<T>): Promise<T> {
  const answer = await openFileStore({
    name: 'box',
    folder: join(fleet.folder, 'box'),
    identityFile: join(fleet.folder, '.keywright/key.txt'),
    mayCreate: false,
    environment: environmentAt(new Date()),
  });
  if (answer.state !== 'present') {
    throw new Error(`the store is ${answer.state}`);
  }
  try {
    return await work(answer.seen);
  } finally {
    await answer.seen.close();
  }
}

/** Changes keys of an entry below `keywright/two-sites/`. */
export function putRecord(fleet: TestFleet, path: string, values: Readonly<Record<string, string>>): Promise<unknown> {
  return inStore(fleet, (store) => putByHand(store, `${records}/${path}`, values));
}

/** Keys of an entry below `keywright/two-sites/`. */
export function record(fleet: TestFleet, path: string): Promise<Readonly<Record<string, string>>> {
  return inStore(fleet, (store) => valuesOf(store, `${records}/${path}`));
}

/** Files of a certificate: leaf and intermediate, and the key. */
export interface Pair {
  readonly 'tls.crt': string;
  readonly 'tls.key': string;
}

export function pairOf(leaf: Issuer, ...issuers: readonly Issuer[]): Pair {
  return {
    'tls.crt': [leaf, ...issuers].map(({ certificatePem }) => certificatePem).join(''),
    'tls.key': leaf.privateKey.expose(),
  };
}

/** A certificate that the fleet's authority never issued, signed with its key all the same. */
export async function signedByHand(fleet: TestFleet, forgery: Partial<Forgery>): Promise<Pair> {
  const { 'tls.crt': certificatePem = '', 'tls.key': key = '' } = await record(fleet, 'authorities/local/intermediate');
  const issuer = { certificatePem, privateKey: new Secret(key) };
  return pairOf(await forge({ name: 'by hand', issuer, ...serverLeaf, ...forgery }), issuer);
}

/** Folder of the TLS files that a server reads. */
export async function tlsFolderOf(fleet: TestFleet, postgres: string): Promise<string> {
  return join((await fleet.server(postgres)).certificatesFolder, 'server');
}

/** Puts a certificate where a server reads it, owner and mode kept. */
export async function installByHand(fleet: TestFleet, postgres: string, pair: Pair): Promise<void> {
  const folder = await tlsFolderOf(fleet, postgres);
  for (const name of ['tls.crt', 'tls.key'] as const) {
    await writeFile(join(folder, name), pair[name]);
  }
}
