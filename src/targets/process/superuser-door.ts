import { join } from 'node:path';
import { readIfThere, writeOwnedFile } from './owned-file.ts';
import type { ServerFolder } from './server-folder.ts';
import { firstHba, firstIdent, superuserHbaLine, superuserIdentLine } from './settings.ts';

/**
 * Whether the files let the superuser in. When somebody edited that away and reloaded, nothing that works over SQL could
 * mend it any more, so the process looks after it; all other lines belong to the `hba` resource.
 */
export async function isDoorOpen(server: ServerFolder): Promise<boolean> {
  const [hba, ident] = await Promise.all([read(server, 'pg_hba.conf'), read(server, 'pg_ident.conf')]);
  const firstRule = lines(hba).find((line) => line !== '' && !line.startsWith('#'));
  return firstRule === superuserHbaLine && lines(ident).includes(superuserIdentLine());
}

/** Puts the superuser's lines first where they are missing and leaves the others; takes effect with the next reload. */
export async function openDoor(server: ServerFolder): Promise<void> {
  const [hba, ident] = await Promise.all([read(server, 'pg_hba.conf'), read(server, 'pg_ident.conf')]);
  const put = (name: string, text: string): Promise<void> =>
    writeOwnedFile(join(server.dataDirectory, name), text, server.account);
  if (lines(hba).find((line) => line !== '' && !line.startsWith('#')) !== superuserHbaLine) {
    await put('pg_hba.conf', hba === undefined ? firstHba() : `${superuserHbaLine}\n${hba}`);
  }
  if (!lines(ident).includes(superuserIdentLine())) {
    await put('pg_ident.conf', ident === undefined ? firstIdent() : `${superuserIdentLine()}\n${ident}`);
  }
}

async function read(server: ServerFolder, name: string): Promise<string | undefined> {
  return readIfThere(join(server.dataDirectory, name));
}

function lines(text: string | undefined): string[] {
  return (text ?? '').split('\n').map((line) => line.trim());
}
