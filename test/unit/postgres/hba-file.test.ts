import assert from 'node:assert/strict';
import test from 'node:test';
import { renderHba, ruleLines } from '../../../src/targets/postgres/hba-file.ts';

test("the superuser's line comes first, and keywords stay keywords", () => {
  const text = renderHba([
    { type: 'local', database: 'all', user: 'all', method: 'reject' },
    { type: 'hostssl', database: 'orders', user: '+orders_app', address: '127.0.0.1/32', method: 'scram-sha-256' },
    { type: 'hostssl', database: 'replication', user: 'all', address: '::1/128', method: 'reject' },
    {
      type: 'hostssl',
      database: 'odd "name"',
      user: 'billing',
      address: '127.0.0.1/32',
      method: 'cert',
      options: { clientcert: 'verify-full' },
    },
  ]);
  assert.deepEqual(ruleLines(text), [
    'local all postgres peer map=adm',
    'local all all reject',
    'hostssl "orders" +"orders_app" 127.0.0.1/32 scram-sha-256',
    'hostssl replication all ::1/128 reject',
    'hostssl "odd ""name""" "billing" 127.0.0.1/32 cert clientcert="verify-full"',
  ]);
});

test('a role that is called like a keyword is no keyword', () => {
  const text = renderHba([{ type: 'local', database: 'sameuser', user: '+all', method: 'peer' }]);
  assert.equal(ruleLines(text).at(-1), 'local "sameuser" +"all" peer');
});
