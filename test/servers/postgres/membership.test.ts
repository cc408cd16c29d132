import assert from 'node:assert/strict';
import test from 'node:test';
import type { Resource } from '../../../src/model/resource.ts';
import { membershipKind } from '../../../src/targets/postgres/membership.ts';
import type { MembershipSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { roleKind } from '../../../src/targets/postgres/role.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, postgresBench, type PostgresBench } from '../../support/postgres-bench.ts';

const options = { skip: postgresMissing };

function membership(role: string, member: string, inherit = true, set = false): Resource<MembershipSpec> {
  return resource(pgId('membership', role, member), { role, member, inherit, set });
}

async function withRoles(t: Parameters<typeof postgresBench>[0], ...names: readonly string[]): Promise<PostgresBench> {
  const fixture = await postgresBench(t);
  await fixture.bench.mustApply(
    roleKind,
    fixture.session,
    names.map((name) => resource(pgId('role', name), { name, login: false })),
  );
  return fixture;
}

const catalog = `
  SELECT roleid::regrole::text AS role, member::regrole::text AS member, inherit_option, set_option, admin_option
    FROM pg_auth_members WHERE member::regrole::text !~ '^pg_' ORDER BY 1, 2`;

test('memberships are granted with their options, and left alone the second time', options, async (t) => {
  const { bench, session, server } = await withRoles(t, 'readers', 'app', 'app_a');
  const wanted = [membership('readers', 'app'), membership('app', 'app_a', true, true)];
  await bench.mustApply(membershipKind, session, wanted);
  assert.deepEqual(
    (await server.query(catalog)).rows.map((row) => Object.values(row)),
    [
      ['app', 'app_a', true, true, false],
      ['readers', 'app', true, false, false],
    ],
  );
  assert.deepEqual(
    (await bench.plan(membershipKind, session, wanted)).map(({ action }) => action),
    ['none', 'none'],
  );
});

test('options changed by hand and memberships that nobody asked for are taken back', options, async (t) => {
  const { bench, session, server } = await withRoles(t, 'readers', 'app', 'app_a');
  const wanted = [membership('readers', 'app'), membership('app', 'app_a')];
  await bench.mustApply(membershipKind, session, wanted);
  const before = (await server.query(catalog)).rows;
  await server.query(`CREATE ROLE helper CREATEROLE; GRANT app TO helper WITH ADMIN TRUE`);
  for (const [statement, field] of [
    ['REVOKE readers FROM app', undefined],
    ['GRANT readers TO app WITH SET TRUE', 'set'],
    ['GRANT readers TO app WITH ADMIN TRUE', 'admin'],
    ['GRANT readers TO app WITH INHERIT FALSE', 'inherit'],
    ['GRANT app TO app_a WITH SET TRUE GRANTED BY helper', 'set'],
    ['GRANT pg_write_all_data TO app_a', 'app_a in pg_write_all_data'],
    ['GRANT pg_read_all_data TO readers', 'readers in pg_read_all_data'],
  ] as const) {
    await server.query(statement);
    session.forget();
    const changes = (await bench.plan(membershipKind, session, wanted)).filter(({ action }) => action !== 'none');
    assert.equal(changes.length, 1, statement);
    assert.equal(changes[0]?.fields[0]?.field, field, statement);
    await bench.mustApply(membershipKind, session, wanted);
    const rows = (await server.query(catalog)).rows.filter((row) => row['member'] !== 'helper');
    assert.deepEqual(rows, before, statement);
    assert.deepEqual(
      (await bench.plan(membershipKind, session, wanted)).map(({ action }) => action),
      ['none', 'none'],
    );
  }
});

test('memberships of roles that are not ours are left alone', options, async (t) => {
  const { bench, session, server } = await withRoles(t, 'readers', 'app');
  await server.query('CREATE ROLE stranger; GRANT pg_monitor TO stranger; GRANT readers TO stranger');
  const wanted = [membership('readers', 'app')];
  await bench.mustApply(membershipKind, session, wanted);
  assert.equal((await server.query(catalog)).rows.filter((row) => row['member'] === 'stranger').length, 2);
});

test('when only some are looked at, the others are not taken for strays', options, async (t) => {
  const { bench, session } = await withRoles(t, 'readers', 'app', 'app_a');
  const all = [membership('readers', 'app'), membership('app', 'app_a')];
  await bench.mustApply(membershipKind, session, all);
  const answers = await membershipKind.observe(session, all.slice(0, 1), [], bench.context);
  const answer = answers.get(all[0]?.id as (typeof all)[0]['id']);
  assert.deepEqual(answer?.state === 'present' && answer.seen.strays, []);
});

test('a membership that left the fleet is revoked', options, async (t) => {
  const { bench, session, server } = await withRoles(t, 'readers', 'app');
  await bench.mustApply(membershipKind, session, [membership('readers', 'app')]);
  assert.deepEqual(
    (await bench.mustApply(membershipKind, session, [])).map(({ action }) => action),
    ['remove'],
  );
  assert.equal((await server.query(catalog)).rowCount, 0);
});
