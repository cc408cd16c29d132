import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';

/** An entry of the account database. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The account that runs Keywright, or undefined when its uid has no name (PostgreSQL refuses to run without one). */
export function ownAccount(): Account | undefined {
  try {
    const { username, uid, gid } = userInfo();
    return { name: username, uid, gid };
  } catch {
    return undefined;
  }
}

/** True when Keywright runs as root and may therefore start servers as somebody else. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Looks an account up by its name, in /etc/passwd and then in whatever else the machine knows (`getent`). */
export async function findAccount(name: string): Promise<Account | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return entryOf(passwd, name) ?? entryOf(await getent(name), name);
}

async function getent(name: string): Promise<string> {
  try {
    return (await promisify(execFile)('getent', ['passwd', name])).stdout;
  } catch {
    return '';
  }
}

function entryOf(passwd: string, name: string): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [entry, , uid, gid] = line.split(':');
    if (entry === name && uid !== undefined && gid !== undefined) {
      return { name, uid: Number(uid), gid: Number(gid) };
    }
  }
  return undefined;
}

/**
 * Spawn options for a program of the server: as the account (undefined: our own), from `/`, which any account may enter,
 * and with nothing of our environment.
 */
export function asAccount(account: Account | undefined): {
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
} {
  // Without a gid the server would keep root's group.
  const who = account === undefined ? {} : { uid: account.uid, gid: account.gid };
  return { ...who, cwd: '/', env: { LANG: 'C', PATH: '/usr/bin:/bin' } };
}
