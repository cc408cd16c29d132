import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { findPassword, parseServiceFile } from '../../../src/proofs/libpq-parse.ts';
import { renderPassFile, renderServiceFile } from '../../../src/targets/file/libpq-files.ts';

const question = { host: 'h', port: '5432', database: 'd', user: 'u' };

test('a pass file is read as libpq reads it', () => {
  const found = (text: string, more = {}): string | undefined => findPassword(text, { ...question, ...more })?.expose();
  assert.equal(found('h:5432:d:u:secret'), 'secret');
  assert.equal(found('# h:5432:d:u:no\n\nother:5432:d:u:no\nh:5432:d:u:first\nh:5432:d:u:second\n'), 'first');
  assert.equal(found('*:*:*:*:any'), 'any');
  assert.equal(found('\\*:*:*:*:any'), undefined, 'an escaped star is a star');
  assert.equal(found('a\\:b:5432:d:u:c\\:d\\\\', { host: 'a:b' }), 'c:d\\');
  assert.equal(found('h:5432:d'), undefined);
});

test('a service file is read as libpq reads it', () => {
  const services = parseServiceFile(
    'port=1\n# [no]\n[a]\nhost=h\nhost=second\n password=x=y\n\n[b]\nport=5\n[a]\nport=9\n',
  );
  assert.deepEqual(
    [...services].map(([name, settings]) => [name, Object.fromEntries(settings)]),
    [
      ['a', { host: 'h', password: 'x=y' }],
      ['b', { port: '5' }],
    ],
  );
});

test('whatever is delivered is read back as it was', () => {
  const value = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/[\0\n\r]|^\s|\s$/.test(text));
  fc.assert(
    fc.property(value, value, value, value, (host, database, user, password) => {
      const connection = { service: 'db', host, port: '5432', database, user, password };
      const settings = parseServiceFile(renderServiceFile([connection], '/pass')).get('db');
      assert.equal(settings?.get('dbname'), database);
      assert.equal(settings?.get('user'), user);
      const found = findPassword(renderPassFile([connection]), { host, port: '5432', database, user });
      assert.equal(found?.expose(), password);
    }),
  );
});
