import assert from 'node:assert/strict';
import test from 'node:test';
import { customResourceDefinitions } from '../../../src/fleet/crds.ts';
import { fleetJsonSchema, type JsonSchema } from '../../../src/fleet/json-schema.ts';
import { kindNames, kinds } from '../../../src/fleet/kinds/index.ts';
import type { Node } from '../../../src/fleet/schema.ts';

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What is wrong with a structural schema, by the rules of "Specifying a structural schema" in the documentation of
 * custom resource definitions.
 */
function structuralProblems(schema: JsonSchema, path: string, logical = false): string[] {
  const problems: string[] = [];
  const forbidden = [
    '$ref',
    '$schema',
    '$defs',
    'definitions',
    'dependencies',
    'id',
    'patternProperties',
    'propertyNames',
    'const',
    'examples',
    'if',
    'then',
    'uniqueItems',
    'x-kubernetes-preserve-unknown-fields',
    'exclusiveMinimum',
  ];
  for (const key of forbidden) {
    if (key in schema) {
      problems.push(`${path}: ${key}`);
    }
  }
  if (logical) {
    for (const key of ['type', 'description', 'default', 'additionalProperties', 'nullable', 'title']) {
      if (key in schema) {
        problems.push(`${path}: ${key} inside a choice`);
      }
    }
  } else if (typeof schema.type !== 'string') {
    problems.push(`${path}: no type`);
  }
  if (schema.additionalProperties === false) {
    problems.push(`${path}: additionalProperties false`);
  }
  if ('properties' in schema && 'additionalProperties' in schema) {
    problems.push(`${path}: properties beside additionalProperties`);
  }
  if (schema.type === 'array' && !isSchema(schema.items)) {
    problems.push(`${path}: an array without items`);
  }
  if (
    schema.type === 'object' &&
    !('properties' in schema) &&
    !('additionalProperties' in schema) &&
    !path.endsWith('metadata')
  ) {
    problems.push(`${path}: an object without anything would be pruned empty`);
  }
  for (const key of (schema.required ?? []) as string[]) {
    if (!logical && !Object.hasOwn(schema.properties ?? {}, key)) {
      problems.push(`${path}: requires ${key}, which is no property`);
    }
  }
  for (const [key, inner] of Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)) {
    problems.push(...structuralProblems(inner, `${path}.${key}`, logical));
  }
  for (const key of ['items', 'additionalProperties']) {
    const inner = schema[key];
    if (isSchema(inner)) {
      problems.push(...structuralProblems(inner, `${path}.${key}`, logical));
    }
  }
  for (const key of ['oneOf', 'anyOf', 'allOf']) {
    for (const inner of (schema[key] ?? []) as JsonSchema[]) {
      problems.push(...structuralProblems(inner, `${path}.${key}`, true));
    }
  }
  if (isSchema(schema.not)) {
    problems.push(...structuralProblems(schema.not, `${path}.not`, true));
  }
  return problems;
}

function schemaOf(definition: { readonly spec: JsonSchema }): JsonSchema {
  const [version] = definition.spec.versions as { schema: { openAPIV3Schema: JsonSchema } }[];
  return version?.schema.openAPIV3Schema ?? {};
}

test('every custom resource has a structural schema', () => {
  for (const definition of customResourceDefinitions()) {
    // An empty object is a choice without fields; the API server keeps it.
    const problems = structuralProblems(schemaOf(definition), definition.metadata.name).filter(
      (problem) => !problem.includes('would be pruned empty'),
    );
    assert.deepEqual(problems, []);
  }
});

test('the check of structural schemas finds what it is for', () => {
  const bad: JsonSchema = {
    type: 'object',
    properties: { a: { $ref: '#' }, b: { type: 'array' } },
    oneOf: [{ type: 'object' }],
  };
  assert.equal(structuralProblems(bad, 'x').length, 5);
});

test('custom resources are called by their prefix, so that they meet nobody else’s', () => {
  const names = customResourceDefinitions().map(({ metadata }) => metadata.name);
  assert.equal(new Set(names).size, kindNames.length);
  assert.ok(names.includes('kwsites.keywright.dev') && names.includes('kwlinks.keywright.dev'));
  for (const { metadata, spec } of customResourceDefinitions()) {
    const { plural, singular, categories } = spec.names as { plural: string; singular: string; categories: string[] };
    assert.equal(metadata.name, `${plural}.keywright.dev`);
    assert.match(plural, /^kw[a-z]+$/);
    assert.notEqual(plural, singular);
    assert.deepEqual(categories, ['keywright']);
    assert.equal(spec.scope, 'Namespaced');
  }
});

test('patterns need no look-around, which neither Kubernetes nor every editor has', () => {
  const text = JSON.stringify([fleetJsonSchema(), customResourceDefinitions()]);
  assert.doesNotMatch(text, /\(\?[=!<]/);
});

/** All nodes of the language, by their place. */
function* nodes(node: Node, path: string): Iterable<[string, Node]> {
  yield [path, node];
  if (node.type === 'object') {
    for (const [key, field] of Object.entries(node.fields)) {
      yield* nodes(field, `${path}.${key}`);
    }
  } else if (node.type === 'list' || node.type === 'map') {
    yield* nodes(node.of, `${path}[]`);
  }
}

test('every field of the language has a description that ends as a sentence', () => {
  for (const kind of kindNames) {
    for (const [path, { description }] of nodes(kinds[kind].spec, kind)) {
      assert.match(description, /^[A-ZÄ`0-9].*\.$/s, path);
    }
  }
});

test('every choice names fields that are there and may be left out by themselves', () => {
  for (const kind of kindNames) {
    for (const [path, node] of nodes(kinds[kind].spec, kind)) {
      for (const key of node.type === 'object' ? [...node.oneOf, ...node.atMostOne].flat() : []) {
        assert.equal(node.type === 'object' && node.fields[key]?.presence, 'optional', `${path}.${key}`);
      }
    }
  }
});

test('the JSON Schema has a definition for each kind, and every reference leads somewhere', () => {
  const schema = fleetJsonSchema();
  assert.deepEqual(Object.keys(schema.$defs as object), [...kindNames]);
  for (const [, name] of JSON.stringify(schema).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g)) {
    assert.ok(Object.hasOwn(schema.$defs as object, name ?? ''));
  }
});
