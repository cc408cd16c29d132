import type { InventoryRecord } from '../../engine/interfaces.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import type { Resource } from '../../model/resource.ts';
import { isOutputRef } from '../../model/resource.ts';
import { isDerived } from './content.ts';
import { movesFromText } from './secret-moves.ts';
import { derivedKeysOf, keysOf } from './secret-record.ts';
import type { SeenSecret, Unavailable } from './secret-observe.ts';
import type { KeySource, SecretSpec } from './secret.spec.ts';

/** The entry is not there: every key is made. */
export function describeCreation({ id, spec }: Resource<SecretSpec>): Change {
  return { id, action: 'create', fields: Object.entries(spec.keys).map(([key, source]) => creationOf(key, source)) };
}

/** The entry gets what it held under another path or in another store; only what that did not hold is made. */
export function describeMove(wanted: Resource<SecretSpec>, from: InventoryRecord, action: 'create' | 'adopt'): Change {
  const derived = derivedKeysOf(from);
  const held = new Set(keysOf(from));
  const fields = Object.entries(wanted.spec.keys).map(([key, source]) =>
    held.has(key) && !derived.has(key) && !isDerived(source)
      ? { field: key, note: 'keeps its value' }
      : creationOf(key, source),
  );
  return { id: wanted.id, action, fields, reason: movesFromText(wanted, from) };
}

/** What differs, or undefined when nothing does. */
export function describeUpdate(
  { id, spec }: Resource<SecretSpec>,
  seen: SeenSecret,
  recorded: InventoryRecord | undefined,
  specDigest: string,
): Change | undefined {
  const fields: FieldChange[] = [
    ...seen.missing.flatMap((key) => {
      const source = spec.keys[key];
      return source === undefined ? [] : [creationOf(key, source)];
    }),
    ...seen.stale.map((key) => ({ field: key, note: 'put back to what it is declared as' })),
    ...versionMove(seen, recorded),
  ];
  const reasons = [
    seen.owner.by === 'sibling' ? `was ${seen.owner.id}` : undefined,
    seen.deleted
      ? `was ${seen.destroyed === true ? 'destroyed by hand; it is made anew' : 'deleted by hand; it is brought back'}`
      : undefined,
    seen.content === 'different' && seen.missing.length === 0 && seen.stale.length === 0
      ? 'accepts the value put by hand'
      : undefined,
    seen.content === 'different' && seen.missing.length + seen.stale.length > 0 ? 'was changed by hand' : undefined,
    seen.specDigest === undefined ? 'is recorded as complete' : undefined,
    seen.specDigest !== undefined && seen.specDigest !== specDigest ? 'is declared anew' : undefined,
    seen.content === 'unknown' && !seen.deleted ? 'its fingerprint is made anew' : undefined,
  ].filter((reason) => reason !== undefined);
  const derived = derivedKeysOf(recorded);
  const keysLeft = [...new Set([...derived, ...keysOf(recorded)])].filter((key) => !(key in spec.keys));
  const left = keysLeft.map((field) => ({
    field,
    note: `no longer declared; ${derived.has(field) ? 'it can be made again' : 'its value is kept'}`,
  }));
  if (fields.length === 0 && reasons.length === 0 && left.length === 0) {
    return undefined;
  }
  const reason = reasons.length === 0 ? undefined : reasons.join('; ');
  return { id, action: 'update', fields: [...fields, ...left], reason };
}

/** What is imported has to be there, unless its key is. */
export function importRefusal(
  { id, spec }: Resource<SecretSpec>,
  unavailable: readonly Unavailable[],
): Change | undefined {
  const [first] = unavailable;
  if (first === undefined) {
    return undefined;
  }
  return {
    id,
    action: 'refused',
    fields: unavailable.map(({ key, why }) => ({ field: key, note: why })),
    reason: `key ${first.key} of ${spec.path} has no value: ${first.why}`,
    refusal: { code: 'import-missing', remedy: `keywright secret put ${spec.store}/${spec.path} --key ${first.key}` },
  };
}

/** Outputs of a record that says another version than the store are refreshed, though nothing has to be written. */
function versionMove(seen: SeenSecret, recorded: InventoryRecord | undefined): FieldChange[] {
  const before = recorded?.outputs?.version;
  return before === undefined || before === seen.version
    ? []
    : [{ field: 'version', before: String(before), after: seen.version }];
}

function creationOf(key: string, source: KeySource): FieldChange {
  if ('value' in source) {
    return isOutputRef(source.value)
      ? { field: key, note: `known after ${source.value.from}` }
      : { field: key, after: String(source.value) };
  }
  return { field: key, note: originOf(source) };
}

function originOf(source: Exclude<KeySource, { readonly value: unknown }>): string {
  if ('generate' in source) {
    const [[how, size] = ['', 0]] = Object.entries(source.generate);
    return `generated, ${how} ${size}`;
  }
  if ('import' in source) {
    const { env, file } = source.import;
    const places = [env === undefined ? [] : `variable ${env}`, file === undefined ? [] : `file ${file}`].flat();
    return `imported from ${places.length === 0 ? 'secret put' : places.join(' or ')}`;
  }
  return 'copy' in source ? `copied from ${source.copy.path} ${source.copy.key}` : 'put together';
}
