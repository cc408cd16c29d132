import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { fleetOf, notHeld } from '../support/fleet.ts';
import { postgresMissing } from '../support/postgres.ts';

const text = `
apiVersion: keywright.dev/v1alpha1
kind: Fleet
metadata: { name: granting }
spec: {}
---
apiVersion: keywright.dev/v1alpha1
kind: Site
metadata: { name: here }
spec: { local: { directory: .keywright/here } }
---
apiVersion: keywright.dev/v1alpha1
kind: Store
metadata: { name: box }
spec: { file: { path: box, identityFile: .keywright/key.txt } }
---
apiVersion: keywright.dev/v1alpha1
kind: Authority
metadata: { name: local }
spec: { pki: { root: { ttl: 10y }, intermediate: { ttl: 1y } } }
---
apiVersion: keywright.dev/v1alpha1
kind: Postgres
metadata: { name: orders }
spec:
  version: 18
  process: {}
  databases:
  - name: orders
    setup: |
      CREATE TABLE stock (id bigint PRIMARY KEY, note text);
      CREATE TABLE audit (id bigint PRIMARY KEY, note text);
      CREATE FUNCTION price(item int) RETURNS int LANGUAGE sql AS 'SELECT 1';
      REVOKE EXECUTE ON FUNCTION price FROM PUBLIC;
---
apiVersion: keywright.dev/v1alpha1
kind: DatabaseAccess
metadata: { name: orders-report }
spec:
  postgres: orders
  database: orders
  privileges: readOnly
  grants:
  - GRANT EXECUTE ON FUNCTION price TO {role}
  - GRANT INSERT, UPDATE (note) ON audit TO {role}
  - GRANT pg_monitor TO {role}
  credential: { static: {} }
`;

const granted = 'broken DatabaseAccess/orders-report#granted';

it(
  'what grants of the fleet say is proven, given again when it was taken away, and all there is',
  { skip: postgresMissing },
  async (t) => {
    const fleet = await fleetOf(t, text);
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
    assert.match(await fleet.must('plan'), /unchanged/);
    const isMonitor = async (): Promise<unknown> =>
      (await fleet.sql('orders', 'orders', "SELECT pg_has_role('orders_report_a', 'pg_monitor', 'USAGE') AS yes"))[0]?.[
        'yes'
      ];
    assert.equal(await isMonitor(), true);

    const damages: [string, RegExp, string[]][] = [
      [
        'REVOKE EXECUTE ON FUNCTION price FROM orders_report',
        /routine public\.price\(integer\).*none → EXECUTE/,
        [granted],
      ],
      [
        'REVOKE UPDATE (note) ON audit FROM orders_report',
        /table public\.audit.*INSERT → .*UPDATE \(note\)/,
        [granted],
      ],
      ['REVOKE pg_monitor FROM orders_report', /pg_monitor/, []],
      [
        'GRANT INSERT ON stock TO orders_report',
        /table public\.stock.*INSERT → none/,
        ['broken DatabaseAccess/orders-report#refused-write'],
      ],
      ['GRANT INSERT ON stock TO orders_report_a', /INSERT/, ['broken DatabaseAccess/orders-report#refused-write']],
    ];
    for (const [damage, planned, broken] of damages) {
      await fleet.sql('orders', 'orders', damage);
      assert.deepEqual(notHeld(await fleet.verify()), broken, damage);
      assert.match((await fleet.run('plan')).stdout, planned, damage);
      await fleet.must('apply');
      assert.deepEqual(notHeld(await fleet.verify()), [], damage);
      assert.match(await fleet.must('plan'), /unchanged/);
    }
    assert.equal(await isMonitor(), true);

    await fleet.sql(
      'orders',
      'orders',
      `CREATE TYPE mood AS ENUM ('good'); REVOKE USAGE ON TYPE mood FROM PUBLIC; REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
     CREATE SCHEMA "Odd one"; CREATE SEQUENCE "Odd one".s;
     CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrapper; SELECT lo_create(4711)`,
    );
    const others = [
      'USAGE ON TYPE mood',
      'USAGE ON LANGUAGE plpgsql',
      'USAGE ON SCHEMA "Odd one"',
      'UPDATE ON SEQUENCE "Odd one".s',
      'USAGE ON FOREIGN DATA WRAPPER wrapper',
      'USAGE ON FOREIGN SERVER elsewhere',
      'SELECT ON LARGE OBJECT 4711',
      'CREATE ON TABLESPACE pg_default',
      'SET ON PARAMETER log_min_messages',
      'CREATE ON DATABASE orders',
    ];
    const lines = others.map((right) => `  - 'GRANT ${right} TO {role}'\n`).join('');
    await writeFile(
      join(fleet.folder, 'fleet.yaml'),
      text.replace('  - GRANT pg_monitor', `${lines}  - GRANT pg_monitor`),
    );
    await fleet.must('apply');
    const granting = async (): Promise<string[]> =>
      notHeld(await fleet.verify('--claim', 'DatabaseAccess/orders-report#granted'));
    assert.deepEqual(await granting(), []);
    for (const right of others) {
      await fleet.sql('orders', 'orders', `REVOKE ${right} FROM orders_report`);
      assert.deepEqual(await granting(), [granted], right);
      await fleet.sql('orders', 'orders', `GRANT ${right} TO orders_report`);
    }
    assert.deepEqual(await granting(), []);
    await fleet.sql('orders', 'orders', 'DROP FUNCTION price');
    assert.deepEqual(await granting(), [granted]);
  },
);
