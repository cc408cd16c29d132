import { broken, held, type Measurer } from './measurer.ts';
import type { EntryCompleteSpec } from './proofs.spec.ts';

/** Every declared key of an entry is there and has a value. */
export const entryCompleteMeasurer: Measurer<EntryCompleteSpec> = async ({ entry: ref, keys }, tools) => {
  const entry = await tools.entry(ref);
  const missing = keys.filter((key) => !entry.has(key));
  const empty = keys.filter((key) => entry.get(key)?.expose() === '');
  const faults = [
    ...(missing.length === 0 ? [] : [`no ${missing.join(', ')}`]),
    ...(empty.length === 0 ? [] : [`${empty.join(', ')} empty`]),
  ];
  const where = `${ref.store}/${ref.path}`;
  return faults.length === 0
    ? held(`${where} holds ${keys.join(', ')}`)
    : broken(`${where}: ${faults.join('; ')}`, 'keywright apply');
};
