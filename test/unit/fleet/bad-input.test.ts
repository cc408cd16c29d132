import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { checkFleet } from '../../../src/checks/check.ts';
import { loadFleet } from '../../../src/fleet/load.ts';
import { withPositions } from '../../../src/fleet/locate.ts';
import { document, documents, fleetText } from '../../support/fleet-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'keywright-bad-input-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;

/** Writes files into a fresh folder and reads it; each finding as `file:line:column rule`. */
async function read(files: Readonly<Record<string, string | Buffer>>, path = '.'): Promise<string[]> {
  number += 1;
  const place = join(folder, String(number));
  mkdirSync(place);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(place, name), content);
  }
  return readFolder(place, path);
}

async function readFolder(place: string, path = '.'): Promise<string[]> {
  const started = performance.now();
  const loaded = await loadFleet(join(place, path), place);
  const found = await withPositions(checkFleet(loaded), loaded.sources);
  assert.ok(performance.now() - started < 5000, 'found within seconds');
  return found
    .filter(({ severity }) => severity === 'error')
    .map(({ rule, position, source }) => {
      const at = position === undefined ? `${source?.file}` : `${position.file}:${position.line}:${position.column}`;
      return `${at} ${rule}`;
    });
}

const good = fleetText();
const aliasBomb = `a: &a [${'x,'.repeat(10)}]\n${'bcdefghi'
  .split('')
  .map((letter, index) => `${letter}: &${letter} [${`*${'abcdefghi'[index]},`.repeat(10)}]\n`)
  .join('')}`;

/** Bad files; each is found where it is, and the good file beside it has no finding of its own. */
const cases: readonly (readonly [string, string | Buffer, string])[] = [
  ['text that is not YAML', 'kind: [\n', 'bad.yaml:1:7 KW004 not-yaml'],
  ['a tab as indentation', 'a:\n\tb: 1\n', 'bad.yaml:2:1 KW004 not-yaml'],
  ['a document that is a list', '- a\n', 'bad.yaml:1:1 KW010 wrong-type'],
  ['a document that is a text', 'hello\n', 'bad.yaml:1:1 KW010 wrong-type'],
  ['a repeated key', 'apiVersion: a\napiVersion: b\n', 'bad.yaml:2:1 KW004 not-yaml'],
  ['an unknown tag', 'a: !!binary aGk=\n', 'bad.yaml:1:4 KW004 not-yaml'],
  ['an unknown alias', 'a: *nothing\n', 'bad.yaml:1:5 KW004 not-yaml'],
  ['an alias bomb', aliasBomb, 'bad.yaml:1:1 KW005 too-complex'],
  ['an alias that contains itself', 'a: &a\n  b: *a\n', 'bad.yaml:1:1 KW005 too-complex'],
  ['deep nesting', `a: ${'['.repeat(5000)}`, 'bad.yaml:1:67 KW005 too-complex'],
  ['invalid UTF-8', Buffer.from([0x61, 0x3a, 0x0a, 0x20, 0xff, 0xfe]), 'bad.yaml:2:2 KW003 not-utf-8'],
  ['a truncated character', Buffer.from([0x61, 0xe2, 0x82]), 'bad.yaml:1:2 KW003 not-utf-8'],
  ['UTF-16', Buffer.from('\ufeffkind: Site', 'utf16le'), 'bad.yaml:1:1 KW003 not-utf-8'],
  ['a control character', 'a: "\u0007"\n', 'bad.yaml:1:5 KW004 not-yaml'],
  ['more than 8 MiB', Buffer.alloc(8 * 1024 * 1024 + 1, '#'), 'bad.yaml KW002 file-too-large'],
  ['no apiVersion', 'kind: Site\nmetadata: { name: a }\n', 'bad.yaml:1:1 KW007 unknown-kind'],
  ['an unknown kind', document('Sight', 'a', ''), 'bad.yaml:2:7 KW007 unknown-kind'],
  ['no name', 'apiVersion: keywright.dev/v1alpha1\nkind: Set\nmetadata: {}\n', 'bad.yaml:3:11 KW009 missing-field'],
  ['a name that is no label', document('Set', 'A_b', 'items: [{ name: a }]'), 'bad.yaml:3:19 KW012 invalid-name'],
  ['two documents of one name', document('Store', 'box', 'file: { path: b, identityFile: c }'), '-'],
  ['an unknown field', document('Set', 'a', 'itms: []'), 'bad.yaml:5:3 KW008 unknown-field'],
  ['a wrong type', document('Set', 'a', 'items: 3'), 'bad.yaml:5:10 KW010 wrong-type'],
  ['a missing field', document('Set', 'a', 'items: [{ values: {} }]'), 'bad.yaml:5:11 KW009 missing-field'],
  ['no spec where one is needed', document('Set', 'a', ''), 'bad.yaml:4:1 KW009 missing-field'],
  ['a second Fleet', document('Fleet', 'other', ''), 'bad.yaml:3:19 KW015 exactly-one-fleet'],
  [
    'a duration without unit',
    document('SecretTree', 'x', 'rotateEvery: 30\nentries: [{ path: a, keys: {} }]'),
    'bad.yaml:5:16 KW013 invalid-duration',
  ],
  [
    'two of one choice',
    document('SecretTree', 'x', 'entries:\n- path: a\n  keys: {}\n  encryptionKey: {}'),
    'bad.yaml:8:5 KW011 one-of',
  ],
  [
    'a reference to nothing',
    document('DatabaseAccess', 'x', 'postgres: pgg\ndatabase: app\nprivileges: readOnly\ncredential: { static: {} }'),
    'bad.yaml:5:13 KW017 unknown-reference',
  ],
  [
    'a reference to a kind of the wrong sort',
    document('DatabaseAccess', 'x', 'postgres: here\ndatabase: app\nprivileges: none\ncredential: { static: {} }'),
    'bad.yaml:5:13 KW018 wrong-kind',
  ],
  [
    'a repetition of nothing',
    document('SecretTree', 'x', 'forEach: nothing\nentries: [{ path: a, keys: {} }]'),
    'bad.yaml:5:12 KW016 for-each',
  ],
  [
    'a cycle among things that are made',
    document('SecretTree', 'x', 'entries:\n- path: a\n  keys: { a: { value: "{b}" }, b: { value: "{a}" } }'),
    'bad.yaml:7:25 KW032 cycle',
  ],
];

for (const [what, content, expected] of cases) {
  test(`${what} is found where it is, and nothing in the file beside it`, async () => {
    const found = await read({ 'a-good.yaml': good, 'bad.yaml': content });
    const wanted = expected === '-' ? ['bad.yaml:3:19 KW014 duplicate-document'] : [expected];
    assert.deepEqual([...new Set(found)], wanted);
  });
}

test('a broken document hides no finding of another, before or behind it', async () => {
  const mistakes = (name: string) => document('Set', name, 'itms: []');
  const found = await read({ 'fleet.yaml': documents(good, mistakes('a'), 'kind: [\n', mistakes('b'), 'x: *y\n') });
  assert.deepEqual(
    found.map((line) => line.split(' ')[1]),
    ['KW008', 'KW004', 'KW008', 'KW004'],
  );
});

test('what refers to a document that is not valid YAML is not blamed for it', async () => {
  const broken = document('Postgres', 'other', 'version: 18\nprocess: {').replace(
    'metadata: { name: other }',
    'metadata:\n  name: other',
  );
  const access = document(
    'DatabaseAccess',
    'x',
    'postgres: other\ndatabase: app\nprivileges: readOnly\ncredential: { static: {} }',
  );
  const found = await read({ 'fleet.yaml': documents(good, access, broken) });
  assert.deepEqual(
    found.map((line) => line.split(' ')[1]),
    ['KW004'],
  );
});

test('who reads a path of a document with a mistake in another place is not blamed for it', async () => {
  const tree = document(
    'SecretTree',
    'x',
    'entires: 1\nentries: [{ path: a, keys: { k: { generate: { hex: 32 } } } }]',
  );
  const consumer = document(
    'Consumer',
    'c',
    'directory: { name: c }\nsecrets: [{ name: s, from: { a: { path: a } } }]',
  );
  assert.deepEqual(await read({ 'fleet.yaml': documents(good, tree, consumer) }), [
    'fleet.yaml:37:3 KW008 unknown-field',
  ]);
});

test('an empty file, a file of comments and an empty folder say that there is no document', async () => {
  assert.deepEqual(await read({ 'fleet.yaml': '' }, 'fleet.yaml'), ['fleet.yaml:1:1 KW006 empty-fleet']);
  assert.deepEqual(await read({ 'fleet.yaml': '# nothing\n---\n...\n' }), ['fleet.yaml:1:1 KW006 empty-fleet']);
  assert.match((await read({})).join(), /^\S+ KW006 empty-fleet$/);
});

test('a file that is not there is named', async () => {
  assert.deepEqual(await read({}, 'absent.yaml'), ['absent.yaml KW001 unreadable-file']);
});

test('loops of symbolic links, of files and of folders, are named and hide nothing', async () => {
  const place = mkdtempSync(join(folder, 'links-'));
  mkdirSync(join(place, 'inner'));
  writeFileSync(join(place, 'inner/fleet.yaml'), `${good}---\n${document('Set', 'a', 'itms: []')}`);
  symlinkSync('loop.yaml', join(place, 'loop.yaml'));
  symlinkSync('..', join(place, 'inner/up'));
  symlinkSync('absent', join(place, 'dangling.yaml'));
  assert.deepEqual((await readFolder(place)).toSorted(), [
    'dangling.yaml KW001 unreadable-file',
    'inner/fleet.yaml:37:3 KW008 unknown-field',
    'inner/up KW001 unreadable-file',
    'loop.yaml KW001 unreadable-file',
  ]);
});

test('a file that leads to another file of the fleet is read once', async () => {
  const place = mkdtempSync(join(folder, 'twice-'));
  writeFileSync(join(place, 'fleet.yaml'), good);
  symlinkSync('fleet.yaml', join(place, 'same.yaml'));
  assert.deepEqual(await readFolder(place), []);
});

test('a pipe is no fleet, and nobody waits for it', async () => {
  const place = mkdtempSync(join(folder, 'pipe-'));
  writeFileSync(join(place, 'fleet.yaml'), good);
  execFileSync('mkfifo', [join(place, 'pipe.yaml')]);
  assert.deepEqual(await readFolder(place), ['pipe.yaml KW001 unreadable-file']);
});

const root = process.getuid?.() === 0 ? 'root may read everything' : false;
test('a file that may not be read is named, and hides nothing', { skip: root }, async () => {
  const place = mkdtempSync(join(folder, 'mode-'));
  writeFileSync(join(place, 'fleet.yaml'), good);
  writeFileSync(join(place, 'secret.yaml'), '');
  chmodSync(join(place, 'secret.yaml'), 0);
  assert.deepEqual(await readFolder(place), ['secret.yaml KW001 unreadable-file']);
});

test('hidden folders, node_modules and files of other kinds are no part of a fleet', async () => {
  const place = mkdtempSync(join(folder, 'others-'));
  for (const inner of ['.keywright', 'node_modules']) {
    mkdirSync(join(place, inner));
    writeFileSync(join(place, inner, 'x.yaml'), 'kind: [');
  }
  writeFileSync(join(place, 'notes.txt'), 'kind: [');
  writeFileSync(join(place, 'fleet.yml'), good);
  assert.deepEqual(await readFolder(place), []);
});

test('a document of another system is a note', async () => {
  const loaded = await loadFleet(join(folder, 'nowhere'), folder);
  assert.equal(loaded.fleet, undefined);
  assert.deepEqual(
    await read({ 'a.yaml': `${good}---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n` }),
    [],
  );
});

test('a byte order mark and Windows line ends change neither values nor places', async () => {
  const text = `${good}---\n${document('Set', 'a', 'itms: []')}`;
  const windows = `\ufeff${text.replaceAll('\n', '\r\n')}`;
  assert.deepEqual(await read({ 'fleet.yaml': windows }), ['fleet.yaml:37:3 KW008 unknown-field']);
});
