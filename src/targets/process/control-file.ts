import { open } from 'node:fs/promises';
import { join } from 'node:path';

export interface ControlFile {
  /** Decimal, as `pg_control_system()` shows it. */
  readonly systemIdentifier: string;
  /** The server ended in an orderly way. False while it runs, and after a crash. */
  readonly cleanShutdown: boolean;
}

/**
 * Reads what `global/pg_control` says without a server, by the layout of src/include/catalog/pg_control.h: 64-bit system
 * identifier, two 32-bit versions, then the state. Undefined when there is no such file.
 */
export async function readControlFile(dataDirectory: string): Promise<ControlFile | undefined> {
  let file;
  try {
    file = await open(join(dataDirectory, 'global/pg_control'), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
    if (bytesRead < 20) {
      return undefined;
    }
    const state = buffer.readUInt32LE(16);
    return {
      systemIdentifier: buffer.readBigUInt64LE(0).toString(),
      cleanShutdown: state === DB_SHUTDOWNED || state === DB_SHUTDOWNED_IN_RECOVERY,
    };
  } finally {
    await file.close();
  }
}

const DB_SHUTDOWNED = 1;
const DB_SHUTDOWNED_IN_RECOVERY = 2;
