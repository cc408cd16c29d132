import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { locate, valuesWithPositions } from '../../../src/fleet/locate.ts';
import { parseFile } from '../../../src/fleet/parse.ts';
import { splitDocuments } from '../../../src/fleet/split.ts';

const runs = { numRuns: 400 };

/** Values of a file by the fast parser, empty documents included as the slow one has them. */
function fast(text: string): unknown[] {
  return parseFile({ file: 'x', text }).documents.map(({ value }) => value);
}

async function slow(text: string): Promise<unknown[]> {
  return (await valuesWithPositions(text)).filter((value) => value !== null && value !== undefined);
}

const word = fc.constantFrom('a', 'b', 'name', 'x-y', 'path', '<', 'yes', '1', 'null', '~', '__proto__', 'ä', '#');
const scalar = fc.oneof(
  word,
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(
    null,
    1.5,
    'a: b',
    'two\nlines\n',
    ' - x',
    '0x10',
    '010',
    '2027-01-31',
    '',
    '{each}',
    "it's",
    '"q"',
    '&a',
    '*a',
  ),
);
const value = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, tie('list'), tie('map')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  map: fc.dictionary(word, tie('value'), { maxKeys: 4 }),
})).value;

test('both parsers read the same values from whatever the writer writes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: -1, max: 3 }),
      async (values, flow) => {
        const text = values.map((each) => `---\n${dump(each, { flowLevel: flow, noRefs: true })}`).join('');
        const read = fast(text);
        assert.deepEqual(await slow(text), read, text);
      },
    ),
    runs,
  );
});

/** YAML as people write it, with anchors, aliases and merges, from a small grammar. */
const anchored = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      kind: fc.constantFrom('map', 'flow', 'merge', 'mergeList', 'alias', 'list', 'text'),
      number: fc.integer({ min: 0, max: 9 }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((lines) => {
    const anchors: string[] = [];
    const text = lines.map(({ key, kind, number }, index) => {
      const name = `${key}${index}`;
      const known = anchors[number % Math.max(anchors.length, 1)];
      const other = anchors[(number * 7) % Math.max(anchors.length, 1)];
      const merge = known === undefined ? '' : kind === 'mergeList' ? `<<: [*${known}, *${other}]` : `<<: *${known}`;
      switch (kind) {
        case 'map':
          anchors.push(name);
          return `${name}: &${name}\n  ${key}: ${number} # why\n  x: { y: [1, "two"] }`;
        case 'flow':
          anchors.push(name);
          return `${name}: &${name} { ${key}: ${number}, z: 'q' }`;
        case 'merge':
        case 'mergeList':
          return `${name}:\n  own: ${number}\n  ${merge}\n  ${key}: after`;
        case 'alias':
          return `${name}: ${known === undefined ? 'none' : `*${known}`}`;
        case 'list':
          return `${name}:\n- ${number}\n- ${known === undefined ? key : `*${known}`}\n-\n  - deep`;
        case 'text':
          return `${name}: |\n  --- not a document\n  ${key}\n`;
      }
    });
    return `${text.join('\n')}\n`;
  });

test('both parsers read the same values through anchors, aliases and merges', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anchored, { minLength: 1, maxLength: 3 }), async (parts) => {
      const text = parts.join('---\n');
      const read = fast(text);
      assert.equal(read.length, parts.length, text);
      assert.deepEqual(await slow(text), read, text);
    }),
    runs,
  );
});

/** Every place of a value that is a plain text or number, by its pointer. */
function leaves(from: unknown, pointer = ''): { pointer: string; leaf: unknown }[] {
  if (typeof from !== 'object' || from === null) {
    return [{ pointer, leaf: from }];
  }
  return Object.entries(from).flatMap(([key, inner]) =>
    leaves(inner, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
}

test('the place of a value is where it is written, through anchors, aliases and merges', async () => {
  await fc.assert(
    fc.asyncProperty(anchored, async (text) => {
      const sources = new Map([['x', { file: 'x', text }]]);
      const [read] = fast(text);
      for (const { pointer, leaf } of leaves(read).slice(0, 30)) {
        const position = await locate({ file: 'x', document: 0, pointer }, sources);
        const line = text.split('\n')[(position?.line ?? 0) - 1] ?? '';
        const start = (position?.column ?? 0) - 1;
        const shown = line.slice(start, start + (position?.length ?? 0));
        const written = typeof leaf === 'string' && leaf.includes('\n') ? '|' : String(leaf);
        assert.equal(shown.replaceAll(/['"]/g, ''), written, `${pointer} in\n${text}`);
      }
    }),
    { numRuns: 100 },
  );
});

test('a marker splits documents wherever it begins a line, and nowhere else', () => {
  const text = '# first\na: 1\n---\nb: "x\n  --- y"\n--- !!map\nc: |\n ---\n...\n%YAML 1.2\n---\nd: ---\n----\n';
  assert.deepEqual(
    splitDocuments(text).map(({ line, text: part }) => [line, part.split('\n')[0]]),
    [
      [1, '# first'],
      [3, '---'],
      [6, '--- !!map'],
      [10, '%YAML 1.2'],
    ],
  );
});

test('a broken document costs no other its number', () => {
  const { documents, diagnostics } = parseFile({ file: 'x', text: 'a: 1\n---\nb: [\n---\n# nothing\n---\nc: 3\n' });
  assert.deepEqual(
    documents.map(({ document, value: read, readable }) => [document, read, readable]),
    [
      [0, { a: 1 }, true],
      [1, undefined, false],
      [3, { c: 3 }, true],
    ],
  );
  assert.deepEqual(
    diagnostics.map(({ position }) => position?.line),
    [3],
  );
});
