import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandNames } from '../../../src/cli/command-names.ts';
import { helpText } from '../../../src/cli/help.ts';

describe('the help', () => {
  const general = helpText();

  it('lists every command, and no other', () => {
    const listed = [...general.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name]) => name);
    assert.deepEqual(listed, [...commandNames]);
  });

  for (const command of commandNames) {
    it(`of ${command} shows its usage and an example, in 80 columns`, () => {
      const text = helpText(command);
      assert.match(text, new RegExp(`^Usage: keywright ${command}`, 'm'));
      assert.match(text, /^Examples:\n {2}\S/m);
      assert.deepEqual(
        text.split('\n').filter((line) => line.length > 80),
        [],
      );
    });
  }

  it('of something else is empty', () => {
    assert.equal(helpText('nonsense'), '');
    assert.equal(helpText('toString'), '');
  });
});
