import { choices, fieldSchema, type JsonSchema } from './json-schema.ts';
import { kindNames, kinds } from './kinds/index.ts';
import type { KindName, Node, ObjectNode } from './schema.ts';

/**
 * The kinds as custom resources of Kubernetes. Their schemas are structural: a type on every node, no references,
 * nothing recurses, choices over required keys only, unknown fields pruned. Defaults stay out of them: the API server
 * would write them into the object, and a better default could never reach it.
 */

const group = 'keywright.dev';
const version = 'v1alpha1';

/** Fields that cannot be edited, each with the rule that compares old and new. */
const immutable: Readonly<Partial<Record<KindName, { readonly rule: string; readonly message: string }>>> = {
  DatabaseAccess: {
    rule: 'self.postgres == oldSelf.postgres',
    message: 'postgres cannot be edited: the role and its objects would stay behind; make a new access',
  },
  Postgres: {
    rule: 'has(self.site) == has(oldSelf.site) && (!has(self.site) || self.site == oldSelf.site)',
    message: 'site cannot be edited: the data would stay behind; make a new Postgres and replicate',
  },
  Store: {
    rule: ['vault', 'awsSecretsManager', 'file']
      .map((shape) => `has(self.${shape}) == has(oldSelf.${shape})`)
      .join(' && '),
    message: 'the shape of a Store cannot be edited; make a new Store with `replaces`',
  },
};

export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: JsonSchema;
}

/** One definition for each kind, in the order of the language page. */
export function customResourceDefinitions(): CustomResourceDefinition[] {
  return kindNames.map(definition);
}

function definition(kind: KindName): CustomResourceDefinition {
  const plural = `kw${kinds[kind].plural}`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: `kw${kind.toLowerCase()}`, categories: ['keywright'] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            { name: 'Proven', type: 'string', jsonPath: '.status.conditions[?(@.type=="Proven")].status' },
            { name: 'Due', type: 'date', jsonPath: '.status.due.at' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: { openAPIV3Schema: documentSchema(kind) },
        },
      ],
    },
  };
}

function documentSchema(kind: KindName): JsonSchema {
  const rule = immutable[kind];
  const spec = structural(kinds[kind].spec);
  const own = (spec['x-kubernetes-validations'] ?? []) as JsonSchema[];
  const validations = rule === undefined ? own : [...own, { ...rule }];
  return {
    type: 'object',
    description: kinds[kind].description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: { ...spec, ...(validations.length === 0 ? {} : { 'x-kubernetes-validations': validations }) },
      status: statusSchema,
    },
  };
}

/** A field as a structural schema. */
function structural(node: Node): JsonSchema {
  const { description } = node;
  const shared = description === '' ? {} : { description };
  switch (node.type) {
    case 'list':
      return {
        type: 'array',
        ...shared,
        items: structural(node.of),
        ...(node.minimum > 0 ? { minItems: node.minimum } : {}),
      };
    case 'map':
      // Structural schemas know no pattern of keys; the admission check has it.
      return { type: 'object', ...shared, additionalProperties: structural(node.of) };
    case 'object':
      return structuralObject(node);
    case 'text':
    case 'integer':
    case 'boolean':
    case 'duration':
    case 'words':
    case 'reference': {
      const { default: _, examples: __, ...rest } = fieldSchema(node);
      // `{each}` cannot stand in an enumeration, so nothing has to be let through there.
      return rest;
    }
  }
}

function structuralObject(node: ObjectNode): JsonSchema {
  const fields = Object.entries(node.fields);
  const required = fields.flatMap(([key, field]) => (field.presence === 'required' ? [key] : []));
  const forFiles = fields.flatMap(([key, field]) => (field.type === 'text' && field.fileOnly === true ? [key] : []));
  return {
    type: 'object',
    ...(node.description === '' ? {} : { description: node.description }),
    properties: Object.fromEntries(fields.map(([key, field]) => [key, structural(field)])),
    ...(required.length === 0 ? {} : { required }),
    ...choices(node),
    ...(forFiles.length === 0
      ? {}
      : {
          'x-kubernetes-validations': forFiles.map((key) => ({
            rule: `!has(self.${key})`,
            message: `${key} is for files: a custom resource has no folder that it could start from`,
          })),
        }),
  };
}

const time: JsonSchema = { type: 'string', format: 'date-time' };
const count: JsonSchema = { type: 'integer', minimum: 0 };
const statusSchema: JsonSchema = {
  type: 'object',
  description: 'What Keywright knows about it.',
  properties: {
    observedGeneration: { type: 'integer', format: 'int64' },
    conditions: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
        properties: {
          type: { type: 'string', description: 'Checked, Applied or Proven.' },
          status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
          observedGeneration: { type: 'integer', format: 'int64' },
          reason: { type: 'string' },
          message: { type: 'string' },
          lastTransitionTime: time,
        },
      },
    },
    claims: { type: 'object', properties: { held: count, broken: count, unknown: count, at: time } },
    due: { type: 'object', properties: { what: { type: 'string' }, at: time } },
    items: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, proven: { type: 'string' } },
      },
    },
  },
};
