import { readFileSync } from 'node:fs';

/** Version of this Keywright. Its package.json lies two folders up in a clone, one up in the package. */
export function version(): string {
  for (const path of ['../../package.json', '../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (found.name === 'keywright' && found.version !== undefined) {
        return found.version;
      }
    } catch {
      // The other place has it.
    }
  }
  return 'of unknown version';
}
