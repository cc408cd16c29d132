import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  creationStatements,
  revocationStatements,
  statementChanges,
} from '../../../src/targets/vault/database-statements.ts';

const logins = { group: 'orders_app', engineRole: 'keywright_main_orders', comment: "it's a mark" };

test('a login gets what its access says, its names quoted', () => {
  assert.deepEqual(creationStatements({ ...logins, group: 'a"b', setRole: "o'r", connectionLimit: 5 }), [
    `CREATE ROLE "{{name}}" WITH LOGIN INHERIT NOCREATEROLE NOCREATEDB NOBYPASSRLS CONNECTION LIMIT 5 PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
    'GRANT "a""b" TO "{{name}}" WITH INHERIT TRUE, SET TRUE, ADMIN FALSE',
    'GRANT "{{name}}" TO "keywright_main_orders" WITH INHERIT TRUE, SET TRUE',
    `ALTER ROLE "{{name}}" SET role = 'o''r'`,
    `COMMENT ON ROLE "{{name}}" IS 'it''s a mark'`,
  ]);
  assert.match(creationStatements(logins)[0] ?? '', /CONNECTION LIMIT -1 /);
});

test('how statements are spelled and divided is no difference', () => {
  const wanted = creationStatements(logins);
  assert.deepEqual(statementChanges('x', wanted, [wanted.join(' ;\n\t')]), []);
  assert.deepEqual(statementChanges('x', wanted, [...wanted, ' ', ';']), []);
  const revoke = revocationStatements(logins);
  assert.deepEqual(statementChanges('x', revoke, [revoke.join().replaceAll(/\s+/g, ' ')]), []);
});

test('what was added, taken away or moved is told one by one', () => {
  const wanted = creationStatements(logins);
  assert.deepEqual(statementChanges('x', wanted, [...wanted, 'ALTER ROLE "{{name}}" SUPERUSER']), [
    { field: 'x', before: 'ALTER ROLE "{{name}}" SUPERUSER', after: 'none' },
  ]);
  assert.deepEqual(statementChanges('x', wanted, wanted.slice(0, -1)), [
    { field: 'x', before: 'none', after: wanted.at(-1) },
  ]);
  assert.deepEqual(statementChanges('x', wanted, wanted.toReversed()), [
    { field: 'x', note: 'in another order, or repeated' },
  ]);
  const [change] = statementChanges('x', revocationStatements(logins), []);
  assert.equal(change?.after?.length, 158);
});
