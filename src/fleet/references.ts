import { didYouMean } from './nearest.ts';
import type { Report, ReferenceResolver } from './read.ts';
import { forEach, leftOutReference, unknownReference, wrongKind } from './rules.ts';
import type { KindName, ReferenceNode } from './schema.ts';

export interface KnownDocuments {
  /** Names of the documents of each kind, after forEach. */
  readonly names: ReadonlyMap<KindName, ReadonlySet<string>>;
  /** Names of documents that are repeated: they name no document themselves. */
  readonly repeated: ReadonlyMap<KindName, ReadonlyMap<string, readonly string[]>>;
  /** Beginnings of names that an unreadable repetition may have made: not reported again. */
  readonly excused: ReadonlyMap<KindName, readonly string[]>;
  readonly defaults: Readonly<Partial<Record<'store' | 'site' | 'authority', string>>>;
}

const defaultField = { Store: 'store', Site: 'site', Authority: 'authority' } as const;

/** `a Store`, `an Authority`. */
function withArticle(kind: KindName): string {
  return `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

/** Looks names up among the documents of a fleet. */
export class References implements ReferenceResolver {
  readonly #known: KnownDocuments;

  constructor(known: KnownDocuments) {
    this.#known = known;
  }

  check(node: ReferenceNode, name: string, report: Report, pointer: string): void {
    const { names, repeated, excused } = this.#known;
    const ofKind = names.get(node.to);
    if (
      ofKind?.has(name) === true ||
      excused.get(node.to)?.some((start) => name === start || name.startsWith(`${start}-`))
    ) {
      return;
    }
    const copies = repeated.get(node.to)?.get(name);
    if (copies !== undefined) {
      report(forEach, pointer, {
        message: `${node.to} \`${name}\` is repeated; its copies are ${list(copies)}`,
        why: 'A repeated document is only a pattern; the copies are what exists.',
        remedy: 'Name one copy, or repeat this document for the same Set and use `{each}`.',
      });
      return;
    }
    for (const [kind, others] of names) {
      if (kind !== node.to && kind !== 'Set' && kind !== 'Fleet' && others.has(name) && !near(name, ofKind)) {
        report(wrongKind, pointer, {
          message: `\`${name}\` is ${withArticle(kind)}, where ${withArticle(node.to)} is expected`,
          remedy:
            ofKind === undefined || ofKind.size === 0
              ? `Add ${withArticle(node.to)} and name it.`
              : `Name one of ${list([...ofKind])}.`,
        });
        return;
      }
    }
    report(unknownReference, pointer, {
      message: `there is no ${node.to} \`${name}\`${didYouMean(name, ofKind ?? [])}`,
      remedy:
        ofKind === undefined || ofKind.size === 0
          ? `Add a document of kind ${node.to}.`
          : `Name one of ${list([...ofKind])}, or add the document.`,
    });
  }

  fallback(node: ReferenceNode, field: string, report: Report, pointer: string): string | undefined {
    const given = this.#known.defaults[defaultField[node.to as keyof typeof defaultField]];
    const names = [...(this.#known.names.get(node.to) ?? [])];
    const only = names.length === 1 ? names[0] : undefined;
    const name = given ?? only;
    if (name === undefined && node.byDefault === 'must') {
      report(leftOutReference, pointer, {
        of: 'key',
        message:
          names.length === 0
            ? `\`${field}\` is left out, and there is no ${node.to}`
            : `\`${field}\` is left out, and there are ${names.length}: ${list(names)}`,
        remedy:
          names.length === 0
            ? `Add a document of kind ${node.to}.`
            : `Add \`${field}: ${names[0]}\`, or \`defaults: { ${defaultField[node.to as keyof typeof defaultField]}: ${names[0]} }\` to the Fleet.`,
      });
    }
    return name;
  }
}

function near(name: string, known: ReadonlySet<string> | undefined): boolean {
  return didYouMean(name, known ?? []) !== '';
}

/** At most six names, sorted. */
function list(names: readonly string[]): string {
  const sorted = [...names].sort();
  return sorted.length <= 6 ? sorted.join(', ') : `${sorted.slice(0, 6).join(', ')} and ${sorted.length - 6} more`;
}
