import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldChanges, newFields, tokenFields } from '../../../src/targets/vault/role-fields.ts';

const wanted = tokenFields({ policies: ['b', 'a'], ttlSeconds: 3600 });

test('a role as the server spells it does not differ: order, null lists and absent fields mean nothing', () => {
  const seen = { token_policies: ['a', 'b'], token_ttl: 3600, token_bound_cidrs: null, token_type: 'default' };
  assert.deepEqual(fieldChanges(wanted, seen), []);
});

test('every widening by hand is a difference, in words', () => {
  const seen = {
    token_policies: ['a', 'b', 'root-like'],
    token_ttl: 3600,
    token_max_ttl: 86_400,
    token_period: 60,
    token_num_uses: 0,
    token_bound_cidrs: ['0.0.0.0/0'],
    token_type: 'batch',
    token_no_default_policy: true,
  };
  assert.deepEqual(
    fieldChanges(wanted, seen).map(({ field, before, after }) => `${field}: ${before} → ${after}`),
    [
      'token policies: a, b, root-like → a, b',
      'token max ttl: 1d → none',
      'token period: 1m → none',
      'token no default policy: true → false',
      'token bound cidrs: 0.0.0.0/0 → none',
      'token type: batch → default',
    ],
  );
});

test('a new role lists what is not at its default', () => {
  assert.deepEqual(newFields(wanted), [
    { field: 'token policies', after: 'a, b' },
    { field: 'token ttl', after: '1h' },
  ]);
});
