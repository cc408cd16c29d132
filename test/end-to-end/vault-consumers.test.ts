import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { notHeld } from '../support/fleet.ts';
import { baoBinary, openBaoMissing, startOpenBao, type OpenBao } from '../support/openbao.ts';
import { vaultFleet, type VaultFleet } from '../support/vault-fleet.ts';

const run = promisify(execFile);

const trees = [
  'kind: SecretTree\nmetadata: { name: production }\nspec: { path: apps/production, entries: [{ path: orders, keys: { api-key: { generate: { hex: 16 } } } }, { path: billing, keys: { api-key: { generate: { hex: 16 } } } }] }',
  'kind: SecretTree\nmetadata: { name: dev }\nspec: { path: apps/dev, entries: [{ path: orders, keys: { api-key: { generate: { hex: 16 } } } }] }',
];
const orders =
  'kind: Consumer\nmetadata: { name: orders }\nspec: { directory: { name: orders }, reads: [{ path: apps/production/orders }], writes: [{ path: "reports/**" }] }';
const jobs =
  'kind: Consumer\nmetadata: { name: jobs }\nspec: { directory: { name: jobs }, reads: [{ path: "apps/dev/**" }], wrap: 5m, tokenTtl: 30m }';
const rule = (who = '{ consumer: orders }'): string =>
  `kind: Rule\nmetadata: { name: production }\nspec: { secrets: { path: "apps/production/**" }, onlyBy: [${who}] }`;

/** Rules of the policy of `jobs` as the fleet derives them, with one of them replaced or more added. */
function jobsPolicy(
  more = '',
  read = '["read"]',
  limits = 'min_wrapping_ttl = "1s"\nmax_wrapping_ttl = "300s"',
): string {
  return `path "secret/data/apps/dev/*" {\ncapabilities = ${read}\n${limits}\n}
    path "secret/metadata/apps/dev/*" { capabilities = ["list"] }\n${more}`;
}

/** Writes a policy by hand; the mark stays, as it does in an editor. */
async function edit(bao: OpenBao, name: string, rules: string): Promise<void> {
  const before = (await bao.ask('GET', `sys/policies/acl/${name}`)).body?.['data'].policy as string;
  const [mark] = before.split('\n');
  await bao.ask('PUT', `sys/policies/acl/${name}`, { policy: `${mark}\n${rules}` });
}

/** Logs in as a program of the consumer would, with the stock client and the delivered files alone. */
async function withBao(fleet: VaultFleet, consumer: string, command: string): Promise<{ code: number; out: string }> {
  const folder = fleet.delivered('here', consumer, 'store-main');
  const script = `set -a; . ./env
    VAULT_TOKEN=$(${baoBinary()} write -field=token "auth/$MOUNT/login" role_id=@role-id secret_id=@secret-id) || exit 9
    ${command.replaceAll('bao ', `${baoBinary()} `)}`;
  try {
    const { stdout } = await run('sh', ['-c', script], { cwd: folder, env: { PATH: process.env['PATH'] } });
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string };
    return { code, out: stderr };
  }
}

test(
  'consumers ask an OpenBao themselves: what the fleet says, proven, and mended when changed by hand',
  { skip: openBaoMissing },
  async (t) => {
    const bao = await startOpenBao(t, { peers: 1 });
    const fleet = await vaultFleet(t, bao);
    await fleet.write(...trees, orders, jobs, rule());
    const up = await fleet.run('up', '--once');
    assert.equal(up.code, 0, up.stdout + up.stderr);
    assert.match(up.stdout, /27 of 27 claims held/);
    assert.equal((await fleet.run('plan')).code, 0);

    await t.test('the stock client reads with the delivered files what the fleet gives, and nothing else', async () => {
      const own = await withBao(fleet, 'orders', 'bao kv get -field=api-key -mount=secret apps/production/orders');
      assert.match(own.out, /^[\da-f]{32}\n?$/);
      for (const path of ['apps/production/billing', 'apps/dev/orders']) {
        const other = await withBao(fleet, 'orders', `bao kv get -mount=secret ${path}`);
        assert.deepEqual([other.code, /permission denied/.test(other.out)], [2, true], path);
      }
      const report = await withBao(fleet, 'orders', 'bao kv put -mount=secret reports/today total=1');
      assert.equal(report.code, 0, report.out);
      const deleted = await withBao(fleet, 'orders', 'bao kv delete -mount=secret reports/today');
      assert.equal(deleted.code, 2);
      const clear = await withBao(fleet, 'jobs', 'bao kv get -mount=secret apps/dev/orders');
      assert.equal(clear.code, 2);
      const wrapped = await withBao(
        fleet,
        'jobs',
        'bao read -wrap-ttl=60s -field=wrapping_token secret/data/apps/dev/orders',
      );
      assert.equal(wrapped.code, 0, wrapped.out);
    });

    const identity = (consumer: string, kind: string): string => `Consumer/${consumer}#${kind}/main`;
    const byHand: readonly {
      readonly what: string;
      readonly change: () => Promise<unknown>;
      /** Broken claims, and when all others of a consumer can be asked nothing, whose. */
      readonly broken: readonly string[];
      readonly unasked?: string;
      readonly inPlan?: RegExp;
    }[] = [
      {
        what: 'a policy that reaches a neighbour',
        change: () => edit(bao, 'jobs', jobsPolicy('path "secret/data/reports/today" { capabilities = ["read"] }')),
        broken: [identity('jobs', 'store-refused-others')],
        inPlan: /rights on secret\/data\/reports\/today\s+read → none/,
      },
      {
        what: 'a policy that reaches what a Rule keeps from it',
        change: () =>
          edit(bao, 'jobs', jobsPolicy('path "secret/data/apps/production/orders" { capabilities = ["read"] }')),
        broken: [identity('jobs', 'store-refused-others'), 'Rule/production#rule-policies/main'],
      },
      {
        what: 'a policy that may write what it should read',
        change: () => edit(bao, 'jobs', jobsPolicy('', '["read", "update"]')),
        broken: [identity('jobs', 'store-refused-write')],
      },
      {
        what: 'a policy that looks around',
        change: () => edit(bao, 'jobs', jobsPolicy('path "secret/metadata/apps/" { capabilities = ["list"] }')),
        broken: [identity('jobs', 'store-refused-list')],
      },
      {
        what: 'a policy that sees how the server is set up',
        change: () => edit(bao, 'jobs', jobsPolicy('path "sys/mounts" { capabilities = ["read"] }')),
        broken: [identity('jobs', 'store-refused-sys')],
      },
      {
        what: 'a policy without its limit on wrapping',
        change: () => edit(bao, 'jobs', jobsPolicy('', '["read"]', '')),
        broken: [identity('jobs', 'store-wraps')],
        inPlan: /read → read only wrapped for at least 1s\s+and at most 5m/,
      },
      {
        what: 'a policy that does not read any more what the fleet gives',
        change: () => edit(bao, 'jobs', jobsPolicy('', '["update"]')),
        broken: [identity('jobs', 'store-reads'), identity('jobs', 'store-refused-write')],
      },
      {
        what: 'a policy that may not write any more',
        change: () => edit(bao, 'orders', 'path "secret/data/apps/production/orders" { capabilities = ["read"] }'),
        broken: [identity('orders', 'store-writes')],
      },
      {
        what: 'a policy that was deleted',
        change: () => bao.ask('DELETE', 'sys/policies/acl/orders'),
        broken: [
          identity('orders', 'store-reads'),
          identity('orders', 'store-writes'),
          // The fleet says that it may, the server that it may not.
          'Rule/production#rule-policies/main',
        ],
      },
      {
        what: 'a role with one more policy',
        change: () => bao.ask('POST', 'auth/approle-here/role/jobs', { token_policies: ['jobs', 'more'] }),
        broken: [identity('jobs', 'store-login')],
        inPlan: /token policies\s+jobs, more → jobs/,
      },
      {
        what: 'a role whose tokens live longer',
        change: () => bao.ask('POST', 'auth/approle-here/role/orders', { token_ttl: '9h' }),
        broken: [identity('orders', 'store-login')],
      },
      {
        what: 'a tuned login method',
        change: () => bao.ask('POST', 'sys/auth/approle-here/tune', { max_lease_ttl: '45m' }),
        broken: [identity('orders', 'store-login')],
        inPlan: /maximum token life\s+45m → the system's/,
      },
      {
        what: 'a second secret id',
        change: () => bao.ask('POST', 'auth/approle-here/role/orders/secret-id', {}),
        broken: [identity('orders', 'store-secret-ids')],
        inPlan: /secret ids made by hand\s+1 → none/,
      },
      {
        what: 'a secret id that was destroyed',
        change: async () => {
          const path = 'auth/approle-here/role/jobs';
          const listed = await bao.ask('LIST', `${path}/secret-id`);
          const accessor = listed.body?.['data'].keys[0] as string;
          await bao.ask('POST', `${path}/secret-id-accessor/destroy`, { secret_id_accessor: accessor });
        },
        broken: [identity('jobs', 'store-login')],
        unasked: 'jobs',
      },
      {
        what: 'a delivered file that others can read',
        change: async () => {
          const folder = fleet.delivered('here', 'orders', 'store-main');
          await chmod(await realpath(join(folder, 'secret-id')), 0o644);
        },
        broken: ['Consumer/orders#delivered-modes/store-main'],
      },
    ];
    for (const { what, change, broken, unasked, inPlan } of byHand) {
      await t.test(`${what}: seen by plan and by exactly its claims, and mended`, async () => {
        await change();
        const plan = await fleet.run('plan');
        assert.equal(plan.code, 2, plan.stdout + plan.stderr);
        if (inPlan !== undefined) {
          assert.match(plan.stdout, inPlan);
        }
        const found = notHeld(await fleet.verify());
        assert.deepEqual(
          found.filter((each) => each.startsWith('broken ')),
          broken.map((id) => `broken ${id}`).toSorted(),
        );
        const unknown = found.filter((each) => each.startsWith('unknown '));
        assert.ok(
          unasked === undefined
            ? unknown.length === 0
            : unknown.every((id) => id.includes(`Consumer/${unasked}#store-`) || id.includes('#rule-policies')),
          unknown.join('\n'),
        );
        await fleet.must('apply');
        assert.equal((await fleet.run('plan')).code, 0);
        assert.deepEqual(notHeld(await fleet.verify()), []);
      });
    }

    await t.test('access answers from the fleet, and from the server itself with what differs', async () => {
      const offline = await fleet.must('access', 'who', 'main/apps/production/orders');
      assert.match(offline, /Consumer\/orders → auth\/approle-here, role orders → policy orders:/);
      assert.equal((await fleet.run('access', 'who', 'main/apps/production/orders', '--live')).code, 0);
      assert.equal((await fleet.run('access', 'what', 'jobs', '--live')).code, 0);
      await edit(bao, 'jobs', 'path "secret/data/*" { capabilities = ["read"] }');
      const live = await fleet.run('access', 'who', 'main/apps/production/orders', '--live');
      assert.equal(live.code, 1);
      assert.match(live.stdout, /read  auth\/approle-here\/role\/jobs\n\s+policy jobs, line 2: secret\/data\/\*/);
      assert.match(live.stdout, /differs {2}auth\/approle-here, role jobs\n.*the fleet gives nothing, the server/);
      assert.equal((await fleet.run('access', 'what', 'jobs', '--live')).code, 1);
      await fleet.must('apply');
      assert.equal((await fleet.run('access', 'what', 'jobs', '--live')).code, 0);
    });

    await t.test('what is refused to Keywright itself names the policy of the fleet that has the right', async () => {
      const before = (await bao.ask('GET', 'sys/policies/acl/keywright')).body?.['data'].policy as string;
      const narrow = `${before}\npath "secret/data/apps/production/orders" { capabilities = ["list"] }`;
      await bao.ask('PUT', 'sys/policies/acl/keywright', { policy: narrow });
      const { stderr } = await fleet.run('secret', 'get', 'main/apps/production/orders', '--key', 'api-key');
      assert.match(stderr, /the token lacks read/);
      assert.match(stderr, /The fleet's policy orders allows it/);
      await bao.ask('PUT', 'sys/policies/acl/keywright', { policy: before });
    });

    await t.test('a policy of somebody else that reaches what a Rule protects is reported', async () => {
      const rules = 'path "secret/data/apps/*" { capabilities = ["read"] }';
      await bao.ask('PUT', 'sys/policies/acl/auditors', { policy: rules });
      const { claims } = await fleet.verify();
      const claim = claims.find(({ id }) => id === 'Rule/production#rule-policies/main');
      assert.equal(claim?.verdict, 'held');
      assert.match(claim.seen, /policies of nobody in the fleet reach it, too: auditors$/);
      await bao.ask('DELETE', 'sys/policies/acl/auditors');
    });

    await t.test('policies that an identity has besides are no matter of apply, and the claim says whose', async () => {
      const aliases = await bao.ask('LIST', 'identity/entity-alias/id');
      const alias = aliases.body?.['data'].keys[0] as string;
      const entity = (await bao.ask('GET', `identity/entity-alias/id/${alias}`)).body?.['data'].canonical_id as string;
      await bao.ask('POST', `identity/entity/id/${entity}`, { policies: ['more'] });
      const { claims } = await fleet.verify();
      const [found, ...others] = claims.filter(({ verdict }) => verdict !== 'held');
      assert.deepEqual(others, []);
      assert.match(found?.id ?? '', /#store-login\/main$/);
      assert.match(found?.mend ?? '', new RegExp(`identity/entity/id/${entity} policies=`));
      await bao.ask('POST', `identity/entity/id/${entity}`, { policies: [] });
    });

    await t.test('another certificate authority of the server is delivered when its file changes', async () => {
      const file = join(fleet.folder, 'bao-ca.pem');
      await writeFile(file, `${bao.ca}# the same, with a note\n`);
      const plan = await fleet.run('plan');
      assert.match(plan.stdout, /directory orders store-main\s+ca\.crt differs/);
      await fleet.must('apply');
      const delivered = join(fleet.delivered('here', 'orders', 'store-main'), 'ca.crt');
      assert.match(await readFile(delivered, 'utf8'), /with a note/);
    });

    await t.test(
      'who leaves the fleet leaves nothing behind: no policy, role, secret id, file, and no living token',
      async () => {
        const folder = fleet.delivered('here', 'orders', 'store-main');
        const [roleId, secretId] = await Promise.all(
          ['role-id', 'secret-id'].map((name) => readFile(join(folder, name), 'utf8')),
        );
        const logIn = () =>
          bao.peers[0]!.ask(
            'POST',
            'auth/approle-here/login',
            { role_id: roleId, secret_id: secretId },
            { token: null },
          );
        const token = (await logIn()).body?.['auth'].client_token as string;
        const look = () => bao.peers[0]!.ask('GET', 'auth/token/lookup-self', undefined, { token });
        assert.equal((await look()).status, 200);
        await fleet.write(...trees, jobs, rule('{ consumer: jobs }'));
        assert.equal((await fleet.run('apply')).code, 1);
        await fleet.must('apply', '--allow-removals', '9');
        assert.equal((await bao.ask('GET', 'sys/policies/acl/orders')).status, 404);
        assert.equal((await bao.ask('GET', 'auth/approle-here/role/orders')).status, 404);
        assert.equal((await logIn()).status, 400);
        assert.equal((await look()).status, 403);
        await assert.rejects(readFile(join(folder, 'secret-id')), /ENOENT/);
        assert.doesNotMatch(await fleet.must('secret', 'list', 'box'), /store-logins\/main\/orders/);
        assert.equal((await fleet.run('plan')).code, 0);
        assert.deepEqual(notHeld(await fleet.verify()), []);
      },
    );
  },
);

test('consumers of a site with logins by certificate', { skip: openBaoMissing }, async (t) => {
  const bao = await startOpenBao(t, { peers: 1 });
  const fleet = await vaultFleet(t, bao);
  const site =
    'kind: Site\nmetadata: { name: here }\nspec: { local: { directory: .keywright/here }, storeLogin: { cert: {} } }';
  const authority = 'kind: Authority\nmetadata: { name: local }\nspec: { pki: { store: box } }';
  const keys =
    'kind: SecretTree\nmetadata: { name: keys }\nspec: { entries: [{ path: platform, encryptionKey: { type: aes256-gcm96 } }, { path: signer, encryptionKey: { type: ed25519 } }] }';
  const cipher =
    'kind: Consumer\nmetadata: { name: cipher }\nspec: { directory: { name: cipher }, reads: [{ encryptionKey: platform }, { encryptionKey: signer }], wrap: 1m }';
  await fleet.write(site, authority, ...trees, orders, jobs, rule(), keys, cipher);
  const up = await fleet.run('up', '--once');
  assert.equal(up.code, 0, up.stdout + up.stderr);
  assert.equal((await fleet.run('plan')).code, 0);
  assert.deepEqual(notHeld(await fleet.verify()), []);

  await t.test('who only uses a key cannot read it, and a right to more is found', async () => {
    assert.deepEqual(notHeld(await fleet.verify()), []);
    await edit(
      bao,
      'cipher',
      ['encrypt', 'decrypt']
        .map((what) => `path "transit/${what}/platform" { capabilities = ["update"]\n max_wrapping_ttl = "60s" }`)
        .concat(
          ['sign', 'verify'].map(
            (what) => `path "transit/${what}/signer" { capabilities = ["update"]\n max_wrapping_ttl = "60s" }`,
          ),
        )
        .concat('path "transit/keys/*" { capabilities = ["read"] }')
        .join('\n'),
    );
    assert.deepEqual(notHeld(await fleet.verify()), ['broken Consumer/cipher#store-refused-sys/main']);
    await fleet.must('apply');
  });

  await t.test('a role that takes another name too is found and mended', async () => {
    await bao.ask('POST', 'auth/cert-here/certs/orders', { allowed_common_names: ['orders', 'jobs'] });
    assert.match((await fleet.run('plan')).stdout, /allowed common names\s+jobs, orders → orders/);
    await fleet.must('apply');
    assert.equal((await fleet.run('plan')).code, 0);
  });

  await t.test('without the role nobody logs in, and only the login is broken', async () => {
    await bao.ask('DELETE', 'auth/cert-here/certs/orders');
    const found = notHeld(await fleet.verify());
    assert.deepEqual(
      found.filter((each) => each.startsWith('broken ')),
      ['broken Consumer/orders#store-login/main'],
    );
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
  });
});
