import type { Applied, InventoryRecord } from '../../engine/interfaces.ts';
import { isDerived } from './content.ts';
import { keyNames } from './secret-moves.ts';
import type { SecretSpec } from './secret.spec.ts';

/** Keys that the entry's record says were derived when it was last written. */
export function derivedKeysOf(record: InventoryRecord | undefined): ReadonlySet<string> {
  const text = record?.removal?.derived;
  return new Set(typeof text === 'string' && text !== '' ? (JSON.parse(text) as string[]) : []);
}

/** Keys that were declared when it was last written. */
export function keysOf(record: InventoryRecord | undefined): readonly string[] {
  return JSON.parse(String(record?.removal?.keys ?? '[]')) as string[];
}

/** What the inventory keeps of an entry, with its mark if it bears one. */
export function secretRecord(
  spec: SecretSpec,
  written: { readonly version: string; readonly fingerprint: string; readonly mark: string | undefined },
): Extract<Applied, { readonly outcome: 'done' }>['record'] {
  const { version, fingerprint, mark } = written;
  const derived = Object.entries(spec.keys).flatMap(([key, source]) => (isDerived(source) ? [key] : []));
  return {
    mark,
    version,
    fingerprint,
    outputs: { version },
    removal: { path: spec.path, derived: JSON.stringify(derived.sort()), keys: keyNames(spec.keys), ...spec.origin },
  };
}
