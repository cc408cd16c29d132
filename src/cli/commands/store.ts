import { join, resolve } from 'node:path';
import { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import type { FileStoreExtras } from '../../stores/file/file-store.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { generateRootToken, parseBreakGlass } from '../../targets/vault/server/break-glass.ts';
import { makeOwnedFolder, writeOwnedFile } from '../../targets/process/owned-file.ts';
import { breakGlassPath, giveIdentity } from '../../targets/vault/server/give-identity.ts';
import type { GivenIdentity } from '../../targets/vault/server/give-identity.ts';
import { homeAuthority, identityCertificate } from '../../targets/vault/server/home-authority.ts';
import { identityMount } from '../../targets/vault/server/identity-policy.ts';
import { systemEnvironment } from '../environment.ts';
import { openSealed, readIdentities, readRunStore, sharesOf } from '../key-shares.ts';
import { openRun } from '../open-run.ts';
import type { OpenRun } from '../open-run.ts';
import { requireShowable } from '../showable.ts';

const options = {
  recipient: { type: 'string' },
  out: { type: 'string' },
  identity: { type: 'string' },
  show: { type: 'boolean' },
  'to-pipe': { type: 'boolean' },
} as const;

/** `store backup-key`, `store login`, `store shares`, `store root-token`, `store restore-identity`. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals } = parse(invocation, options, [
    'backup-key, login, shares, root-token or restore-identity',
    'STORE?',
  ]);
  requireOutput(values.output);
  switch (positionals[0]) {
    case 'backup-key':
      return backUpKey(invocation);
    case 'shares':
      return showShares(invocation);
    case 'login':
      return writeLogin(invocation);
    case 'root-token':
      return showRootToken(invocation);
    case 'restore-identity':
      return restoreIdentity(invocation);
    default:
      throw wrongUsage(
        `store ${positionals[0]} is not known`,
        'keywright store backup-key, login, shares, root-token or restore-identity STORE',
      );
  }
}

/** `store shares STORE`: each share as it is sealed to its holder; nothing in clear. */
async function showShares(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['shares', 'STORE']);
  const opened = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const { bootstrap } = await readRunStore(opened, positionals[1] ?? '');
    const text = bootstrap.shares.map(({ holder, armored }) => `holder ${holder}\n${armored.trimEnd()}\n`).join('\n');
    terminal.result({ store: positionals[1], shares: bootstrap.shares }, text);
    return 0;
  } finally {
    await opened.run.close();
  }
}

const handMilliseconds = 3_600_000;

/** `store login STORE --out FOLDER`: for a person with `bao`, a certificate of Keywright's own identity for an hour. */
async function writeLogin(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['login', 'STORE']);
  const name = positionals[1] ?? '';
  if (values.out === undefined) {
    throw wrongUsage('--out is missing', 'a folder that is made for it, readable by you alone');
  }
  const opened = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const { spec, addresses, ca } = await readRunStore(opened, name);
    const home = await opened.run.store(spec.home.store);
    const identity = { fleet: opened.compiled.fleet, store: name, environment: systemEnvironment };
    const issuer = await homeAuthority(home, identity);
    const { certificatePem, privateKey } = await identityCertificate(issuer, identity, handMilliseconds);
    const folder = resolve(invocation.cwd, values.out);
    await makeOwnedFolder(folder, 0o700, undefined);
    await writeOwnedFile(join(folder, 'ca.crt'), ca, undefined);
    await writeOwnedFile(join(folder, 'tls.crt'), certificatePem, undefined);
    await writeOwnedFile(join(folder, 'tls.key'), privateKey.expose(), undefined);
    const variables = {
      BAO_ADDR: addresses[0] ?? '',
      BAO_CACERT: join(folder, 'ca.crt'),
      BAO_CLIENT_CERT: join(folder, 'tls.crt'),
      BAO_CLIENT_KEY: join(folder, 'tls.key'),
    };
    const login = `bao login -method=cert -path=${identityMount} name=${identityMount}`;
    const exports = Object.entries(variables).map(([variable, value]) => `export ${variable}=${value}\n`);
    terminal.result({ store: name, folder, variables, login }, `${exports.join('')}${login}\n`);
    terminal.err('Valid for an hour. What is changed by hand is shown by: keywright plan\n');
    return 0;
  } finally {
    await opened.run.close();
  }
}

/** `store root-token STORE --identity FILE,…`: the way back in, with the identities of enough holders. */
async function showRootToken(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['root-token', 'STORE']);
  const name = positionals[1] ?? '';
  const identities = requireIdentities(values.identity);
  requireShowable(values, terminal);
  if (values.show !== true) {
    throw wrongUsage('--show is missing', 'the token is shown once and kept nowhere');
  }
  const opened = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const { rootToken } = await makeRootToken(opened, name, await readIdentities(invocation.cwd, identities));
    terminal.result({ store: name, token: rootToken.expose() }, `${rootToken.expose()}\n`);
    terminal.err('It may do everything. When done: bao token revoke -self\n');
    return 0;
  } finally {
    await opened.run.close();
  }
}

/** `store restore-identity STORE --identity FILE,…`: Keywright's own login as at bootstrap; no root token is shown or left. */
async function restoreIdentity(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['restore-identity', 'STORE']);
  const name = positionals[1] ?? '';
  const identities = requireIdentities(values.identity);
  const opened = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const made = await makeRootToken(opened, name, await readIdentities(invocation.cwd, identities));
    await giveIdentity({ fleet: opened.compiled.fleet, environment: systemEnvironment, ...made });
    terminal.result(
      { store: name, restored: true },
      `Keywright logs in to ${name} again; the root token that did it is dead\n`,
    );
    return 0;
  } finally {
    await opened.run.close();
  }
}

function requireIdentities(files: string | undefined): string {
  if (files === undefined) {
    throw wrongUsage('--identity is missing', 'the age identities of enough key holders: --identity a.txt,b.txt');
  }
  return files;
}

/** By the way back in, with the shares of these holders. */
async function makeRootToken(
  opened: OpenRun,
  name: string,
  identities: readonly Secret[],
): Promise<Pick<GivenIdentity, 'spec' | 'home' | 'client' | 'rootToken' | 'shares'>> {
  const store = await readRunStore(opened, name);
  const { spec, addresses, ca, bootstrap } = store;
  const shares = await sharesOf(store, identities);
  const home = await opened.run.store(spec.home.store);
  const kept = await home.read(breakGlassPath(opened.compiled.fleet, name));
  const armored = kept.state === 'present' ? kept.seen.data.get('armored')?.expose() : undefined;
  const credential = armored === undefined ? undefined : await openSealed(armored, identities);
  if (credential === undefined) {
    throw new Failure({
      code: 'no-way-back',
      message: `the way back into store ${name} ${armored === undefined ? 'is not in the home of the fleet' : 'is not sealed to these identities'}`,
      object: `store/${name}`,
    });
  }
  const client = { store: name, addresses, ca, environment: systemEnvironment };
  const rootToken = await generateRootToken(client, parseBreakGlass(credential), shares);
  return { spec, home, client, rootToken, shares: bootstrap.shares };
}

/** `store backup-key [STORE] --recipient RECIPIENT`: the key of a file store, encrypted to somebody else. */
async function backUpKey(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['backup-key', 'STORE?']);
  if (values.recipient === undefined) {
    throw wrongUsage('--recipient is missing', 'an age recipient, as age-keygen prints it: age1…');
  }
  const { run, fleet } = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const name = positionals[1] ?? fleet.home;
    await run.openHome({ create: false });
    const store = (await run.store(name)) as unknown as Partial<FileStoreExtras>;
    if (store.backupKey === undefined) {
      throw new Failure({
        code: 'store-without-key-file',
        message: `store ${name} is no file store: it has no key of its own to back up`,
        object: `store/${name}`,
      });
    }
    const backup = await store.backupKey(values.recipient);
    if (values.out === undefined) {
      terminal.result(
        { store: name, recipient: values.recipient, backup },
        backup.endsWith('\n') ? backup : `${backup}\n`,
      );
    } else {
      const { writeFileSafely } = await import('../write-file.ts');
      await writeFileSafely(invocation.cwd, values.out, backup);
      terminal.result({ store: name, recipient: values.recipient, file: values.out }, `wrote ${values.out}\n`);
    }
    terminal.err(`Read it with: age -d -i YOUR-IDENTITY ${values.out ?? 'BACKUP'}\n`);
    return 0;
  } finally {
    await run.close();
  }
}
