import assert from 'node:assert/strict';
import test from 'node:test';
import { putEach } from '../../../src/fleet/each.ts';
import { document, fleetText, findings, load } from '../../support/fleet-text.ts';

const sets = document(
  'Set',
  'sides',
  'items:\n- { name: a, values: { size: "1", ttl: 1h } }\n- { name: b, values: { size: "2", ttl: 2h } }',
);
const item = { set: 'sides', name: 'a', values: { x: 'v', odd: '{y}' } };

/** The texts after `{each}`, and the names that were not there. */
function put(text: string, template = false): [string, (string | undefined)[]] {
  const missing: (string | undefined)[] = [];
  return [putEach(text, item, template, (name) => missing.push(name)), missing];
}

test('{each} and {each.x} are replaced, and what an item does not have is told', () => {
  assert.deepEqual(put('x-{each}-{each.x}{each}'), ['x-a-va', []]);
  assert.deepEqual(put('{each.nope}'), ['{each.nope}', ['nope']]);
});

test('other braces of a plain text mean themselves: SQL and JSON are full of them', () => {
  const sql = `INSERT INTO t VALUES ('{"a":{"b":1}}', '{{1,2},{3,4}}')`;
  assert.deepEqual(put(sql), [sql, []]);
  assert.deepEqual(put(`${sql} {each}`), [`${sql} a`, []]);
  assert.deepEqual(put('{{each}} {{each.x}} {each}'), ['{each} {each.x} a', []]);
});

test('in a text that delivery reads, doubled braces stay for it and values become no placeholders', () => {
  assert.deepEqual(put('{{each}} {each} {db.uri} {each.odd}', true), ['{{each}} a {db.uri} {{y}}', []]);
});

test('a document is repeated for each item of its Set, and its copies are referred to by their names', () => {
  const tree = document(
    'SecretTree',
    'tree',
    'forEach: sides\npath: "apps/{each}"\nentries: [{ path: "{each}", keys: {} }]',
  );
  const { fleet } = load(fleetText([sets, tree]));
  assert.deepEqual(
    [...(fleet?.secretTrees.values() ?? [])].map(({ name, spec, copyOf }) => [
      name,
      spec.path,
      spec.entries[0]?.path,
      copyOf,
    ]),
    [
      ['tree-a', 'apps/a', 'a', { name: 'tree', set: 'sides', item: 'a' }],
      ['tree-b', 'apps/b', 'b', { name: 'tree', set: 'sides', item: 'b' }],
    ],
  );
});

test('{each} works in durations and in names of other documents', () => {
  const access = document(
    'DatabaseAccess',
    'acc',
    'forEach: sides\npostgres: "pg-{each}"\ndatabase: app\nprivileges: readOnly\ncredential: { dynamic: { ttl: 1m, maxTtl: "{each.ttl}" } }',
  );
  const postgres = document('Postgres', 'pg', 'forEach: sides\nversion: 18\nprocess: {}\ndatabases: [{ name: app }]');
  const { fleet, diagnostics } = load(fleetText([sets, access], { postgres }));
  assert.deepEqual(diagnostics, []);
  assert.equal(fleet?.accesses.get('acc-b')?.spec.credential.dynamic?.maxTtl, '2h');
  assert.equal(fleet?.accesses.get('acc-b')?.spec.postgres, 'pg-b');
});

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['without forEach', 'path: "{each}"\nentries: [{ path: a, keys: {} }]', /KW016 .* without `forEach`/],
  [
    'for a value that no item has',
    'forEach: sides\npath: "{each.sise}"\nentries: [{ path: a, keys: {} }]',
    /KW016 .* no value `sise`; did you mean `size`\?/,
  ],
  [
    'in a key',
    'forEach: sides\nentries: [{ path: "{each}", keys: { "k-{each}": { import: {} } } }]',
    /KW016 .* in a key/,
  ],
  [
    'in a number',
    'forEach: sides\nentries: [{ path: "{each}", keys: { k: { generate: { hex: "{each.size}" } } } }]',
    /KW016 .* a number/,
  ],
  [
    'in a word',
    'forEach: sides\nentries: [{ path: "{each}", encryptionKey: { type: "{each}" } }]',
    /KW016 .* one of a few words/,
  ],
  ['as a Set of no text', 'forEach: 3\nentries: [{ path: a, keys: {} }]', /KW0\d\d .*forEach/],
];

for (const [what, spec, expected] of wrong) {
  test(`{each} ${what} is one finding, not one for each copy`, async () => {
    const found = await findings(fleetText([sets, document('SecretTree', 'tree', spec)]));
    assert.equal(found.filter((line) => line.startsWith('KW016')).length, 1, found.join('\n'));
    assert.match(found.join('\n'), expected);
  });
}

test('a mistake in a repeated document is told once', async () => {
  const tree = document(
    'SecretTree',
    'tree',
    'forEach: sides\nentries: [{ path: "{each}", keys: {} }]\nrotateEvery: soon',
  );
  assert.equal((await findings(fleetText([sets, tree]))).length, 1);
});

test('the name of a repeated document is no name: its copies are', async () => {
  const postgres = document('Postgres', 'pg', 'forEach: sides\nversion: 18\nprocess: {}\ndatabases: [{ name: app }]');
  const access = document(
    'DatabaseAccess',
    'x',
    'postgres: pg\ndatabase: app\nprivileges: none\ncredential: { static: {} }',
  );
  const found = await findings(fleetText([sets, access], { postgres }));
  assert.match(found.join('\n'), /^KW016 \d+:\d+ Postgres `pg` is repeated; its copies are pg-a, pg-b$/);
});

test('a copy that meets another document is a duplicate, and so are two items of one name', async () => {
  const repeated = document('SecretTree', 'tree', 'forEach: sides\nentries: [{ path: "{each}", keys: {} }]');
  const single = document('SecretTree', 'tree-a', 'entries: [{ path: c, keys: {} }]');
  assert.match(
    (await findings(fleetText([sets, repeated, single]))).join(),
    /KW014 .* a second SecretTree is called tree-a/,
  );
  const twice = document('Set', 'sides', 'items: [{ name: a }, { name: a }]');
  assert.match((await findings(fleetText([twice]))).join(), /KW021 .* two items called a/);
});

test('a copy whose name would be too long is told', async () => {
  const tree = document('SecretTree', 'a'.repeat(62), 'forEach: sides\nentries: [{ path: "{each}", keys: {} }]');
  assert.match((await findings(fleetText([sets, tree]))).join(), /KW012/);
});

test('what names copies of a Set with a mistake is not blamed', async () => {
  const broken = document('Set', 'sides', 'items: [{ name: a, vlaues: {} }]');
  const postgres = document('Postgres', 'pg', 'forEach: sides\nversion: 18\nprocess: {}\ndatabases: [{ name: app }]');
  const access = document(
    'DatabaseAccess',
    'x',
    'postgres: pg-a\ndatabase: app\nprivileges: none\ncredential: { static: {} }',
  );
  const found = await findings(fleetText([broken, access], { postgres }));
  assert.deepEqual(
    found.map((line) => line.slice(0, 5)),
    ['KW008'],
  );
});
