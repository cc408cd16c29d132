import type { Diagnostic, SourcePointer } from '../model/diagnostic.ts';
import { formatProblem } from './formats.ts';
import { kindNames } from './kinds/index.ts';
import { didYouMean, nearest } from './nearest.ts';
import type { RawDocument } from './parse.ts';
import { step } from './pointer.ts';
import { finding } from './rule.ts';
import { foreignDocument, invalidName, missingField, unknownField, unknownKind, wrongType } from './rules.ts';
import type { KindName } from './schema.ts';

export const apiVersion = 'keywright.dev/v1alpha1';

/** A document whose kind and name are known; its spec is still what stands in the file. */
export interface Envelope {
  readonly kind: KindName;
  readonly name: string;
  /** Undefined when the document is no YAML, and kind and name were only recognised in its text. */
  readonly spec: unknown;
  readonly readable: boolean;
  readonly source: SourcePointer;
}

const topLevel = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
/** What an API server adds to a document is left alone, so that one can be saved from a cluster and read again. */
const metadataFields = [
  'name',
  'namespace',
  'labels',
  'annotations',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generation',
  'managedFields',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
];

/** Kind and name of a document, or what is wrong with them. */
export function readEnvelope(raw: RawDocument, diagnostics: Diagnostic[]): Envelope | undefined {
  const source: SourcePointer = { file: raw.file, document: raw.document, pointer: '' };
  if (!raw.readable) {
    return recognise(raw.text, source);
  }
  const { value } = raw;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    diagnostics.push(
      finding(wrongType, {
        message: `the document is ${Array.isArray(value) ? 'a list' : 'a text'}, where an object with apiVersion, kind, metadata and spec is expected`,
        source,
        remedy: 'Write a document of a kind of the fleet language.',
      }),
    );
    return undefined;
  }
  const document = value as Readonly<Record<string, unknown>>;
  const kind = kindOf(document, source, diagnostics);
  if (kind === undefined) {
    return undefined;
  }
  for (const key of Object.keys(document)) {
    if (!topLevel.includes(key)) {
      diagnostics.push(
        finding(unknownField, {
          message: `unknown field \`${key}\` beside \`spec\`${didYouMean(key, topLevel)}`,
          source: { ...source, pointer: step(key), of: 'key' },
          object: kind,
          remedy: 'Fields of the kind stand below `spec`.',
        }),
      );
    }
  }
  const name = nameOf(kind, document.metadata, source, diagnostics);
  const spec = document.spec === undefined || document.spec === null ? {} : document.spec;
  return name === undefined ? undefined : { kind, name, spec, readable: true, source };
}

function kindOf(
  document: Readonly<Record<string, unknown>>,
  source: SourcePointer,
  diagnostics: Diagnostic[],
): KindName | undefined {
  const { kind, apiVersion: version } = document;
  const report = (field: string, message: string, remedy?: string) =>
    diagnostics.push(finding(unknownKind, { message, source: { ...source, pointer: step(field) }, remedy }));
  if (
    typeof version === 'string' &&
    version !== apiVersion &&
    !isOurs(version) &&
    !kindNames.includes(kind as KindName)
  ) {
    diagnostics.push(
      finding(foreignDocument, {
        message: `${kind === undefined ? 'a document' : shown(kind)} of ${version} is not part of the fleet`,
        source: { ...source, pointer: step('kind') },
      }),
    );
    return undefined;
  }
  let right = true;
  if (version !== apiVersion) {
    right = false;
    report(
      'apiVersion',
      version === undefined ? 'the document has no `apiVersion`' : `unknown apiVersion \`${shown(version)}\``,
      `Write \`apiVersion: ${apiVersion}\`.`,
    );
  }
  if (!kindNames.includes(kind as KindName)) {
    right = false;
    report(
      'kind',
      kind === undefined
        ? 'the document has no `kind`'
        : `unknown kind \`${shown(kind)}\`${didYouMean(shown(kind), kindNames)}`,
      `Use one of ${kindNames.join(', ')}.`,
    );
  }
  return right ? (kind as KindName) : undefined;
}

/** A value as it is written, as far as it fits into a sentence. */
function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value).slice(0, 40);
}

/** A misspelt version of our own, as opposed to another system's. */
function isOurs(version: string): boolean {
  return nearest(version.split('/')[0] ?? '', ['keywright.dev']) !== undefined || /keywright/i.test(version);
}

function nameOf(
  kind: KindName,
  metadata: unknown,
  source: SourcePointer,
  diagnostics: Diagnostic[],
): string | undefined {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    diagnostics.push(
      finding(missingField, {
        message: `the ${kind} has no \`metadata\``,
        source,
        object: kind,
        remedy: 'Add `metadata: { name: NAME }`.',
      }),
    );
    return undefined;
  }
  for (const key of Object.keys(metadata)) {
    if (!metadataFields.includes(key)) {
      diagnostics.push(
        finding(unknownField, {
          message: `unknown field \`${key}\` in \`metadata\`${didYouMean(key, metadataFields)}`,
          source: { ...source, pointer: `/metadata${step(key)}`, of: 'key' },
          object: kind,
        }),
      );
    }
  }
  const { name } = metadata as { readonly name?: unknown };
  if (name === undefined) {
    diagnostics.push(
      finding(missingField, {
        message: `the ${kind} has no \`metadata.name\``,
        source: { ...source, pointer: '/metadata' },
        object: kind,
        remedy: 'Add `name: NAME`.',
      }),
    );
    return undefined;
  }
  const problem = typeof name === 'string' ? formatProblem('name', name) : 'is no text';
  if (typeof name !== 'string' || problem !== undefined) {
    diagnostics.push(
      finding(invalidName, {
        message: `the name ${JSON.stringify(name)} ${problem}`,
        source: { ...source, pointer: '/metadata/name' },
        object: `${kind}/${shown(name)}`,
      }),
    );
    return typeof name === 'string' ? name : undefined;
  }
  return name;
}

/** Kind and name of a document that is no YAML, so that what refers to it is not reported as well. */
function recognise(text: string, source: SourcePointer): Envelope | undefined {
  const kind = /^kind:\s*["']?([A-Za-z]+)/m.exec(text)?.[1];
  const name = /^metadata:\s*(?:\{\s*|\n\s+)name:\s*["']?([-a-z0-9]+)/m.exec(text)?.[1];
  return kind !== undefined && name !== undefined && kindNames.includes(kind as KindName)
    ? { kind: kind as KindName, name, spec: undefined, readable: false, source }
    : undefined;
}
