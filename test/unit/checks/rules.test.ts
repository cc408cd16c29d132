import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { allRules, explainRule } from '../../../src/checks/explain.ts';
import { checkRules } from '../../../src/checks/rules/index.ts';
import { Failure } from '../../../src/model/failure.ts';
import { check, findings, shortly, underlined } from '../../support/fleet-text.ts';
import { ruleCases } from '../../support/rule-cases.ts';

for (const { rule, what, bad, under, good } of ruleCases) {
  test(`${rule} finds ${what}, at its place and nothing else`, async () => {
    const found = (await check(bad)).filter(({ severity }) => severity !== 'note');
    assert.deepEqual(
      found.map((each) => `${each.rule.split(' ')[1]} ${underlined(bad, each)}`),
      [`${rule} ${under}`],
      found.map(shortly).join('\n'),
    );
    assert.deepEqual(await findings(good), []);
  });
}

test('every rule has a mistake that it finds', () => {
  const found = new Set(ruleCases.map(({ rule }) => rule));
  // Found while planning, not offline.
  const offline = checkRules.filter(({ name }) => name !== 'adopt-existing');
  assert.deepEqual(
    offline.filter(({ name }) => !found.has(name)).map(({ name }) => name),
    [],
  );
});

test('each file of the folder is one rule of the list, called like it', () => {
  const folder = new URL('../../../src/checks/rules/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name !== 'index.ts');
  assert.deepEqual(checkRules.map(({ name }) => `${name}.ts`).toSorted(), files.toSorted());
});

test('ids and names are unique, and ids rise', () => {
  const ids = allRules.map(({ id }) => id);
  assert.deepEqual(ids, ids.toSorted());
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(new Set(allRules.map(({ name }) => name)).size, allRules.length);
  assert.ok(allRules.every(({ id, name }) => /^KW\d{3}$/.test(id) && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)));
});

test('each rule tells its story within 80 columns, by its id and by its name', () => {
  for (const { id, name, example } of allRules) {
    const story = explainRule(id);
    assert.equal(story, explainRule(name));
    assert.equal(story, explainRule(id.toLowerCase()));
    const own = story.split('\n').filter((line) => !line.startsWith('    '));
    assert.ok(
      own.every((line) => line.length <= 80),
      story,
    );
    assert.ok(story.includes(example.split('\n')[0] ?? ''));
  }
});

test('a rule that is not there is wrong usage, with the nearest one', () => {
  assert.throws(
    () => explainRule('plain-htp'),
    (error: unknown) => error instanceof Failure && error.exitCode === 64 && /`plain-http`/.test(error.message),
  );
});
