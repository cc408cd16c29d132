import { open, stat, truncate } from 'node:fs/promises';
import { writeOwnedFile } from './owned-file.ts';
import type { ServerFolder } from './server-folder.ts';

/** The last lines of a server's log, at most `lines`, from byte `from` on; empty when there is none. */
export async function endOfLog(server: Pick<ServerFolder, 'logFile'>, lines = 10, from = 0): Promise<string> {
  const size = await logSize(server);
  const start = Math.max(from, size - 16_384);
  if (size <= start) {
    return '';
  }
  const file = await open(server.logFile, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.subarray(0, bytesRead).toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    await file.close();
  }
}

/** The first lines that came after `from`: the cause of what then fills the log. At most 16 KiB are read. */
export async function logSince(server: Pick<ServerFolder, 'logFile'>, from: number, lines = 10): Promise<string> {
  if ((await logSize(server)) <= from) {
    return '';
  }
  const file = await open(server.logFile, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16_384), 0, 16_384, from);
    return buffer.subarray(0, bytesRead).toString('utf8').trimEnd().split('\n').slice(0, lines).join('\n');
  } finally {
    await file.close();
  }
}

/** Bytes in the log now, to read later only what came after. */
export async function logSize(server: Pick<ServerFolder, 'logFile'>): Promise<number> {
  return stat(server.logFile).then(
    ({ size }) => size,
    () => 0,
  );
}

/** A log stays below this; the last half megabyte is kept. */
const limit = 8 * 1024 * 1024;

/**
 * Shortens a log that has grown too long, also while the server writes it: the server appends, so it goes on at the new
 * end. PostgreSQL's own rotation would need a process more per server.
 */
export async function boundLog(server: ServerFolder): Promise<void> {
  if ((await logSize(server)) <= limit) {
    return;
  }
  const kept = await endOfLog(server, 2_000);
  await writeOwnedFile(`${server.logFile}.old`, `${kept}\n`, server.account);
  await truncate(server.logFile, 0);
}
