import type { Diagnostic } from '../model/diagnostic.ts';
import type { Item } from './each.ts';
import type { Envelope } from './envelope.ts';
import { formatProblem } from './formats.ts';
import type { FleetSet } from './kinds/set.ts';
import { didYouMean } from './nearest.ts';
import { finding } from './rule.ts';
import { duplicateDocument, forEach, invalidName } from './rules.ts';

/** One document as the fleet means it: itself, or its copy for one item. */
export interface Copy {
  readonly envelope: Envelope;
  readonly name: string;
  readonly item?: Item;
}

/** The items of each Set by its name; undefined for a Set that could not be read. */
export type Sets = ReadonlyMap<string, FleetSet | undefined>;

/** The copies of a document; itself where it is not repeated. */
export function copiesOf(envelope: Envelope, sets: Sets, diagnostics: Diagnostic[]): Copy[] {
  const set = envelope.readable ? (envelope.spec as { readonly forEach?: unknown } | null)?.forEach : undefined;
  if (set === undefined || envelope.spec === null) {
    return [{ envelope, name: envelope.name }];
  }
  const object = `${envelope.kind}/${envelope.name}`;
  const report = (message: string, remedy?: string) => {
    diagnostics.push(
      finding(forEach, { message, source: { ...envelope.source, pointer: '/spec/forEach' }, object, remedy }),
    );
    return [];
  };
  if (envelope.kind === 'Fleet' || envelope.kind === 'Set') {
    return report(`a ${envelope.kind} cannot be repeated`, 'Remove `forEach`.');
  }
  if (typeof set !== 'string') {
    return report('`forEach` is no name of a Set', 'Write the name of a Set.');
  }
  const known = sets.get(set);
  if (known === undefined) {
    return sets.has(set)
      ? []
      : report(`there is no Set \`${set}\`${didYouMean(set, sets.keys())}`, 'Correct the name or add the Set.');
  }
  return known.items.flatMap((item) => {
    const name = `${envelope.name}-${item.name}`;
    if (formatProblem('name', name) !== undefined) {
      diagnostics.push(
        finding(invalidName, {
          message: `the copy for item ${item.name} would be called ${name}, which is longer than 63 characters`,
          source: { ...envelope.source, pointer: '/metadata/name' },
          object,
          remedy: 'Shorten the name of the document or of the item.',
        }),
      );
      return [];
    }
    return [{ envelope, name, item: { set, name: item.name, values: item.values } }];
  });
}

/** Keeps the first of each kind and name, and reports the others. */
export function withoutDuplicates(copies: readonly Copy[], diagnostics: Diagnostic[]): Copy[] {
  const first = new Map<string, Copy>();
  return copies.filter((copy) => {
    const { kind, source } = copy.envelope;
    const object = `${kind}/${copy.name}`;
    const known = first.get(object);
    if (known === undefined) {
      first.set(object, copy);
      return true;
    }
    if (kind !== 'Fleet') {
      diagnostics.push(
        finding(duplicateDocument, {
          message: `a second ${kind} is called ${copy.name}${copy.item === undefined ? '' : `, as copy of ${copy.envelope.name}`}`,
          source: { ...source, pointer: '/metadata/name' },
          related: {
            message: 'the first one is here',
            source: { ...known.envelope.source, pointer: '/metadata/name' },
          },
          object,
        }),
      );
    }
    return false;
  });
}
