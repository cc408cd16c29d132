import { apiVersion } from './envelope.ts';
import { formats } from './formats.ts';
import { kindNames, kinds } from './kinds/index.ts';
import type { KindName, Node, ObjectNode } from './schema.ts';

/** The JSON Schema of the language, made from the kinds: for editors, and the source of the custom resources. */

export type JsonSchema = { [key: string]: unknown };

/** A pattern that also lets `{each}` through: in a repeated document it stands wherever a text does. */
function withEach(pattern: RegExp): string {
  const source = pattern.source.replaceAll('\\/', '/');
  return `${source}|\\{each`;
}

/** A duration, as a pattern. */
const durationPattern = '^[1-9][0-9]*(ms|s|m|h|d|y)$|\\{each';

/** The schema of one field, by JSON Schema 2020-12. */
export function fieldSchema(node: Node): JsonSchema {
  const { description } = node;
  const shared: JsonSchema = {
    ...(description === '' ? {} : { description }),
    ...(node.default === undefined ? {} : { default: node.default }),
    ...(node.example === undefined ? {} : { examples: [node.example] }),
  };
  switch (node.type) {
    case 'text':
      return {
        type: 'string',
        ...shared,
        ...(node.format === undefined ? {} : { pattern: withEach(formats[node.format].pattern) }),
      };
    case 'integer':
      return { type: 'integer', ...shared, minimum: node.minimum, maximum: node.maximum };
    case 'boolean':
      return { type: 'boolean', ...shared };
    case 'duration':
      return { type: 'string', ...shared, pattern: durationPattern };
    case 'words':
      return { type: 'string', ...shared, enum: [...node.words] };
    case 'reference':
      return { type: 'string', ...shared, pattern: withEach(formats.name.pattern) };
    case 'list':
      return {
        type: 'array',
        ...shared,
        items: fieldSchema(node.of),
        ...(node.minimum > 0 ? { minItems: node.minimum } : {}),
      };
    case 'map':
      return {
        type: 'object',
        ...shared,
        additionalProperties: fieldSchema(node.of),
        propertyNames: { pattern: formats[node.key].pattern.source.replaceAll('\\/', '/') },
      };
    case 'object':
      return { ...objectSchema(node), ...shared };
  }
}

function objectSchema(node: ObjectNode): JsonSchema {
  const fields = Object.entries(node.fields);
  const required = fields.flatMap(([key, field]) => (field.presence === 'required' ? [key] : []));
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(([key, field]) => [key, fieldSchema(field)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
    ...choices(node),
  };
}

/** Choices as `oneOf` over required keys: several groups in one object stand in an `allOf`. */
export function choices(node: ObjectNode): JsonSchema {
  const exactlyOne = node.oneOf.map((group) => ({ oneOf: group.map((key) => ({ required: [key] })) }));
  const notBoth = node.atMostOne.map((group) => ({ not: { required: [...group] } }));
  const all: JsonSchema[] = [...exactlyOne, ...notBoth];
  return all.length === 1 ? { ...all[0] } : all.length === 0 ? {} : { allOf: all };
}

/** The schema of one document of any kind. */
export function fleetJsonSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `https://${apiVersion}/fleet.schema.json`,
    title: 'Keywright fleet document',
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata'],
    properties: {
      apiVersion: { const: apiVersion, description: 'Version of the fleet language.' },
      kind: { enum: [...kindNames], description: 'What the document declares.' },
      metadata: metadataSchema,
      spec: { type: 'object' },
    },
    allOf: kindNames.map((kind) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      // oxlint-disable-next-line unicorn/no-thenable
      then: {
        description: kinds[kind].description,
        properties: { spec: { $ref: `#/$defs/${kind}` } },
        ...(needsSpec(kind) ? { required: ['spec'] } : {}),
      },
    })),
    $defs: Object.fromEntries(kindNames.map((kind) => [kind, fieldSchema(kinds[kind].spec)])),
  };
}

function needsSpec(kind: KindName): boolean {
  const { spec } = kinds[kind];
  return spec.oneOf.length > 0 || Object.values(spec.fields).some(({ presence }) => presence === 'required');
}

const metadataSchema: JsonSchema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      description: 'Name, a DNS label, unique among the documents of its kind.',
      pattern: formats.name.pattern.source,
    },
  },
};
