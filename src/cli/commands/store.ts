import { Failure } from '../../model/failure.ts';
import type { FileStoreExtras } from '../../stores/file/file-store.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { generateRootToken, parseBreakGlass } from '../../targets/vault/server/break-glass.ts';
import { breakGlassPath } from '../../targets/vault/server/vault-server-ensure.ts';
import { systemEnvironment } from '../environment.ts';
import { openSealed, readIdentities, readRunStore, sharesOf } from '../key-shares.ts';
import { openRun } from '../open-run.ts';
import { requireShowable } from '../showable.ts';

const options = {
  recipient: { type: 'string' },
  out: { type: 'string' },
  identity: { type: 'string' },
  show: { type: 'boolean' },
  'to-pipe': { type: 'boolean' },
} as const;

/** `store backup-key`, `store shares`, `store root-token`. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals } = parse(invocation, options, ['backup-key, shares or root-token', 'STORE?']);
  requireOutput(values.output);
  switch (positionals[0]) {
    case 'backup-key':
      return backUpKey(invocation);
    case 'shares':
      return showShares(invocation);
    case 'root-token':
      return makeRootToken(invocation);
    default:
      throw wrongUsage(
        `store ${positionals[0]} is not known`,
        'keywright store backup-key STORE --recipient AGE-RECIPIENT, store shares STORE, store root-token STORE',
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

/** `store root-token STORE --identity FILE,…`: the way back in, with the identities of enough holders. */
async function makeRootToken(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['root-token', 'STORE']);
  const name = positionals[1] ?? '';
  if (values.identity === undefined) {
    throw wrongUsage('--identity is missing', 'the age identities of enough key holders: --identity a.txt,b.txt');
  }
  requireShowable(values, terminal);
  if (values.show !== true) {
    throw wrongUsage('--show is missing', 'the token is shown once and kept nowhere');
  }
  const opened = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const store = await readRunStore(opened, name);
    const identities = await readIdentities(invocation.cwd, values.identity);
    const shares = await sharesOf(store, identities);
    const home = await opened.run.store(store.spec.home.store);
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
    const { addresses, ca } = store;
    const client = { store: name, addresses, ca, environment: systemEnvironment };
    const token = await generateRootToken(client, parseBreakGlass(credential), shares);
    terminal.result({ store: name, token: token.expose() }, `${token.expose()}\n`);
    terminal.err('It may do everything. When done: bao token revoke -self\n');
    return 0;
  } finally {
    await opened.run.close();
  }
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
