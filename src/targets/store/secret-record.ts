import type { Applied, InventoryRecord, RunContext } from '../../engine/interfaces.ts';
import type { ResourceId } from '../../model/ids.ts';
import { isDerived } from './content.ts';
import { markOf } from './mark.ts';
import { keyNames } from './secret-moves.ts';
import type { SecretSpec } from './secret.spec.ts';

/** Keys that the entry's record says were derived when it was last written. */
export function derivedKeysOf(record: InventoryRecord | undefined): ReadonlySet<string> {
  const text = record?.removal?.derived;
  return new Set(typeof text === 'string' && text !== '' ? (JSON.parse(text) as string[]) : []);
}

/** What the inventory keeps of an entry. */
export function secretRecord(
  context: Pick<RunContext, 'fleet'>,
  id: ResourceId,
  spec: SecretSpec,
  version: string,
  fingerprint: string,
): Extract<Applied, { readonly outcome: 'done' }>['record'] {
  const derived = Object.entries(spec.keys).flatMap(([key, source]) => (isDerived(source) ? [key] : []));
  return {
    mark: markOf(context.fleet, id),
    version,
    fingerprint,
    outputs: { version },
    removal: { path: spec.path, derived: JSON.stringify(derived.sort()), keys: keyNames(spec.keys), ...spec.origin },
  };
}
