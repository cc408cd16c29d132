import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvNameTaken, renderEnv, variableName } from '../../../src/targets/file/env-file.ts';

test('names of keys become capitals, and what no variable may hold an underscore', () => {
  const cases = {
    password: 'PASSWORD',
    'api-key': 'API_KEY',
    'tls.crt': 'TLS_CRT',
    '1st': '_1ST',
    API_KEY: 'API_KEY',
    é: '_',
  };
  for (const [key, name] of Object.entries(cases)) {
    assert.equal(variableName(key), name);
  }
});

test('names that were given stay as they are when a shell takes them', () => {
  assert.equal(
    renderEnv(
      new Map([
        ['dbUrl', 'x'],
        ['config.json', '{}'],
      ]),
      'given',
    ).text,
    'dbUrl="x"\nCONFIG_JSON="{}"\n',
  );
});

test('two keys that meet in one name are an error with both', () => {
  assert.throws(
    () =>
      renderEnv(
        new Map([
          ['api-key', 'a'],
          ['api_key', 'b'],
        ]),
        'capitals',
      ),
    (error: unknown) => error instanceof EnvNameTaken && error.names.join() === 'api-key,api_key',
  );
});

test('what would take a shell over, or cannot be held, is left out and told without its value', () => {
  const { text, leftOut } = renderEnv(
    new Map([
      ['path', 'hunter2'],
      ['nul', 'hunter2\0'],
      ['ld-preload', 'hunter2'],
      ['ok', 'y'],
    ]),
    'capitals',
  );
  assert.equal(text, 'OK="y"\n');
  assert.equal(leftOut.length, 3);
  assert.ok(!leftOut.join().includes('hunter2'));
});
