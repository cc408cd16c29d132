import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { databaseConnectionKind } from '../../../src/targets/vault/database-connection.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import { databaseRoleKind } from '../../../src/targets/vault/database-role.ts';
import { databaseStaticRoleKind } from '../../../src/targets/vault/database-static-role.ts';
import type { DatabaseStaticRoleSpec } from '../../../src/targets/vault/database-static-role.spec.ts';
import { engineLoginKind } from '../../../src/targets/postgres/engine-login.ts';
import { sweepLeases } from '../../../src/targets/postgres/lease.ts';
import { type EngineBench, engineBench, engineRoleName } from '../../support/engine-bench.ts';
import { isFailure } from '../../support/failure.ts';
import { resource } from '../../support/kinds.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { valuesOf } from '../../support/store-bench.ts';

const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);
const words = (
  change: { readonly fields: readonly { field: string; before?: string; after?: string; note?: string }[] } | undefined,
) => change?.fields.map(({ field, before, after, note }) => `${field}: ${note ?? `${before} → ${after}`}`);

interface Issued {
  readonly lease: string;
  readonly username: string;
  readonly password: string;
}

/** Asks the engine for a login, as a consumer does. */
async function issue({ bao, mount }: EngineBench, role: string): Promise<Issued> {
  const { body } = await bao.ask('GET', `${mount}/creds/${role}`);
  return { lease: body?.['lease_id'], ...body?.['data'] } as Issued;
}

describe('the database engine of a Vault', { skip: openBaoMissing || postgresMissing }, () => {
  const server = openBaoOfSuite();

  test('a connection is made, handed a password that it replaces, and found unchanged', async (t) => {
    const engine = await engineBench(t, server());
    assert.deepEqual(actions(await engine.connect()), ['create', 'create']);
    assert.deepEqual(actions(await engine.planConnection()), ['none', 'none']);
    const { password } = await valuesOf(engine.main, engine.engineLogin().spec.first.path);
    await assert.rejects(engine.logIn(engineRoleName, password ?? ''), /password authentication failed/);
    const log = engine.server.log();
    assert.ok(!log.includes(password ?? '?'));
    assert.match(log, /ALTER ROLE "keywright_main_orders" WITH PASSWORD 'SCRAM-SHA-256/, 'the engine sends a verifier');
    // Both sides are compared with one another, so a lost inventory is nothing to them.
    engine.bench.records.delete(engine.engineLogin().id);
    assert.deepEqual(actions(await engine.planConnection()), ['none', 'none']);
  });

  test('what was retuned by hand is told in words and goes back', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, mount } = engine;
    await engine.connect();
    await bao.ask('POST', `${mount}/config/orders-a.orders`, {
      allowed_roles: '*',
      max_open_connections: '50',
      max_connection_lifetime: '5m',
      username_template: 'fixed',
      password_authentication: 'password',
      root_rotation_statements: [`ALTER ROLE "{{username}}" PASSWORD 'known'`],
      verify_connection: false,
    });
    const [retuned, login] = await engine.planConnection();
    assert.deepEqual(words(retuned), [
      'allowed roles: * → orders, orders-app',
      'names of logins: fixed → {{ .RoleName | replace "-" "_" }}_{{ random 8 | lowercase }}',
      'passwords are sent: password → scram-sha-256',
      `rotation statements: ALTER ROLE "{{username}}" PASSWORD 'known' → none`,
      'sessions: 50 → 4',
    ]);
    assert.equal(login?.action, 'none');
    await engine.connect();
    assert.deepEqual(actions(await engine.planConnection()), ['none', 'none']);
  });

  test('another entrance set by hand goes back, and the engine proves itself there again', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, mount } = engine;
    await engine.connect();
    await bao.ask('POST', `${mount}/config/orders-a.orders`, {
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${engine.server.port}/postgres?sslmode=require`,
      username: 'postgres',
      verify_connection: false,
    });
    const [moved] = await engine.planConnection();
    assert.deepEqual(words(moved)?.slice(0, 3), [
      'database: postgres → orders',
      'sslmode: require → verify-full',
      `sslrootcert: none → ${engine.trustFile}`,
    ]);
    const [, handed] = await engine.connect();
    assert.deepEqual(words(handed), ['password: not handed over for this entrance']);
    assert.deepEqual(actions(await engine.planConnection()), ['none', 'none']);
    await engine.applyRoles(engine.role('orders-app'));
    assert.match((await issue(engine, 'orders-app')).username, /^orders_app_[a-z0-9]{8}$/);
  });

  test('a password changed by hand on either side is found, and replaced by one that nobody knows', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, mount, server: postgres } = engine;
    await engine.connect();
    await engine.applyRoles(engine.role('orders-app'));
    for (const change of [
      () => postgres.query(`ALTER ROLE ${engineRoleName} PASSWORD 'guess'`),
      () => bao.ask('POST', `${mount}/rotate-root/orders-a.orders`, {}),
      () => postgres.query(`ALTER ROLE ${engineRoleName} PASSWORD NULL`),
      () => bao.ask('DELETE', `${mount}/config/orders-a.orders`),
    ]) {
      await change();
      const planned = await engine.planConnection();
      assert.ok(
        planned.some(({ action }) => action !== 'none'),
        String(change),
      );
      await engine.connect();
      assert.deepEqual(actions(await engine.planConnection()), ['none', 'none']);
      assert.match((await issue(engine, 'orders-app')).username, /^orders_app_/);
    }
    await assert.rejects(engine.logIn(engineRoleName, 'guess'), /password authentication failed/);
  });

  test('a hand-over that is stopped at any step is begun again by the next run', async (t) => {
    const engine = await engineBench(t, server());
    const { bench, session } = engine;
    await engine.connect();
    for (const step of [2, 3, 4, 5]) {
      await engine.server.query(`ALTER ROLE ${engineRoleName} PASSWORD 'guess'`);
      session.forget();
      let steps = 0;
      const stopped: typeof engineLoginKind = {
        ...engineLoginKind,
        apply: (on, changes, io) =>
          engineLoginKind.apply(on, changes, {
            ...io,
            guard: () => {
              steps += 1;
              if (steps === step) {
                throw new Error('stopped');
              }
            },
          }),
      };
      const [result] = (await bench.apply(stopped, session, [engine.engineLogin()])).values();
      assert.equal(result?.applied.outcome, 'failed', `step ${step}`);
      assert.deepEqual(actions(await engine.planConnection()), ['none', 'update'], `step ${step}`);
      await engine.connect();
      assert.deepEqual(actions(await engine.planConnection()), ['none', 'none'], `step ${step}`);
    }
    await engine.applyRoles(engine.role('orders-app'));
    assert.match((await issue(engine, 'orders-app')).username, /^orders_app_/);
  });

  test('an engine that cannot come in says why', async (t) => {
    const engine = await engineBench(t, server());
    await rename(engine.trustFile, `${engine.trustFile}.away`);
    await assert.rejects(engine.connect(), (error: Error) => {
      assert.ok(isFailure('engine-cannot-connect')(error));
      assert.match(
        error.message,
        /cannot log in to postgres\/orders-a as keywright_main_orders: .*unable to read CA file/,
      );
      return true;
    });
    await rename(`${engine.trustFile}.away`, engine.trustFile);
    assert.deepEqual(actions(await engine.connect()), ['create'], 'the connection is there, its login is not');
  });

  test('a connection of somebody else is only taken over by leave', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, bench, main, mount } = engine;
    await bao.ask('POST', `sys/mounts/${mount}/tune`, { description: 'somebody else made it' });
    await bao.ask('POST', `${mount}/config/orders-a.orders`, {
      plugin_name: 'postgresql-database-plugin',
      connection_url: 'postgresql://a/b',
      verify_connection: false,
    });
    const [refused] = await bench.plan(databaseConnectionKind, main, [engine.connection()]);
    assert.equal(refused?.refusal?.code, 'adopt-existing');
    await bao.ask('POST', `${mount}/config/orders-a.orders`, {
      keywright: `keywright fleet=another id=${engine.connection().id}`,
      verify_connection: false,
    });
    const [foreign] = await bench.plan(databaseConnectionKind, main, [engine.connection()]);
    assert.equal(foreign?.refusal?.code, 'foreign-mark');
    await bao.ask('POST', `${mount}/config/orders-a.orders`, { keywright: '', verify_connection: false });
    const allow = [{ rule: 'adopt-existing', reason: 'a test' }];
    assert.deepEqual(
      actions(await bench.mustApply(databaseConnectionKind, main, [{ ...engine.connection(), allow }])),
      ['adopt'],
    );
    assert.deepEqual(actions(await engine.connect()), ['create']);
  });

  test('a role edited by hand is found by meaning and mended', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, mount } = engine;
    const role = engine.role('orders-app', { connectionLimit: 3, setRole: 'orders_app' });
    await engine.connect();
    assert.deepEqual(actions(await engine.applyRoles(role)), ['create']);
    assert.deepEqual(await engine.applyRoles(role), []);
    const { body } = await bao.ask('GET', `${mount}/roles/orders-app`);
    const statements: string[] = body?.['data'].creation_statements ?? [];
    const [create = '', ...rest] = statements;
    // The same statements, spelled in another way.
    await bao.ask('POST', `${mount}/roles/orders-app`, {
      creation_statements: [`${create.replaceAll(' ', '  ')};\n${rest.join(';\n')};`],
    });
    assert.deepEqual(await engine.applyRoles(role), []);
    await bao.ask('POST', `${mount}/roles/orders-app`, {
      creation_statements: [create, ...rest, 'GRANT orders_owner TO "{{name}}"'],
      revocation_statements: [],
      renew_statements: [`ALTER ROLE "{{name}}" VALID UNTIL 'infinity'`],
      default_ttl: '20h',
      max_ttl: 0,
    });
    const [drift] = await engine.bench.plan(databaseRoleKind, engine.main, [role]);
    const told = words(drift) ?? [];
    assert.deepEqual(told.slice(0, 3), [
      'default ttl: 20h → 1h',
      'max ttl: none → 2h',
      'creation statement: GRANT orders_owner TO "{{name}}" → none',
    ]);
    assert.match(told[3] ?? '', /^revocation statement: none → DO \$revoke\$ BEGIN IF EXISTS/);
    assert.deepEqual(told.slice(4), [`renewal statement: ALTER ROLE "{{name}}" VALID UNTIL 'infinity' → none`]);
    await engine.applyRoles(role);
    assert.deepEqual(await engine.applyRoles(role), []);

    await bao.ask('POST', 'sys/policies/password/weak', {
      policy: 'length = 4\nrule "charset" { charset = "ab" }',
    });
    await bao.ask('POST', `${mount}/roles/orders-app`, { credential_config: { password_policy: 'weak' } });
    assert.deepEqual(words((await engine.bench.plan(databaseRoleKind, engine.main, [role]))[0]), [
      'password policy: its own → none',
    ]);
    await engine.applyRoles(role);
    assert.deepEqual(await engine.applyRoles(role), []);
    assert.ok((await issue(engine, 'orders-app')).password.length >= 20);
  });

  test('a login is what the access asks for, and revoking its lease leaves nothing of it', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, server: postgres } = engine;
    await engine.connect();
    await engine.applyRoles(engine.role('orders-app', { connectionLimit: 3, setRole: 'orders_app' }));
    const { lease, username, password } = await issue(engine, 'orders-app');
    const client = await engine.logIn(username, password);
    const who = await client.query<{ who: string }>('SELECT current_user AS who');
    assert.equal(who.rows[0]?.who, 'orders_app');
    const { rows } = await postgres.query('SELECT rolconnlimit, rolcreaterole FROM pg_roles WHERE rolname = $1', [
      username,
    ]);
    assert.deepEqual(rows, [{ rolconnlimit: 3, rolcreaterole: false }]);
    assert.ok(!postgres.log().includes(password));
    await postgres.query(`CREATE TABLE of_theirs (); ALTER TABLE of_theirs OWNER TO ${username}`, undefined, 'orders');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await bao.ask('POST', 'sys/leases/revoke', { lease_id: lease, sync: true });
    await ended;
    assert.deepEqual(await engine.logins(), []);
    const owner = await postgres.query(
      `SELECT tableowner FROM pg_tables WHERE tablename = 'of_theirs'`,
      undefined,
      'orders',
    );
    assert.deepEqual(owner.rows, [{ tableowner: 'orders_app' }]);
    await assert.rejects(engine.logIn(username, password));

    // Somebody dropped the role: its lease can end all the same.
    const other = await issue(engine, 'orders-app');
    await postgres.query(`DROP OWNED BY ${other.username}; DROP ROLE ${other.username}`, undefined, 'orders');
    await bao.ask('POST', 'sys/leases/revoke', { lease_id: other.lease, sync: true });

    // The engine cannot take back what a superuser granted: nobody logs in all the same, and a sweep removes the rest.
    const granted = await issue(engine, 'orders-app');
    await postgres.query(`GRANT CREATE ON DATABASE orders TO ${granted.username}`);
    await bao.ask('POST', 'sys/leases/revoke', { lease_id: granted.lease, sync: true });
    await assert.rejects(engine.logIn(granted.username, granted.password), /password authentication failed/);
    assert.deepEqual(await engine.logins(), [granted.username]);
    engine.session.forget();
    assert.deepEqual(await sweepLeases(engine.session, { now: new Date(), guard: () => {} }), [granted.username]);
    assert.deepEqual(await engine.logins(), []);
  });

  test('a role that left the fleet takes its own logins along and no others, then the connection goes', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, bench, main, mount, session } = engine;
    await engine.connect();
    await engine.applyRoles(engine.role('orders-app'), engine.role('orders'));
    const kept = await issue(engine, 'orders-app');
    const gone = await issue(engine, 'orders');
    assert.deepEqual(await engine.logins(), [gone.username, kept.username].sort());
    const [removal] = await engine.applyRoles(engine.role('orders-app'));
    assert.equal(removal?.action, 'remove');
    assert.deepEqual(await engine.logins(), [kept.username]);
    assert.equal((await bao.ask('GET', `${mount}/roles/orders`)).status, 404);
    const [shrunk] = await engine.connect({ allowedRoles: ['orders-app'] });
    assert.deepEqual(words(shrunk), ['allowed roles: orders, orders-app → orders-app']);

    await bench.mustApply(databaseRoleKind, main, []);
    assert.deepEqual(await engine.logins(), []);
    session.forget();
    await bench.mustApply(engineLoginKind, session, []);
    await bench.mustApply(databaseConnectionKind, main, []);
    assert.equal((await bao.ask('GET', `${mount}/config/orders-a.orders`)).status, 404);
  });

  test('a static role replaces the password of one login, is mended, and leaves with the fleet', async (t) => {
    const engine = await engineBench(t, server());
    const { bao, bench, main, mount, server: postgres } = engine;
    await postgres.query(`CREATE ROLE batch LOGIN PASSWORD 'by hand' IN ROLE orders_app; CREATE ROLE other LOGIN`);
    await postgres.query(`GRANT batch, other TO ${engineRoleName} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
    await engine.connect({ allowedRoles: ['batch'] });
    const role = (more: Partial<DatabaseStaticRoleSpec> = {}) =>
      resource<DatabaseStaticRoleSpec>(resourceId(targetId('store', 'main'), 'database-static-role', mount, 'batch'), {
        mount,
        role: 'batch',
        connection: 'orders-a.orders',
        username: 'batch',
        rotationSeconds: 86_400,
        ...more,
      });
    const apply = (...roles: ReturnType<typeof role>[]) => bench.mustApply(databaseStaticRoleKind, main, roles);
    assert.deepEqual(actions(await apply(role())), ['create']);
    assert.deepEqual(await apply(role()), []);
    const { body } = await bao.ask('GET', `${mount}/static-creds/batch`);
    await engine.logIn('batch', body?.['data'].password);
    await assert.rejects(engine.logIn('batch', 'by hand'), /password authentication failed/);

    const statement = `ALTER ROLE "{{name}}" PASSWORD 'known'`;
    const edited = { username: 'batch', rotation_period: '1h', rotation_statements: statement };
    await bao.ask('POST', `${mount}/static-roles/batch`, edited);
    assert.deepEqual(words((await bench.plan(databaseStaticRoleKind, main, [role()]))[0]), [
      'rotation period: 1h → 1d',
      `rotation statement: ${statement} → none`,
    ]);
    await apply(role());
    assert.deepEqual(await apply(role()), []);
    // Another login: the server changes none in place.
    assert.deepEqual(actions(await apply(role({ username: 'other' }))), ['update']);
    assert.deepEqual(await apply(role({ username: 'other' })), []);
    assert.deepEqual(actions(await apply()), ['remove']);
    assert.equal((await bao.ask('GET', `${mount}/static-roles/batch`)).status, 404);
  });
});
