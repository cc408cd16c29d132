import type { SourcePointer } from '../model/diagnostic.ts';
import type { Fleet, FleetDocument } from '../fleet/model.ts';
import { at } from '../fleet/pointer.ts';

/** One place that names an entry of a store by its path. */
export interface PathUse {
  readonly store: string;
  readonly path: string;
  /** With a reference to a key. */
  readonly key?: string;
  /** How: a delivered copy, a right to read or write by itself, or Keywright's own use of a key. */
  readonly how: 'copy' | 'read' | 'write' | 'encryptionKey' | 'own';
  readonly object: string;
  readonly consumer?: FleetDocument<'Consumer'>;
  readonly source: SourcePointer;
}

/** Every place that names an entry by its path. */
export function usesOf(fleet: Fleet): PathUse[] {
  const uses: PathUse[] = [];
  for (const document of fleet.documents) {
    collectKeyReferences(document.spec, at(document.source, 'spec'), document.document, uses);
  }
  for (const consumer of fleet.consumers.values()) {
    const base = { object: consumer.document, consumer };
    for (const [index, secret] of consumer.spec.secrets.entries()) {
      for (const [alias, from] of Object.entries(secret.from)) {
        if (from.path !== undefined && from.store !== undefined) {
          const source = at(consumer.source, 'spec', 'secrets', index, 'from', alias);
          uses.push({ ...base, how: 'copy', store: from.store, path: from.path, source });
        }
      }
    }
    for (const [index, read] of consumer.spec.reads.entries()) {
      const path = read.path ?? read.encryptionKey;
      if (path !== undefined && read.store !== undefined) {
        const how = read.path === undefined ? 'encryptionKey' : 'read';
        uses.push({ ...base, how, store: read.store, path, source: at(consumer.source, 'spec', 'reads', index) });
      }
    }
    for (const [index, write] of consumer.spec.writes.entries()) {
      uses.push({ ...base, how: 'write', ...write, source: at(consumer.source, 'spec', 'writes', index) });
    }
  }
  return uses;
}

/** References to a key have one shape, `{ store, path, key }`, wherever they stand. */
function collectKeyReferences(value: unknown, source: SourcePointer, object: string, uses: PathUse[]): void {
  if (typeof value !== 'object' || value === null) {
    return;
  }
  const { store, path, key } = value as Readonly<Record<string, unknown>>;
  if (typeof store === 'string' && typeof path === 'string' && typeof key === 'string') {
    uses.push({ how: 'own', store, path, key, object, source });
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'object') {
      collectKeyReferences(inner, at(source, Array.isArray(value) ? Number(name) : name), object, uses);
    }
  }
}
