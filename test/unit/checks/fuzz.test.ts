import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { checkFleet } from '../../../src/checks/check.ts';
import { diagnosticJson, renderDiagnostics } from '../../../src/fleet/format.ts';
import { withPositions } from '../../../src/fleet/locate.ts';
import { load } from '../../support/fleet-text.ts';
import { ruleCases } from '../../support/rule-cases.ts';

const example = readFileSync(new URL('../../../docs/fleet-language.example.yaml', import.meta.url), 'utf8');
const texts = [example, ...ruleCases.map(({ bad }) => bad), ...ruleCases.map(({ good }) => good)];
const odd = [
  '{}',
  '[]',
  'null',
  '3',
  '-1',
  '1e400',
  '.nan',
  '"{each}"',
  '{each}',
  '"{a.b}"',
  '***',
  '&a',
  '*a',
  '<<: *a',
  '---',
  '__proto__',
  'constructor',
  '""',
  '[',
  '}',
  '\t',
  '\u0000',
  '😀',
  'true',
  '{ a: { b: [c] } }',
  '!!str x',
  '"{{"',
  '99999999999999999999y',
  '../..',
  'a/**/b',
];

/** One change that a hand, an editor or a merge could make. */
const change = fc.record({
  kind: fc.constantFrom('deleteLine', 'repeatLine', 'replaceWord', 'insert', 'cut', 'swapLines'),
  at: fc.nat(1_000_000),
  with: fc.oneof(fc.constantFrom(...odd), fc.string({ maxLength: 8 })),
});

function changed(text: string, { kind, at, with: text2 }: { kind: string; at: number; with: string }): string {
  const lines = text.split('\n');
  const line = at % lines.length;
  const position = at % (text.length + 1);
  switch (kind) {
    case 'deleteLine':
      return lines.toSpliced(line, 1).join('\n');
    case 'repeatLine':
      return lines.toSpliced(line, 0, lines[line] ?? '').join('\n');
    case 'swapLines':
      return lines.toSpliced(line, 2, lines[line + 1] ?? '', lines[line] ?? '').join('\n');
    case 'replaceWord': {
      const words = [...text.matchAll(/[\w./-]+/g)];
      const word = words[at % words.length];
      return word === undefined ? text : text.slice(0, word.index) + text2 + text.slice(word.index + word[0].length);
    }
    case 'cut':
      return text.slice(0, position);
    default:
      return text.slice(0, position) + text2 + text.slice(position);
  }
}

test('a fleet changed at random is read, checked and shown: located errors, never a stack trace', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(texts.length - 1),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (index, changes) => {
        const text = changes.reduce(changed, texts[index] ?? '');
        const loaded = load(text);
        const found = await withPositions(checkFleet(loaded), loaded.sources);
        const lines = text.split('\n');
        for (const { position, message, rule } of found) {
          assert.ok(position !== undefined, `${rule} ${message}`);
          const { line, column, length } = position;
          assert.ok(line >= 1 && line <= lines.length && column >= 1 && length >= 1, `${rule} ${line}:${column}`);
          assert.doesNotMatch(message, /undefined|\[object/);
        }
        const rendered = renderDiagnostics(found, (file) => loaded.sources.get(file)?.text);
        // eslint-disable-next-line no-control-regex
        assert.doesNotMatch(rendered, /[\u0000-\u0009\u000b-\u001f]/);
        JSON.stringify(found.map(diagnosticJson));
      },
    ),
    { numRuns: 1000 },
  );
});
