import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { customResourceDefinitions } from '../../../src/fleet/crds.ts';
import { fleetJsonSchema, type JsonSchema } from '../../../src/fleet/json-schema.ts';
import { parseFile } from '../../../src/fleet/parse.ts';
import { load } from '../../support/fleet-text.ts';
import { schemaProblems } from '../../support/json-schema.ts';
import { ruleCases } from '../../support/rule-cases.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const shared = join(root, '../shared/fleets');
const targets = existsSync(shared) ? readdirSync(shared).map((name) => join(shared, name)) : [];
const texts = [
  ...['docs/fleet-language.example.yaml', 'examples/two-sites/fleet.yaml'].map((file) => join(root, file)),
  ...targets,
].map((file) => readFileSync(file, 'utf8'));

type Document = Readonly<Record<string, unknown>>;

function documentsOf(text: string): Document[] {
  return parseFile({ file: 'x', text }).documents.map(({ value }) => value as Document);
}

const schema = fleetJsonSchema();
const resources = new Map(
  customResourceDefinitions().map(({ spec }) => {
    const [version] = spec.versions as { schema: { openAPIV3Schema: JsonSchema } }[];
    return [(spec.names as { kind: string }).kind, version?.schema.openAPIV3Schema ?? {}];
  }),
);

test('every document of the examples and target fleets fits the JSON Schema and its custom resource', () => {
  for (const document of texts.flatMap(documentsOf)) {
    assert.deepEqual(schemaProblems(schema, document), [], JSON.stringify(document));
    const resource = resources.get(String(document.kind));
    // Every spec may be left out in a file; an API server wants the field itself.
    assert.deepEqual(schemaProblems(resource ?? {}, { spec: {}, ...document }), [], JSON.stringify(document));
  }
});

test('what reading takes fits the JSON Schema, in every fleet of the rules', () => {
  for (const { good } of ruleCases) {
    assert.deepEqual(load(good).diagnostics, []);
    for (const document of documentsOf(good)) {
      assert.deepEqual(schemaProblems(schema, document), [], JSON.stringify(document));
    }
  }
});

const wrong: readonly (readonly [string, unknown])[] = [
  ['an unknown field', { priviledges: 'readOnly' }],
  ['a wrong type', { connectionLimit: '3' }],
  ['an unknown word', { privileges: 'readonly' }],
  ['a duration without a unit', { credential: { dynamic: { ttl: '3600' } } }],
  ['two of one choice', { credential: { dynamic: {}, static: {} } }],
  ['none of a choice', { credential: {} }],
];

for (const [what, change] of wrong) {
  test(`the JSON Schema refuses, and the custom resource where it can, ${what}`, () => {
    const right = { postgres: 'pg', privileges: 'none', credential: { static: {} } };
    const document = (spec: unknown) => ({
      apiVersion: 'keywright.dev/v1alpha1',
      kind: 'DatabaseAccess',
      metadata: { name: 'x' },
      spec,
    });
    const both = (spec: unknown) => [
      schemaProblems(schema, document(spec)).length > 0,
      schemaProblems(resources.get('DatabaseAccess') ?? {}, document(spec)).length > 0,
    ];
    assert.deepEqual(both(right), [false, false]);
    // An API server prunes unknown fields instead of refusing them.
    assert.deepEqual(both({ ...right, ...(change as object) }), [true, what !== 'an unknown field']);
  });
}
