import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { causeOf, Failure } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';
import { dearmored, decryptWith, recipientOf } from '../stores/file/age.ts';
import type { VaultServerSpec } from '../targets/vault/vault-server.spec.ts';
import { BootstrapRecords } from '../targets/vault/server/bootstrap-records.ts';
import type { Bootstrap } from '../targets/vault/server/bootstrap-records.ts';
import { parseResourceId } from '../model/ids.ts';
import { addressOf } from '../targets/vault/server/local-health.ts';
import { readIfThere } from '../targets/process/owned-file.ts';
import { readMemory } from '../targets/process/server-folder.ts';
import { localSites, serversOf } from './local-sites.ts';
import type { OpenRun } from './open-run.ts';
import type { Terminal } from './terminal.ts';

/** A store that the fleet runs, as its home knows it. */
export interface RunStore {
  readonly spec: VaultServerSpec;
  readonly bootstrap: Bootstrap;
  readonly addresses: readonly string[];
  /** PEM of who signed the certificates of its peers. */
  readonly ca: string;
}

/**
 * Opens the fleet's home and reads what it knows of a store that the fleet runs.
 *
 * @throws Failure `store-not-run` for every other store, `store-not-made` before its first apply
 */
export async function readRunStore({ run, compiled, fleet }: OpenRun, store: string): Promise<RunStore> {
  await run.openHome({ create: false });
  const found = compiled.resources.find(
    ({ id, kind }) => kind === 'vault-server' && parseResourceId(id).names[0] === store,
  );
  if (found === undefined) {
    throw new Failure({
      code: 'store-not-run',
      message: `store ${store} is not run by this fleet`,
      object: `store/${store}`,
      remedy: 'it is unsealed by who runs it; a Store of this fleet with `vault: { server: … }` can be unsealed here',
    });
  }
  const spec = found.spec as VaultServerSpec;
  const home = await run.store(spec.home.store);
  const bootstrap = await new BootstrapRecords(home, { fleet: compiled.fleet, store }).read();
  // From the peers' own folders: a store that was never unsealed has no outputs yet.
  const peers = (await serversOf(await localSites(fleet))).filter(({ name }) => name.startsWith(`${store}/`));
  const addresses = await Promise.all(peers.map(async (each) => (await readMemory(each))?.port));
  const ports = addresses.filter((port) => port !== undefined);
  const [first] = peers;
  if (bootstrap?.state !== 'initialised' || first?.peer === undefined || ports.length === 0) {
    throw new Failure({
      code: 'store-not-made',
      message: `store ${store} is still to be made`,
      object: `store/${store}`,
      remedy: 'keywright apply',
    });
  }
  const ca = (await readIfThere(first.peer.caFile)) ?? '';
  return { spec, bootstrap, addresses: ports.map((port) => addressOf({ port })), ca };
}

/** The identities that a person named, separated by commas. @throws Failure `identity-unreadable` */
export async function readIdentities(cwd: string, files: string): Promise<readonly Secret[]> {
  return Promise.all(
    files.split(',').map(async (file) => {
      const text = await readFile(resolve(cwd, file), 'utf8').catch((error: unknown) => {
        throw unreadable(file, causeOf(error));
      });
      const line = text.split('\n').find((each) => each.startsWith('AGE-SECRET-KEY-1'));
      if (line === undefined) {
        throw unreadable(file, 'it holds no line AGE-SECRET-KEY-1…');
      }
      return new Secret(line.trim());
    }),
  );
}

/** Opens what is sealed to one of the identities; undefined when it is sealed to none. */
export async function openSealed(armored: string, identities: readonly Secret[]): Promise<Secret | undefined> {
  for (const identity of identities) {
    const opened = await decryptWith(identity, await dearmored(armored));
    if (opened.state === 'plain') {
      return new Secret(Buffer.from(opened.bytes).toString('utf8'));
    }
  }
  return undefined;
}

/** The shares that are sealed to the identities. @throws Failure `no-share` when there is none */
export async function sharesOf(
  { bootstrap, spec }: RunStore,
  identities: readonly Secret[],
): Promise<readonly Secret[]> {
  const recipients = await Promise.all(identities.map((identity) => recipientOf(identity)));
  const own = bootstrap.shares.filter(({ holder }) => recipients.includes(holder));
  const opened = await Promise.all(own.map(({ armored }) => openSealed(armored, identities)));
  const shares = opened.filter((share) => share !== undefined);
  if (shares.length === 0) {
    throw new Failure({
      code: 'no-share',
      message: `no share of store ${spec.store} is sealed to ${identities.length === 1 ? 'this identity' : 'these identities'}`,
      object: `store/${spec.store}`,
      remedy: `its holders are ${bootstrap.shares.map(({ holder }) => holder).join(', ')}`,
    });
  }
  return shares;
}

/** Shares in clear: one a line of standard input, or one after the other from a hidden prompt until an empty one. */
export async function askForShares(terminal: Terminal): Promise<readonly Secret[]> {
  if (!terminal.inputIsTerminal) {
    const lines = (await terminal.readInput()).split('\n').map((line) => line.trim());
    return lines.filter((line) => line !== '').map((line) => new Secret(line));
  }
  const shares: Secret[] = [];
  for (;;) {
    const text = (await terminal.askHidden(`share ${shares.length + 1} (empty: no more): `)).trim();
    if (text === '') {
      return shares;
    }
    shares.push(new Secret(text));
  }
}

function unreadable(file: string, why: string): Failure {
  return new Failure({
    code: 'identity-unreadable',
    message: `${file} cannot be read as an age identity: ${why}`,
    file,
    remedy: 'give the file that age-keygen wrote',
  });
}
