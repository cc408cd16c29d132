import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { dependencyOrder, effectiveDependencies } from '../../../src/engine/graph.ts';
import type { CompiledFleet } from '../../../src/model/compiled.ts';
import { canonicalJson } from '../../../src/model/digest.ts';
import { dependenciesOf, outputRefsIn } from '../../../src/model/resource.ts';
import { measurers } from '../../../src/proofs/measurers.ts';
import { access, base, compileFiles } from '../../support/compiled.ts';

function example(name: string): string[] {
  const url = new URL(`../../../examples/${name}/fleet.yaml`, import.meta.url);
  return readFileSync(url, 'utf8').split(/^---$/m);
}

const twoSites = example('two-sites');

/** One of everything that is compiled for a machine. */
const everything = [
  ...base.filter((document) => !document.includes('kind: Postgres')),
  `kind: Postgres
metadata: { name: db }
spec:
  version: 18
  process: {}
  parameters: { max_connections: "50" }
  databases: [{ name: shop, extensions: [pgcrypto], setup: "CREATE TABLE t (id int);" }, { name: other, owner: chief }]`,
  'kind: Postgres\nmetadata: { name: mirror }\nspec: { version: 18, process: {}, databases: [{ name: shop }] }',
  access('app', 'database: shop, privileges: readWrite, credential: { static: {} }'),
  access('fixed', 'database: shop, privileges: readOnly, credential: { static: { strategy: inPlace } }'),
  access('brief', 'database: shop, schemas: [public, billing], privileges: readOnly, credential: { dynamic: {} }'),
  access('card', 'database: other, privileges: owner, credential: { certificate: {} }'),
  access(
    'bare',
    'database: shop, privileges: none, grants: ["GRANT USAGE ON SCHEMA billing TO {role}"], credential: { static: {} }',
  ),
  access('root', 'privileges: superuser, credential: { static: {} }'),
  access('standby', 'privileges: replication, credential: { certificate: {} }'),
  // Named like the server: two certificates all the same.
  access('db', 'database: shop, privileges: readOnly, credential: { certificate: {} }'),
  `kind: SecretTree
metadata: { name: apps }
spec:
  path: apps
  entries:
  - { path: web, keys: { key: { generate: { hex: 32 } }, url: { value: "https://:{key}@x" }, stripe: { import: { env: S } } } }
  - { path: tls, certificate: { hosts: [web.example], ttl: 20d } }`,
  `kind: Consumer
metadata: { name: web }
spec:
  directory: { name: web }
  secrets:
  - { name: app, from: { app: { path: apps/web }, db: { access: app }, ca: { authority: local } } }
  - { name: tls, from: { tls: { path: apps/tls } } }
  - { name: card, from: { db: { access: card } } }`,
  'kind: Consumer\nmetadata: { name: jobs }\nspec: { directory: { name: jobs }, secrets: [{ name: app, from: { app: { path: apps/web } } }] }',
  `kind: Replication
metadata: { name: copy }
spec: { logical: { database: shop, flows: [{ from: db, to: [mirror], tables: [t, archive.old] }] } }`,
  'kind: Rule\nmetadata: { name: quiet }\nspec: { secrets: { path: "apps/**" }, neverBy: [{ consumer: web }] }',
  'kind: Rule\nmetadata: { name: shut }\nspec: { database: { postgres: db, name: other }, onlyBy: [{ consumer: web }] }',
];

const fleets: readonly (readonly [string, readonly string[]])[] = [
  ['two-sites', twoSites],
  ['quickstart', example('quickstart')],
  ['two-sites-openbao', example('two-sites-openbao')],
  ['one of everything', everything],
];

/** What does not depend on where a document stands in its file. */
function bytes({ targets, resources, claims, ...rest }: CompiledFleet): string {
  const placeless = <T extends { readonly source?: unknown }>({ source: _place, ...what }: T) => what;
  return canonicalJson({ ...rest, targets, resources: resources.map(placeless), claims: claims.map(placeless) });
}

for (const [name, documents] of fleets) {
  test(`${name}: the same bytes, in whatever order documents and files come`, () => {
    const expected = bytes(compileFiles([documents]));
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...documents], { minLength: documents.length }),
        fc.integer({ min: 1, max: 4 }),
        (shuffled, files) => {
          const parts = Array.from({ length: files }, (_, part) =>
            shuffled.filter((_, index) => index % files === part),
          );
          assert.equal(bytes(compileFiles(parts)), expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  test(`${name}: everything that is pointed to exists, on a target that exists`, () => {
    const { resources, claims, targets } = compileFiles([documents]);
    const ids = new Set<string>(resources.map(({ id }) => id));
    const missing = [
      ...resources.flatMap((resource) => dependenciesOf(resource).map((to) => [resource.id, to])),
      ...targets.flatMap(({ id, dependsOn }) => dependsOn.map((to) => [id, to])),
      ...claims.flatMap(({ id, restsOn, spec }) =>
        [...restsOn, ...outputRefsIn(spec).map(({ from }) => from)].map((to) => [id, to]),
      ),
    ].filter(([, to]) => !ids.has(to as string));
    assert.deepEqual(missing, []);
    const known = new Set(targets.map(({ id }) => id));
    assert.deepEqual(
      resources.filter(({ target }) => !known.has(target)),
      [],
    );
  });

  test(`${name}: nothing waits for itself`, () => {
    const { resources, targets } = compileFiles([documents]);
    const dependencies = effectiveDependencies(resources, targets);
    const order = dependencyOrder(
      resources.map(({ id }) => id),
      (id) => dependencies.get(id) ?? [],
    );
    assert.equal(order.length, resources.length);
  });

  test(`${name}: every claim can be measured, and no two are one`, () => {
    const { claims } = compileFiles([documents]);
    const kinds = new Set(claims.map(({ kind }) => kind));
    assert.deepEqual(
      [...kinds].filter((kind) => measurers[kind] === undefined),
      [],
    );
    assert.equal(new Set(claims.map(({ id }) => id)).size, claims.length);
  });
}

test('what leaves the fleet leaves the others as they are', () => {
  const specs = (documents: readonly string[]): Map<string, string> =>
    new Map(
      compileFiles([documents]).resources.map(({ id, spec, dependsOn }) => [id, canonicalJson({ spec, dependsOn })]),
    );
  const before = specs(everything);
  const changedWithout = (name: string): string[] => {
    const after = specs(everything.filter((document) => !document.includes(`metadata: { name: ${name} }`)));
    assert.deepEqual(
      [...after.keys()].filter((id) => !before.has(id)),
      [],
    );
    return [...after]
      .filter(([id, spec]) => before.get(id) !== spec)
      .map(([id]) => id)
      .sort();
  };
  // The rules of a server and the list of what is revoked speak of all that there is; nothing else does.
  assert.deepEqual(changedWithout('fixed'), ['postgres/db/hba/rules']);
  assert.deepEqual(changedWithout('standby'), ['authority/local/crl/crl', 'postgres/db/hba/rules']);
  assert.deepEqual(changedWithout('jobs'), []);
  assert.deepEqual(changedWithout('quiet'), []);
});

test('two documents that want different things of one resource are told apart, never merged', () => {
  const tree = (name: string, bytesOfKey: number): string =>
    `kind: SecretTree\nmetadata: { name: ${name} }\nspec: { entries: [{ path: x, keys: { k: { generate: { hex: ${bytesOfKey} } } } }] }`;
  assert.throws(() => compileFiles([[...base, tree('one', 16), tree('two', 32)]]), { code: 'two-resources-one-id' });
});
