import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { RunContext } from '../../engine/interfaces.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';

/** Largest file that is imported, in bytes: the smallest of the stores' limits for an entry. */
const largestFile = 65_536;

export interface ImportSource {
  readonly env?: string;
  readonly file?: string;
}

/** What became of an import: a value, or why there is none. */
export type Imported = { readonly value: Secret } | { readonly problem: string };

/**
 * Reads a value to import: the variable when it is set and not empty, else the file. A file of one line loses its final
 * newline; one of several lines is taken as it is.
 */
export async function readImport(source: ImportSource, context: Pick<RunContext, 'env' | 'folder'>): Promise<Imported> {
  const tried: string[] = [];
  if (source.env !== undefined) {
    const value = context.env(source.env);
    if (value !== undefined && value !== '') {
      return { value: new Secret(value) };
    }
    tried.push(`variable ${source.env} is ${value === undefined ? 'not set' : 'empty'}`);
  }
  if (source.file !== undefined) {
    const read = await readImportFile(isAbsolute(source.file) ? source.file : join(context.folder, source.file));
    if ('value' in read) {
      return read;
    }
    tried.push(read.problem);
  }
  return { problem: tried.length === 0 ? 'it is put by hand' : tried.join(', and ') };
}

async function readImportFile(path: string): Promise<Imported> {
  try {
    const bytes = await readWhole(path);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value = /^[^\n]*\r?\n$/.test(text) ? text.replace(/\r?\n$/, '') : text;
    return value === '' ? { problem: `file ${path} is empty` } : { value: new Secret(value) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return { problem: `file ${path} is not UTF-8 text` };
    }
    const missing = code === 'ENOENT';
    return { problem: missing ? `file ${path} is not there` : `file ${path} cannot be read: ${shortCause(error)}` };
  }
}

async function readWhole(path: string): Promise<Buffer> {
  // A named pipe without a writer would hold an ordinary open for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) {
      throw new Failure({ code: 'import-unreadable', message: 'it is not a file' });
    }
    if (stat.size > largestFile) {
      throw new Failure({ code: 'import-unreadable', message: `it has ${stat.size} bytes, more than ${largestFile}` });
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Node's messages repeat the path: `EACCES: permission denied, open '…'`. */
function shortCause(error: unknown): string {
  return causeOf(error).replace(/, \w+( '.*')?$/, '');
}
