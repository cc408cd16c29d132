import type { SourcePointer } from '../model/diagnostic.ts';

/** One step of an RFC 6901 JSON pointer. */
export function step(key: string | number): string {
  return `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Points into a document, for example `at(access.source, 'spec', 'credential')`. */
export function at(source: SourcePointer, ...keys: readonly (string | number)[]): SourcePointer {
  return { file: source.file, document: source.document, pointer: source.pointer + keys.map(step).join('') };
}

/** The same, pointing at the key instead of its value. */
export function atKey(source: SourcePointer, ...keys: readonly (string | number)[]): SourcePointer {
  return { ...at(source, ...keys), of: 'key' };
}

/** The steps of a pointer, taken apart. */
export function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((text) => text.replaceAll('~1', '/').replaceAll('~0', '~'));
}
