import type { Diagnostic } from '../model/diagnostic.ts';
import { causeOf } from '../model/failure.ts';
import type { SourceFile } from './model.ts';
import { finding } from './rule.ts';
import { emptyFleet, fileTooLarge, notUtf8, unreadableFile } from './rules.ts';

// Not by import: the namespace of an imported node:fs loads streams and promises, a tenth of a start.
const { readFileSync, readdirSync, realpathSync, statSync } = process.getBuiltinModule('node:fs');
const { basename, dirname, join, relative, resolve } = process.getBuiltinModule('node:path');
const { isUtf8 } = process.getBuiltinModule('node:buffer');

/** Largest file that is read, in bytes. */
const largestFile = 8 * 1024 * 1024;
/** Folders below each other that are looked into. */
const deepestFolder = 16;

export interface FleetFiles {
  /** Absolute path of the folder that relative paths of the fleet start from. */
  readonly folder: string;
  /** In the order of their names, so that the order in a folder makes no difference. */
  readonly files: readonly SourceFile[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads the files of a fleet: one file, or all *.yaml and *.yml of a folder and its subfolders, hidden ones and
 * node_modules left out. What cannot be read is a diagnostic and hides nothing else.
 *
 * @param path file or folder, absolute or from `from`
 * @param from folder that shown names start from
 */
export function readFleetFiles(path: string, from: string = process.cwd()): FleetFiles {
  const start = resolve(from, path);
  const diagnostics: Diagnostic[] = [];
  const files: SourceFile[] = [];
  const seen = new Set<string>();

  /** As it is shown: short where it lies below, absolute elsewhere. */
  const shown = (absolute: string) => {
    const near = relative(from, absolute);
    return near === '' || near.startsWith('..') ? absolute : near;
  };
  const unreadable = (absolute: string, error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    diagnostics.push(
      finding(unreadableFile, {
        message: `${shown(absolute)}: ${reasons[code] ?? causeOf(error)}`,
        source: { file: shown(absolute), document: 0, pointer: '' },
        remedy: remedies[code],
      }),
    );
  };

  const readFile = (absolute: string) => {
    const file = shown(absolute);
    const source = { file, document: 0, pointer: '' };
    try {
      const real = realpathSync(absolute);
      if (seen.has(real)) {
        return;
      }
      seen.add(real);
      const { size, isFile } = regular(real);
      if (!isFile) {
        // A pipe would be waited for without end.
        diagnostics.push(
          finding(unreadableFile, {
            message: `${file} is no regular file`,
            source,
            remedy: 'Name a file or a folder.',
          }),
        );
        return;
      }
      if (size > largestFile) {
        diagnostics.push(
          finding(fileTooLarge, {
            message: `${file} has ${(size / 1024 / 1024).toFixed(1)} MiB; at most 8 are read`,
            source,
          }),
        );
        return;
      }
      const bytes = readFileSync(real);
      if (!isUtf8(bytes)) {
        diagnostics.push(notUtf8At(file, bytes));
        return;
      }
      const text = bytes.toString('utf8');
      files.push({ file, text: text.charCodeAt(0) === 0xfeff ? text.slice(1) : text });
    } catch (error) {
      unreadable(absolute, error);
    }
  };

  const readFolder = (absolute: string, above: readonly string[]) => {
    try {
      const real = realpathSync(absolute);
      if (above.includes(real) || above.length >= deepestFolder) {
        diagnostics.push(
          finding(unreadableFile, {
            message: `${shown(absolute)} ${above.includes(real) ? 'is a symbolic link that leads back to a folder above it' : `lies more than ${deepestFolder} folders deep`}`,
            source: { file: shown(absolute), document: 0, pointer: '' },
            remedy: above.includes(real) ? 'Remove the link.' : 'Name the folder itself.',
          }),
        );
        return;
      }
      if (seen.has(real)) {
        return;
      }
      seen.add(real);
      const entries = readdirSync(real, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const entry of entries) {
        const inside = join(absolute, entry.name);
        const yaml = /\.ya?ml$/i.test(entry.name);
        if (entry.name.startsWith('.') || entry.name === 'node_modules') {
          continue;
        }
        let folder = entry.isDirectory();
        if (entry.isSymbolicLink()) {
          try {
            folder = statSync(inside).isDirectory();
          } catch (error) {
            // A dangling link that is no YAML is none of our business.
            if (yaml) {
              unreadable(inside, error);
            }
            continue;
          }
        }
        if (folder) {
          readFolder(inside, [...above, real]);
        } else if (yaml) {
          readFile(inside);
        }
      }
    } catch (error) {
      unreadable(absolute, error);
    }
  };

  let folder = start;
  try {
    if (statSync(start).isDirectory()) {
      readFolder(start, []);
    } else {
      folder = dirname(start);
      readFile(start);
    }
  } catch (error) {
    folder = dirname(start);
    unreadable(start, error);
  }
  files.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
  if (files.length === 0 && diagnostics.length === 0) {
    diagnostics.push(
      finding(emptyFleet, {
        message: `${basename(start)} has no *.yaml and no *.yml`,
        source: { file: shown(start), document: 0, pointer: '' },
      }),
    );
  }
  return { folder, files, diagnostics };
}

function regular(path: string): { readonly size: number; readonly isFile: boolean } {
  const stat = statSync(path);
  return { size: stat.size, isFile: stat.isFile() };
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'a loop of symbolic links',
  EISDIR: 'is a folder',
};

const remedies: Readonly<Record<string, string>> = {
  ENOENT: 'Name an existing file or folder, or write a fleet with `keywright init`.',
  EACCES: 'Give your account the right to read it.',
  EPERM: 'Give your account the right to read it.',
  ELOOP: 'Remove the links.',
};

/** Where a file stops being UTF-8, as line and column. */
function notUtf8At(file: string, bytes: Buffer): Diagnostic {
  let low = 0;
  let high = bytes.length;
  // The longest right beginning: a character cut at its end must not count as wrong, so ends are tried up to 3 back.
  const right = (end: number) => [0, 1, 2, 3].some((less) => end - less >= 0 && isUtf8(bytes.subarray(0, end - less)));
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (right(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  while (low > 0 && !isUtf8(bytes.subarray(0, low))) {
    low -= 1;
  }
  const before = bytes.subarray(0, low).toString('utf8');
  const line = before.split('\n').length;
  const column = before.length - before.lastIndexOf('\n');
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  return {
    ...finding(notUtf8, {
      message: utf16 ? `${file} is UTF-16` : `${file} is not valid UTF-8 from byte ${low} on`,
      source: { file, document: 0, pointer: '' },
    }),
    position: { file, line, column, length: 1 },
  };
}
