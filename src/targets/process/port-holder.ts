import { readdir, readFile, readlink } from 'node:fs/promises';

/**
 * Says who listens on a TCP port of this machine, for a message: `pid 4121 (redis-server *:15432)`, or the account when
 * the process is another account's and may not be looked into. Undefined when nobody is found.
 */
export async function portHolder(port: number): Promise<string | undefined> {
  const sockets = [...(await listeners('/proc/net/tcp', port)), ...(await listeners('/proc/net/tcp6', port))];
  const [first] = sockets;
  if (first === undefined) {
    return undefined;
  }
  const pid = await processWithSocket(new Set(sockets.map(({ inode }) => `socket:[${inode}]`)));
  return pid === undefined ? `a process of uid ${first.uid}` : `pid ${pid} (${await commandOf(pid)})`;
}

interface Listener {
  readonly uid: number;
  readonly inode: string;
}

async function listeners(table: string, port: number): Promise<Listener[]> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
    const listens = state === '0A' && local?.endsWith(`:${hexPort}`) === true;
    return listens && inode !== undefined ? [{ uid: Number(uid), inode }] : [];
  });
}

async function processWithSocket(sockets: ReadonlySet<string>): Promise<number | undefined> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) {
      continue;
    }
    const descriptors = await readdir(`/proc/${entry}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${entry}/fd/${descriptor}`).catch(() => '');
      if (sockets.has(target)) {
        return Number(entry);
      }
    }
  }
  return undefined;
}

async function commandOf(pid: number): Promise<string> {
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
  return command.length > 80 ? `${command.slice(0, 79)}…` : command || 'unknown command';
}
