import assert from 'node:assert/strict';
import test from 'node:test';
import { membershipKind } from '../../../src/targets/postgres/membership.ts';
import type { MembershipSpec, RoleSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import { roleKind } from '../../../src/targets/postgres/role.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId, postgresBench } from '../../support/postgres-bench.ts';

const words = (
  change: { readonly fields: readonly { field: string; before?: string; after?: string }[] } | undefined,
) => change?.fields.map(({ field, before, after }) => `${field}: ${before} → ${after}`);

test(
  'the role of a database engine may make logins and hand out its groups; its password and what it makes are its own',
  { skip: postgresMissing },
  async (t) => {
    const { bench, session, server } = await postgresBench(t);
    const group = resource<RoleSpec>(pgId('role', 'app'), { name: 'app', login: false });
    const engine = resource<RoleSpec>(pgId('role', 'engine'), {
      name: 'engine',
      login: true,
      createRole: true,
      passwordElsewhere: true,
    });
    const member = resource<MembershipSpec>(pgId('membership', 'app', 'engine'), {
      role: 'app',
      member: 'engine',
      inherit: true,
      set: true,
      admin: true,
    });
    const roles = [group, engine];
    await bench.mustApply(roleKind, session, roles);
    await bench.mustApply(membershipKind, session, [member]);

    await server.query(`ALTER ROLE engine PASSWORD 'its own'`);
    const mark = `keywright fleet=test id=${pgId('lease', 'app')}`;
    await server.query(`SET ROLE engine; CREATE ROLE app_x LOGIN IN ROLE app; GRANT app_x TO engine WITH INHERIT TRUE`);
    await server.query(`COMMENT ON ROLE app_x IS '${mark}'`);
    session.forget();
    assert.deepEqual(await bench.mustApply(roleKind, session, roles), [], 'a password elsewhere is no difference');
    assert.deepEqual(await bench.mustApply(membershipKind, session, [member]), [], 'nor are the logins that it made');

    await server.query('ALTER ROLE engine SUPERUSER NOCREATEROLE; GRANT app TO engine WITH ADMIN FALSE');
    session.forget();
    assert.deepEqual(words((await bench.plan(roleKind, session, roles))[1]), [
      'superuser: true → false',
      'create role: false → true',
    ]);
    assert.deepEqual(words((await bench.plan(membershipKind, session, [member]))[0]), ['admin: false → true']);
    await bench.mustApply(roleKind, session, roles);
    await bench.mustApply(membershipKind, session, [member]);
    const { rows } = await server.query(
      `SELECT rolpassword IS NOT NULL AS password, rolcreaterole AS makes FROM pg_authid WHERE rolname = 'engine'`,
    );
    assert.deepEqual(rows, [{ password: true, makes: true }]);
  },
);
