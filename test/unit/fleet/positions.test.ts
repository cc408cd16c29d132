import assert from 'node:assert/strict';
import test from 'node:test';
import { check, document, fleetText, load, shortly, underlined } from '../../support/fleet-text.ts';
import { withPositions } from '../../../src/fleet/locate.ts';

async function only(text: string, rule: string): Promise<{ place: string; under: string }> {
  const found = (await check(text)).filter((each) => each.rule.startsWith(rule));
  assert.equal(found.length, 1, found.map(shortly).join('\n'));
  const [first] = found;
  assert.ok(first);
  return { place: `${first.position?.line}:${first.position?.column}`, under: underlined(text, first) };
}

const before = fleetText().split('\n').length;

test('an unknown field is underlined at its name, a wrong value at the value', async () => {
  const text = fleetText([document('Set', 'a', 'itms: []\nitems: 3')]);
  assert.deepEqual(await only(text, 'KW008'), { place: `${before + 5}:3`, under: 'itms' });
  assert.deepEqual(await only(text, 'KW010'), { place: `${before + 6}:10`, under: '3' });
});

test('a missing field is shown at the key of what lacks it', async () => {
  const text = fleetText([document('Set', 'a', 'items:\n- values:\n    x: "1"')]);
  assert.deepEqual(await only(text, 'KW009'), { place: `${before + 6}:5`, under: 'values:' });
  const spec = fleetText([document('SecretTree', 'a', 'path: x')]);
  assert.deepEqual(await only(spec, 'KW009'), { place: `${before + 4}:1`, under: 'spec' });
});

test('a mistake behind an alias is shown where the value is written', async () => {
  const text = fleetText([document('Set', 'a', 'items:\n- &item { name: A }\n- *item')]);
  const found = (await check(text)).filter(({ rule }) => rule.startsWith('KW021'));
  assert.deepEqual(
    found.map(({ position }) => position?.line),
    [before + 6, before + 6],
  );
  assert.equal(found[0] && underlined(text, found[0]), 'A');
});

test('a mistake that a merge brings in is shown where it is written, and an own field over it at itself', async () => {
  const items = 'items:\n- &base { name: a, values: &v { x: 3 } }\n- <<: *base\n  name: b';
  const text = fleetText([document('Set', 'a', items)]);
  const found = (await check(text)).filter(({ rule }) => rule.startsWith('KW010'));
  assert.deepEqual(
    [...new Set(found.map((each) => `${each.position?.line} ${underlined(text, each)}`))],
    [`${before + 6} 3`],
  );
  const own = fleetText([document('Set', 'a', 'items:\n- &base { name: a }\n- <<: *base\n  name: B')]);
  assert.deepEqual(await only(own, 'KW021'), { place: `${before + 8}:11`, under: 'B' });
});

test('keys with slashes, tildes and dots are found', async () => {
  const text = fleetText([
    document('SecretTree', 'a', 'entries:\n- path: a\n  keys: { "a/b~c": { generate: { hex: 32 } } }'),
  ]);
  const { under } = await only(text, 'KW021');
  assert.equal(under, '"a/b~c"');
});

test('the caret stays on the first line of a value that has several', async () => {
  const text = fleetText([], {
    postgres: document(
      'Postgres',
      'pg',
      'version: 18\nprocess: {}\ndatabases:\n  name: app\n  setup: |\n    CREATE TABLE a ();',
    ),
  });
  const { under } = await only(text, 'KW010');
  assert.equal(under, 'name: app');
});

test('a place in a file that was not read has no position', async () => {
  const { sources } = load(fleetText());
  const [found] = await withPositions(
    [{ severity: 'error', rule: 'KW001 x', message: 'm', source: { file: 'other.yaml', document: 0, pointer: '' } }],
    sources,
  );
  assert.equal(found?.position, undefined);
});

test('findings come in the order of files and lines', async () => {
  const wrong = document('Set', 'a', 'itms: []');
  const found = await check({ 'a.yaml': `${fleetText()}---\n${wrong}`, 'b.yaml': wrong.replace('name: a', 'name: b') });
  assert.deepEqual(
    found.map(({ position }) => `${position?.file}:${position?.line}`),
    [`a.yaml:${before + 5}`, 'b.yaml:5'],
  );
});
