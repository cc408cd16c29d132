import assert from 'node:assert/strict';
import test from 'node:test';
import { parseAclItem } from '../../../src/targets/postgres/acl.ts';

test('an entry names grantee, privileges and grantor', () => {
  assert.deepEqual(parseAclItem('orders_app=arwdD/orders_owner'), {
    grantee: 'orders_app',
    grantor: 'orders_owner',
    privileges: ['INSERT', 'SELECT', 'UPDATE', 'DELETE', 'TRUNCATE'],
    grantable: [],
  });
});

test('PUBLIC has no name', () => {
  assert.equal(parseAclItem('=Tc/postgres').grantee, '');
});

test('a star makes the privilege before it grantable', () => {
  const entry = parseAclItem('a=r*w/b');
  assert.deepEqual(entry.privileges, ['SELECT', 'UPDATE']);
  assert.deepEqual(entry.grantable, ['SELECT']);
});

test('quoted names may hold anything', () => {
  const entry = parseAclItem('"a=b/""c"""=r/"d e"');
  assert.equal(entry.grantee, 'a=b/"c"');
  assert.equal(entry.grantor, 'd e');
});

test('privileges of a newer PostgreSQL are left out', () => {
  assert.deepEqual(parseAclItem('a=rZ/b').privileges, ['SELECT']);
});

test('what is no entry is an error', () => {
  assert.throws(() => parseAclItem('nonsense'), RangeError);
});
