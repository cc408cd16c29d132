import assert from 'node:assert/strict';
import test from 'node:test';
import { diagnosticJson, renderDiagnostic, wrap } from '../../../src/fleet/format.ts';
import { displayWidth } from '../../../src/fleet/width.ts';
import type { Diagnostic } from '../../../src/model/diagnostic.ts';

const text = '  secrets:\n  - name: orders-db\n    from:\n      db: { path: database/creds/orders-app }\n';
const diagnostic: Diagnostic = {
  severity: 'error',
  rule: 'KW031 no-dynamic-read-through-kv',
  message: 'consumer orders reads a dynamic credential through a KV path',
  object: 'Consumer/orders',
  source: { file: 'fleet/consumers.yaml', document: 0, pointer: '/spec/secrets/0/from/db' },
  position: { file: 'fleet/consumers.yaml', line: 4, column: 11, length: 35 },
  related: {
    message: 'The engine is mounted here',
    source: { file: 'fleet/stores.yaml', document: 0, pointer: '' },
    position: { file: 'fleet/stores.yaml', line: 31, column: 5, length: 8 },
  },
  why: '`database/` is a database engine: each read issues a new user, so every refresh would change the username and leave the old lease to run out.',
  remedy: 'Use `access: orders-app` instead of the path.',
};

test('a finding looks as a compiler writes it, at 80 columns', () => {
  assert.equal(
    renderDiagnostic(diagnostic, text),
    `error KW031: consumer orders reads a dynamic credential through a KV path
  fleet/consumers.yaml:4:11
     2 |   - name: orders-db
     3 |     from:
     4 |       db: { path: database/creds/orders-app }
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  \`database/\` is a database engine: each read issues a new user, so every
  refresh would change the username and leave the old lease to run out.
  The engine is mounted here: fleet/stores.yaml:31:5

  Use \`access: orders-app\` instead of the path. More: keywright explain KW031
`,
  );
});

test('colour only underlines: without it the text is the same', () => {
  const coloured = renderDiagnostic(diagnostic, text, { color: true });
  assert.notEqual(coloured, renderDiagnostic(diagnostic, text));
  // eslint-disable-next-line no-control-regex
  assert.equal(coloured.replaceAll(/\u001b\[[\d;]*m/g, ''), renderDiagnostic(diagnostic, text));
});

test('no line is longer than 80 columns, however long the line of the file is', () => {
  const long = `x: { ${'a'.repeat(300)}: b, key: value }\n`;
  const position = { file: 'f.yaml', line: 1, column: 310, length: 3 };
  const rendered = renderDiagnostic({ ...diagnostic, related: undefined, position }, long);
  assert.ok(
    rendered.split('\n').every((line) => displayWidth(line) <= 80),
    rendered,
  );
  const [excerpt = '', caret = ''] = rendered.split('\n').slice(2);
  assert.equal(excerpt.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), long.slice(309, 312));
});

test('the caret stands below wide characters', () => {
  const wide = '名前: 値 x\n';
  const rendered = renderDiagnostic({ ...diagnostic, position: { file: 'f', line: 1, column: 5, length: 1 } }, wide);
  const [, , excerpt = '', caret = ''] = rendered.split('\n');
  assert.equal(displayWidth(excerpt.slice(0, excerpt.indexOf('値'))), caret.indexOf('^'));
  assert.ok(caret.endsWith('^^'));
});

test('what stands in a file cannot move the cursor or colour the terminal', () => {
  const evil = 'a: "\u001b[2J\u202e\u0007"\n';
  const rendered = renderDiagnostic(
    { ...diagnostic, message: 'x\u001b[31m', position: { file: 'f\u001b', line: 1, column: 4, length: 3 } },
    evil,
  );
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(rendered, /[\u0000-\u0009\u000b-\u001f\u202e]/);
});

test('a line that holds a secret is not shown', () => {
  const rendered = renderDiagnostic({ ...diagnostic, excerpt: false }, text);
  assert.doesNotMatch(rendered, /database\/creds/);
  assert.match(rendered, /fleet\/consumers\.yaml:4:11/);
});

test('a finding as JSON has stable fields', () => {
  assert.deepEqual(diagnosticJson(diagnostic), {
    severity: 'error',
    code: 'KW031',
    rule: 'no-dynamic-read-through-kv',
    message: diagnostic.message,
    object: 'Consumer/orders',
    file: 'fleet/consumers.yaml',
    line: 4,
    column: 11,
    why: diagnostic.why,
    remedy: diagnostic.remedy,
  });
});

test('a word that is longer than a line stays whole', () => {
  assert.deepEqual(wrap(`a ${'b'.repeat(100)} c`, 40), ['a', 'b'.repeat(100), 'c']);
});
