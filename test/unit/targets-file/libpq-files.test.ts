import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { renderPassFile, renderServiceFile } from '../../../src/targets/file/libpq-files.ts';

const app = {
  service: 'orders-app',
  host: 'orders.localhost',
  hostaddr: '127.0.0.1',
  port: '15432',
  database: 'orders',
  user: 'app',
};

test('a service says everything but the password, and names the pass file', () => {
  const text = renderServiceFile([{ ...app, password: 'hunter2', rootCertificate: '/g/ca.crt' }], '/g/pgpass');
  assert.equal(
    text,
    [
      '[orders-app]',
      'host=orders.localhost',
      'hostaddr=127.0.0.1',
      'port=15432',
      'dbname=orders',
      'user=app',
      'passfile=/g/pgpass',
      'sslmode=verify-full',
      'sslrootcert=/g/ca.crt',
      'ssl_min_protocol_version=TLSv1.3',
      '',
    ].join('\n'),
  );
});

test('a certificate access has no pass file', () => {
  const text = renderServiceFile([{ ...app, certificate: '/g/tls.crt', key: '/g/tls.key' }], '/g/pgpass');
  assert.ok(text.includes('sslcert=/g/tls.crt\nsslkey=/g/tls.key'));
  assert.ok(!text.includes('passfile'));
  assert.equal(renderPassFile([app]), '');
});

test('colons and backslashes are escaped in a pass file', () => {
  assert.equal(renderPassFile([{ ...app, password: 'a:b\\c' }]), 'orders.localhost:15432:orders:app:a\\:b\\\\c\n');
  assert.equal(renderPassFile([{ ...app, host: '#h', user: '*', password: '*x' }]), '\\#h:15432:orders:\\*:*x\n');
});

test('what the formats cannot hold is an error without the value', () => {
  for (const change of [
    { user: 'a\nb' },
    { database: 'x ' },
    { service: 'a]b' },
    { host: '' },
    { user: 'x'.repeat(2000) },
  ]) {
    assert.throws(() => renderServiceFile([{ ...app, ...change }], '/g/pgpass'), Failure, JSON.stringify(change));
  }
  for (const change of [{ password: 'hunter2\n' }, { password: '' }, { password: 'hunter2\r' }]) {
    assert.throws(
      () => renderPassFile([{ ...app, ...change }]),
      (error: unknown) => error instanceof Failure && !error.message.includes('hunter2'),
    );
  }
});
