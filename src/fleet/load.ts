import type { Diagnostic } from '../model/diagnostic.ts';
import { copiesOf, withoutDuplicates, type Copy, type Sets } from './copies.ts';
import { readEnvelope, type Envelope } from './envelope.ts';
import { readFleetFiles, type FleetFiles } from './files.ts';
import type { Fleet as FleetSpec } from './kinds/fleet.ts';
import { kindNames, kinds } from './kinds/index.ts';
import type { FleetSet } from './kinds/set.ts';
import type { DocumentMap, Fleet, FleetDocument, LoadResult, SourceFile, Specs } from './model.ts';
import { parseFile } from './parse.ts';
import { readValue, type ReadContext, type ReferenceResolver } from './read.ts';
import { References, type KnownDocuments } from './references.ts';
import { finding } from './rule.ts';
import { emptyFleet, exactlyOneFleet, invalidValue, leftOutReference } from './rules.ts';
import type { KindName } from './schema.ts';

/**
 * Reads the fleet at a path: a file, or all *.yaml and *.yml of a folder. Never throws for what is wrong with the
 * fleet; whatever is wrong is a located diagnostic, and one broken document hides nothing in the others.
 *
 * @param from folder that shown file names start from; default: the current one
 */
// Asynchronous because a fleet may also come from a cluster, though files are read at once.
export async function loadFleet(path: string, from?: string): Promise<LoadResult> {
  return assembleFleet(readFleetFiles(path, from));
}

/** Makes a fleet of files that were read already. Pure. */
export function assembleFleet({ folder, files, diagnostics: found }: FleetFiles): LoadResult {
  const diagnostics: Diagnostic[] = [...found];
  const sources = new Map<string, SourceFile>(files.map((file) => [file.file, file]));
  const envelopes = readEnvelopes(files, diagnostics);
  if (envelopes.length === 0) {
    if (diagnostics.length === 0) {
      const file = files[0]?.file ?? folder;
      diagnostics.push({
        ...finding(emptyFleet, {
          message: files.length === 1 ? `${file} has no document` : 'no file has a document',
          source: { file, document: 0, pointer: '' },
        }),
        position: { file, line: 1, column: 1, length: 1 },
      });
    }
    return { diagnostics, sources, broken: new Map() };
  }
  const reading = new Reading(diagnostics);
  const fleet = reading.fleet(envelopes, folder);
  return { fleet, diagnostics: withoutRepeats(diagnostics, files), sources, broken: reading.broken };
}

function readEnvelopes(files: readonly SourceFile[], diagnostics: Diagnostic[]): Envelope[] {
  return files.flatMap((file) => {
    const parsed = parseFile(file);
    diagnostics.push(...parsed.diagnostics);
    return parsed.documents.flatMap((raw) => readEnvelope(raw, diagnostics) ?? []);
  });
}

/** Names are not known yet while Sets and the Fleet are read, and neither refers to what is repeated. */
const noReferences: ReferenceResolver = { check: () => undefined, fallback: () => undefined };

class Reading {
  readonly broken = new Map<string, unknown>();
  readonly #diagnostics: Diagnostic[];

  constructor(diagnostics: Diagnostic[]) {
    this.#diagnostics = diagnostics;
  }

  fleet(envelopes: readonly Envelope[], folder: string): Fleet {
    const sets = this.#sets(envelopes);
    const all = envelopes.flatMap((envelope) => copiesOf(envelope, sets, this.#diagnostics));
    const copies = withoutDuplicates(all, this.#diagnostics);
    const fleetCopy = this.#onlyFleet(envelopes, copies);
    const known = knownDocuments(envelopes, copies, fleetCopy);
    const references = new References(known);
    const documents: FleetDocument[] = [];
    for (const copy of copies) {
      const document = this.#document(copy, references);
      if (document !== undefined) {
        documents.push(document);
      }
    }
    documents.sort(inOrder);
    return this.#assemble(documents, fleetCopy, known, folder);
  }

  /** Sets come first: they say which copies there are. */
  #sets(envelopes: readonly Envelope[]): Sets {
    const sets = new Map<string, FleetSet | undefined>();
    for (const envelope of envelopes) {
      if (envelope.kind !== 'Set' || sets.has(envelope.name)) {
        continue;
      }
      // Findings are reported when the Set is read as a document.
      const silent: Diagnostic[] = [];
      const spec = envelope.readable ? this.#read({ envelope, name: envelope.name }, noReferences, silent) : undefined;
      sets.set(envelope.name, silent.length === 0 ? (spec as FleetSet | undefined) : undefined);
    }
    return sets;
  }

  #onlyFleet(envelopes: readonly Envelope[], copies: readonly Copy[]): Copy | undefined {
    const fleets = envelopes.filter(({ kind }) => kind === 'Fleet');
    const [first, ...more] = fleets;
    if (first === undefined) {
      const { source } = envelopes[0] as Envelope;
      this.#diagnostics.push(
        finding(exactlyOneFleet, {
          message: 'there is no document of kind Fleet',
          source,
          remedy: 'Add one: `kind: Fleet`, `metadata: { name: NAME }`, `spec: { home: STORE }`.',
        }),
      );
    }
    for (const extra of more) {
      this.#diagnostics.push(
        finding(exactlyOneFleet, {
          message: `a second Fleet, ${extra.name}`,
          source: { ...extra.source, pointer: '/metadata/name' },
          related: first && {
            message: 'the first one is here',
            source: { ...first.source, pointer: '/metadata/name' },
          },
          object: `Fleet/${extra.name}`,
        }),
      );
    }
    return copies.find(({ envelope }) => envelope === first);
  }

  #read(copy: Copy, references: ReferenceResolver, diagnostics: Diagnostic[]): unknown {
    const { kind, source, spec } = copy.envelope;
    const context: ReadContext = {
      file: source.file,
      document: source.document,
      object: `${kind}/${copy.name}`,
      item: copy.item,
      references,
      diagnostics,
    };
    return readValue(kinds[kind].spec, spec, '/spec', context);
  }

  #document(copy: Copy, references: References): FleetDocument | undefined {
    const { kind, source, readable } = copy.envelope;
    const object = `${kind}/${copy.name}`;
    const diagnostics: Diagnostic[] = [];
    const spec = readable ? this.#read(copy, references, diagnostics) : undefined;
    if (kind === 'Set' && spec !== undefined) {
      checkItems(spec as FleetSet, copy, diagnostics);
    }
    this.#diagnostics.push(...diagnostics);
    if (!readable || diagnostics.length > 0) {
      this.broken.set(object, spec);
      return undefined;
    }
    const copyOf = copy.item && { name: copy.envelope.name, set: copy.item.set, item: copy.item.name };
    return {
      kind,
      name: copy.name,
      spec: spec as Specs[KindName],
      document: object,
      source,
      ...(copyOf && { copyOf }),
    };
  }

  #assemble(
    documents: readonly FleetDocument[],
    fleetCopy: Copy | undefined,
    known: KnownDocuments,
    folder: string,
  ): Fleet {
    const byKind = <K extends KindName>(kind: K): DocumentMap<K> =>
      new Map(
        documents.flatMap((document) =>
          document.kind === kind ? [[document.name, document as unknown as FleetDocument<K>] as const] : [],
        ),
      );
    return {
      name: fleetCopy?.name ?? '',
      home: this.#home(fleetCopy, known),
      folder,
      documents,
      sets: byKind('Set'),
      sites: byKind('Site'),
      stores: byKind('Store'),
      authorities: byKind('Authority'),
      postgres: byKind('Postgres'),
      accesses: byKind('DatabaseAccess'),
      secretTrees: byKind('SecretTree'),
      consumers: byKind('Consumer'),
      links: byKind('Link'),
      replications: byKind('Replication'),
      backups: byKind('Backup'),
      rules: byKind('Rule'),
      monitorings: byKind('Monitoring'),
    };
  }

  /** The Store that holds the records: as told, else the only one. */
  #home(fleetCopy: Copy | undefined, known: KnownDocuments): string {
    const given = specOf(fleetCopy)?.home;
    const stores = [...(known.names.get('Store') ?? [])];
    const home = typeof given === 'string' ? given : stores.length === 1 ? stores[0] : undefined;
    if (home === undefined && given === undefined && fleetCopy?.envelope.readable === true) {
      this.#diagnostics.push(
        finding(leftOutReference, {
          message:
            stores.length === 0
              ? 'the fleet has no Store'
              : `\`home\` is left out, and there are ${stores.length} Stores`,
          source: { ...fleetCopy.envelope.source, pointer: '/spec' },
          object: `Fleet/${fleetCopy.name}`,
          why: 'The home holds inventory and lock; keeping them in a guessed place would lose them.',
          remedy:
            stores.length === 0 ? 'Add a document of kind Store.' : `Add \`home\`, one of ${stores.sort().join(', ')}.`,
        }),
      );
    }
    return home ?? '';
  }
}

/** Two items of one name would make two documents of one name. */
function checkItems(set: FleetSet, copy: Copy, diagnostics: Diagnostic[]): void {
  const seen = new Set<string>();
  for (const [index, { name }] of (set.items ?? []).entries()) {
    if (name !== undefined && seen.has(name)) {
      diagnostics.push(
        finding(invalidValue, {
          message: `the Set has two items called ${name}`,
          source: { ...copy.envelope.source, pointer: `/spec/items/${index}/name` },
          object: `Set/${copy.name}`,
          why: 'Each item makes one copy of a document, called NAME-ITEM.',
          remedy: 'Rename or remove one of them.',
        }),
      );
    }
    seen.add(name);
  }
}

function specOf(copy: Copy | undefined): Partial<FleetSpec> | undefined {
  const spec = copy?.envelope.spec;
  return typeof spec === 'object' && spec !== null ? spec : undefined;
}

function knownDocuments(
  envelopes: readonly Envelope[],
  copies: readonly Copy[],
  fleetCopy: Copy | undefined,
): KnownDocuments {
  const names = new Map<KindName, Set<string>>();
  const repeated = new Map<KindName, Map<string, string[]>>();
  const excused = new Map<KindName, string[]>();
  for (const { envelope, name, item } of copies) {
    valueFor(names, envelope.kind, () => new Set<string>()).add(name);
    if (item !== undefined) {
      const ofKind = valueFor(repeated, envelope.kind, () => new Map<string, string[]>());
      valueFor(ofKind, envelope.name, () => []).push(name);
    }
  }
  const made = new Set(copies.map(({ envelope }) => envelope));
  for (const envelope of envelopes) {
    if (!made.has(envelope) || !envelope.readable) {
      valueFor(excused, envelope.kind, () => []).push(envelope.name);
    }
  }
  const written = specOf(fleetCopy)?.defaults;
  const defaults: Record<string, string> = {};
  for (const [key, value] of Object.entries(typeof written === 'object' && written !== null ? written : {})) {
    if (typeof value === 'string') {
      defaults[key] = value;
    }
  }
  return { names, repeated, excused, defaults };
}

function valueFor<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) {
    return known;
  }
  const made = make();
  map.set(key, made);
  return made;
}

function inOrder(a: FleetDocument, b: FleetDocument): number {
  return kindNames.indexOf(a.kind) - kindNames.indexOf(b.kind) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** One finding for all copies of a document, in the order of files and documents. */
function withoutRepeats(diagnostics: readonly Diagnostic[], files: readonly SourceFile[]): Diagnostic[] {
  const firstObject = new Map<string, string | undefined>();
  const order = new Map(files.map((file, index) => [file.file, index]));
  const rank = ({ source }: Diagnostic) => order.get(source?.file ?? '') ?? -1;
  return diagnostics
    .filter(({ rule, source, object }) => {
      const key = JSON.stringify([rule, source]);
      if (!firstObject.has(key)) {
        firstObject.set(key, object);
      }
      return firstObject.get(key) === object;
    })
    .sort((a, b) => rank(a) - rank(b) || (a.source?.document ?? 0) - (b.source?.document ?? 0));
}
