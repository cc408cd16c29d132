import type { RuleDescription } from './rule.ts';

/** Rules that reading a fleet applies; those about what a readable fleet means are in checks/, one in each file. */

function rule(description: Omit<RuleDescription, 'severity'> & { severity?: RuleDescription['severity'] }) {
  return { severity: 'error' as const, ...description };
}

export const unreadableFile = rule({
  id: 'KW001',
  name: 'unreadable-file',
  what: 'A file or folder of the fleet cannot be read.',
  why: 'What it declares is unknown, so nothing can be said about the fleet as a whole.',
  example: 'keywright check fleet.yaml     # no such file, no permission, a loop of symbolic links',
  remedy: 'Name an existing file or folder that you may read.',
});

export const fileTooLarge = rule({
  id: 'KW002',
  name: 'file-too-large',
  what: 'A file is larger than 8 MiB.',
  why: 'A fleet of a thousand documents has some 300 KiB; a file this large is a mistake or an attack.',
  example: '# a database dump that ended up in the folder of the fleet, named dump.yaml',
  remedy: 'Split it into several files in one folder, or move it elsewhere.',
});

export const notUtf8 = rule({
  id: 'KW003',
  name: 'not-utf-8',
  what: 'A file is not valid UTF-8.',
  why: 'A name that is read in the wrong encoding names another thing.',
  example: '# a file saved as Latin-1 or UTF-16',
  remedy: 'Save the file as UTF-8.',
});

export const notYaml = rule({
  id: 'KW004',
  name: 'not-yaml',
  what: 'A document is not valid YAML.',
  why: 'The document cannot be read; the other documents of the file are checked all the same.',
  example: 'spec: { home: box',
  remedy: 'Mend the syntax at this place.',
});

export const tooComplex = rule({
  id: 'KW005',
  name: 'too-complex',
  what: 'A document refers to itself, is nested too deeply, or grows too large when its aliases are followed.',
  why: 'A few lines of aliases can stand for billions of values.',
  example: 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]     # and so on',
  remedy: 'Write the values out, or use `forEach` with a Set.',
});

export const emptyFleet = rule({
  id: 'KW006',
  name: 'empty-fleet',
  what: 'There is no document.',
  why: 'A fleet is at least a document of kind Fleet and a Store.',
  example: '# an empty file, or a folder without *.yaml and *.yml',
  remedy: 'Write a fleet with `keywright init`, or name another file or folder.',
});

export const unknownKind = rule({
  id: 'KW007',
  name: 'unknown-kind',
  what: 'A document has no apiVersion or kind that Keywright knows.',
  why: 'It would be ignored, and what it declares would not be there.',
  example: 'apiVersion: keywright.dev/v1alpha1\nkind: Postgress',
  remedy: 'Write `apiVersion: keywright.dev/v1alpha1` and a kind of the fleet language.',
});

export const unknownField = rule({
  id: 'KW008',
  name: 'unknown-field',
  what: 'A field is not part of the kind.',
  why: 'It would have no effect, though its author counts on it.',
  example: 'spec:\n  priviledges: readOnly',
  remedy: 'Correct the name or remove the field.',
});

export const missingField = rule({
  id: 'KW009',
  name: 'missing-field',
  what: 'A required field is missing.',
  why: 'There is no value that would be right for everybody, and none is guessed.',
  example: 'kind: DatabaseAccess\nspec: { database: orders }     # whose? with which rights?',
  remedy: 'Add the field.',
});

export const wrongType = rule({
  id: 'KW010',
  name: 'wrong-type',
  what: 'A value is of another type than the field.',
  why: 'What it is used for cannot take it, and a guess at what was meant may be wrong.',
  example: 'parameters: { max_connections: 100 }     # a text: "100"',
  remedy: 'Write a value of the right type; texts that look like numbers are quoted.',
});

export const oneOf = rule({
  id: 'KW011',
  name: 'one-of',
  what: 'Of several fields exactly one is to be written, and there are none or more.',
  why: 'They exclude each other; which one is meant would be a guess.',
  example: 'credential: { static: {}, dynamic: {} }',
  remedy: 'Keep exactly one of them.',
});

export const invalidName = rule({
  id: 'KW012',
  name: 'invalid-name',
  what: 'A name is not a DNS label.',
  why: 'Names become parts of host names, Kubernetes objects, paths and SQL identifiers.',
  example: 'metadata: { name: Orders_App }',
  remedy: 'Use lower-case letters, digits and `-`, at most 63, beginning and ending with a letter or digit.',
});

export const invalidDuration = rule({
  id: 'KW013',
  name: 'invalid-duration',
  what: 'A duration has no unit or is none.',
  why: 'A number without unit is read as seconds by one system and as hours by another.',
  example: 'credential: { dynamic: { ttl: 3600 } }     # 1h',
  remedy: 'Write a whole number with a unit: 200ms, 30s, 15m, 1h, 30d, 10y.',
});

export const duplicateDocument = rule({
  id: 'KW014',
  name: 'duplicate-document',
  what: 'Two documents of one kind have the same name.',
  why: 'References to the name could mean either.',
  example: 'kind: Store\nmetadata: { name: main }\n---\nkind: Store\nmetadata: { name: main }',
  remedy: 'Rename or remove one of them.',
});

export const exactlyOneFleet = rule({
  id: 'KW015',
  name: 'exactly-one-fleet',
  what: 'There is no document of kind Fleet, or more than one.',
  why: 'The fleet’s name marks everything that it owns, and its home holds the records.',
  example: '# a folder in which two fleets lie',
  remedy: 'Keep exactly one document of kind Fleet.',
});

export const forEach = rule({
  id: 'KW016',
  name: 'for-each',
  what: 'A repetition cannot be carried out: `{each}` outside of forEach or in the wrong place, or a value that an item does not have.',
  why: 'The copies would hold the placeholder itself.',
  example: 'spec:\n  forEach: environments\n  path: "apps/{each.region}"     # no item has a value region',
  remedy: 'Use `{each}` for the name of the item and `{each.x}` for its value x.',
});

export const unknownReference = rule({
  id: 'KW017',
  name: 'unknown-reference',
  what: 'A field names a document that is not there.',
  why: 'What it would refer to is never made.',
  example: 'kind: DatabaseAccess\nspec: { postgres: oders }',
  remedy: 'Correct the name or add the document.',
});

export const wrongKind = rule({
  id: 'KW018',
  name: 'wrong-kind',
  what: 'A field names a document of another kind than it takes.',
  why: 'The name exists, so it looks right, but it is another thing.',
  example: 'kind: Postgres\nspec: { site: box }     # box is a Store',
  remedy: 'Name a document of the right kind.',
});

export const leftOutReference = rule({
  id: 'KW019',
  name: 'left-out-reference',
  what: 'A store, site or authority is left out, and there is not exactly one.',
  why: 'Which one is meant would be a guess, and a secret in the wrong store is a leak.',
  example: '# two Stores, and a SecretTree that names none',
  remedy: 'Name it in the document or in `defaults` of the Fleet.',
});

export const notSupportedYet = rule({
  id: 'KW020',
  name: 'not-supported-yet',
  severity: 'note',
  what: 'This part of the language is read and checked, but this version cannot apply it.',
  why: 'Half a fleet applied is a fleet pruned, so every command that would act refuses it.',
  example: 'kind: Backup',
  remedy: 'Remove it for now, or check the fleet only.',
});

export const invalidValue = rule({
  id: 'KW021',
  name: 'invalid-value',
  what: 'A value has the right type but not the right form.',
  why: 'The system that it is meant for would refuse it, or read something else.',
  example: 'schedule: "2 o’clock"',
  remedy: 'Write a value of the form that the field takes.',
});

export const foreignDocument = rule({
  id: 'KW022',
  name: 'foreign-document',
  severity: 'note',
  what: 'A document belongs to another system.',
  why: 'It is not part of the fleet and is left alone.',
  example: 'apiVersion: v1\nkind: ConfigMap',
  remedy: 'Nothing has to be done; keep other manifests in another folder to be rid of the note.',
});

export const unknownWord = rule({
  id: 'KW023',
  name: 'unknown-word',
  what: 'A field takes one of a few words, and this is none of them.',
  why: 'There is nothing that it could mean.',
  example: 'privileges: readonly',
  remedy: 'Use one of the words.',
});

export const loadingRules: readonly RuleDescription[] = [
  unreadableFile,
  fileTooLarge,
  notUtf8,
  notYaml,
  tooComplex,
  emptyFleet,
  unknownKind,
  unknownField,
  missingField,
  wrongType,
  oneOf,
  invalidName,
  invalidDuration,
  duplicateDocument,
  exactlyOneFleet,
  forEach,
  unknownReference,
  wrongKind,
  leftOutReference,
  notSupportedYet,
  invalidValue,
  foreignDocument,
  unknownWord,
];
