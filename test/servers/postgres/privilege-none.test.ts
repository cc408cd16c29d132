import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PrivilegeSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { privilegeKind } from '../../../src/targets/postgres/privilege.ts';
import { resource } from '../../support/kinds.ts';
import { pgId, postgresBench } from '../../support/postgres-bench.ts';
import { postgresMissing } from '../../support/postgres.ts';

const none = (role: string) =>
  resource<PrivilegeSpec>(pgId('privilege', 'shop', 'public', role), {
    database: 'shop',
    schema: 'public',
    role,
    privileges: 'none',
  });

test(
  'a role that has its rights from its class alone loses what was given to it by hand, whatever it is',
  { skip: postgresMissing },
  async (t) => {
    const { bench, server, session } = await postgresBench(t);
    await server.query('CREATE ROLE app; CREATE ROLE stranger');
    await server.query('CREATE DATABASE shop');
    await server.query('CREATE TABLE orders (id int, note text); CREATE SEQUENCE numbers', undefined, 'shop');
    const wanted = [none('app')];
    const actions = async (): Promise<string[]> =>
      (await bench.plan(privilegeKind, session, wanted)).map(({ action }) => action);
    assert.deepEqual(await actions(), ['none']);
    for (const statement of [
      'GRANT UPDATE ON orders TO app',
      'GRANT SELECT (note) ON orders TO app',
      'GRANT USAGE ON SEQUENCE numbers TO app',
      'GRANT CREATE ON SCHEMA public TO app',
      'GRANT TEMPORARY ON DATABASE shop TO app WITH GRANT OPTION',
    ]) {
      await server.query(statement, undefined, 'shop');
      session.forget();
      assert.deepEqual(await actions(), ['update'], statement);
      await bench.mustApply(privilegeKind, session, wanted);
      assert.deepEqual(await actions(), ['none'], statement);
    }
    await server.query('GRANT SELECT ON orders TO stranger', undefined, 'shop');
    session.forget();
    assert.deepEqual(await actions(), ['none'], 'somebody else’s rights are not ours');
  },
);
