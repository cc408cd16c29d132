import assert from 'node:assert/strict';
import { appendFile, chmod, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  inStore,
  installByHand,
  pairOf,
  putRecord,
  record,
  signedByHand,
  tlsFolderOf,
} from '../support/certificates-by-hand.ts';
import { copyOfExample, notHeld, type TestFleet } from '../support/fleet.ts';
import { expired, forge, serverLeaf } from '../support/forged-certificates.ts';
import { putByHand, valuesOf } from '../support/store-bench.ts';

interface Damage {
  readonly what: string;
  readonly by: (fleet: TestFleet) => Promise<unknown>;
  /** Exactly what no longer holds. */
  readonly breaks: readonly string[];
  /** What an apply leaves alone: files of others in the store, the generation before of a delivered folder. */
  readonly mend?: (fleet: TestFleet) => Promise<unknown>;
}

async function reload(fleet: TestFleet, postgres: string): Promise<void> {
  await fleet.sql(postgres, 'postgres', 'SELECT pg_reload_conf()');
}

async function addRule(fleet: TestFleet, postgres: string, rule: string): Promise<void> {
  const { dataDirectory } = await fleet.server(postgres);
  await appendFile(join(dataDirectory, 'pg_hba.conf'), `${rule}\n`);
  await reload(fleet, postgres);
}

/** A rule before all others, so that it decides. */
async function addFirstRule(fleet: TestFleet, postgres: string, rule: string): Promise<void> {
  const path = join((await fleet.server(postgres)).dataDirectory, 'pg_hba.conf');
  await writeFile(path, `${rule}\n${await readFile(path, 'utf8')}`);
  await reload(fleet, postgres);
}

/**
 * Each round breaks several properties that have nothing to do with each other, sees exactly their claims broken and all
 * others held, and lets an apply mend them.
 */
const rounds: readonly (readonly Damage[])[] = [
  [
    {
      what: 'the application loses INSERT on a table',
      by: (fleet) => fleet.sql('orders-a', 'orders', 'REVOKE INSERT ON orders_a FROM orders_read_write'),
      breaks: ['DatabaseAccess/orders-app#writes'],
    },
    {
      what: 'a reader is given UPDATE',
      by: (fleet) => fleet.sql('orders-a', 'orders', 'GRANT UPDATE ON orders_a TO billing'),
      breaks: ['DatabaseAccess/billing#refused-write'],
    },
    {
      what: 'a reader may make tables',
      by: (fleet) => fleet.sql('orders-b', 'orders', 'GRANT CREATE ON SCHEMA public TO reporting'),
      breaks: ['DatabaseAccess/reporting#refused-ddl'],
    },
    {
      what: 'a delivered file becomes readable by all',
      by: (fleet) => chmod(join(fleet.delivered('site-b', 'reports', 'app'), '..data', 'api-key'), 0o644),
      breaks: ['Consumer/reports#delivered-modes/app'],
    },
    {
      what: 'the content of a delivered file is changed',
      by: (fleet) => writeFile(join(fleet.delivered('site-a', 'orders', 'app'), '..data', 'api-key'), 'other'),
      breaks: ['Consumer/orders#delivered-agrees/app'],
    },
  ],
  [
    {
      what: 'a rule admits one access without TLS',
      by: (fleet) => addRule(fleet, 'orders-a', 'hostnossl orders +orders_app 127.0.0.1/32 scram-sha-256'),
      breaks: ['DatabaseAccess/orders-app#refused-plain'],
    },
    {
      what: 'a rule lets an access into another database',
      by: (fleet) => addRule(fleet, 'orders-a', 'hostssl postgres billing_a,+billing 127.0.0.1/32 cert'),
      breaks: ['DatabaseAccess/billing#refused-other-database'],
    },
    {
      what: 'TLS 1.2 is allowed',
      by: async (fleet) => {
        await fleet.sql('orders-b', 'postgres', "ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'");
        await reload(fleet, 'orders-b');
      },
      breaks: ['Postgres/orders-b#refused-old-tls'],
    },
  ],
  [
    {
      what: 'a reader loses SELECT on a table',
      by: (fleet) => fleet.sql('orders-a', 'orders', 'REVOKE SELECT ON orders_a FROM orders_read_only'),
      breaks: ['DatabaseAccess/billing#reads'],
    },
    {
      what: 'revocation lists are no longer read',
      by: async (fleet) => {
        await fleet.sql('orders-b', 'postgres', "ALTER SYSTEM SET ssl_crl_file = ''");
        await reload(fleet, 'orders-b');
      },
      breaks: ['Postgres/orders-b#refused-revoked'],
    },
    {
      what: 'a rule admits the superuser over TCP',
      by: (fleet) => addRule(fleet, 'orders-b', 'hostssl postgres postgres 127.0.0.1/32 scram-sha-256'),
      breaks: ['Postgres/orders-b#superuser-socket-only'],
    },
    {
      what: 'a rule admits anybody without TLS',
      by: (fleet) => addRule(fleet, 'orders-a', 'hostnossl postgres all 127.0.0.1/32 scram-sha-256'),
      breaks: ['Postgres/orders-a#refused-plain-anybody'],
    },
    {
      what: 'a rule trusts an access whatever its password',
      by: (fleet) => addFirstRule(fleet, 'orders-b', 'hostssl orders +reporting 127.0.0.1/32 trust'),
      // What trusts everybody does not look at the end of a login either.
      breaks: ['DatabaseAccess/reporting#refused-wrong-password', 'DatabaseAccess/reporting#lease-ends'],
    },
    {
      what: 'a rule trusts an access without its certificate',
      by: (fleet) => addFirstRule(fleet, 'orders-a', 'hostssl orders +billing 127.0.0.1/32 trust'),
      breaks: ['DatabaseAccess/billing#refused-without-certificate'],
    },
  ],
  [
    {
      what: 'the password of the application is changed in PostgreSQL',
      by: (fleet) => fleet.sql('orders-a', 'postgres', "ALTER ROLE orders_app_a PASSWORD 'changed by hand'"),
      // What a login could show cannot be asked any more.
      breaks: [
        'DatabaseAccess/orders-app#login',
        'DatabaseAccess/orders-app#password-agrees',
        'DatabaseAccess/orders-app#reads',
        'DatabaseAccess/orders-app#refused-ddl',
        'DatabaseAccess/orders-app#writes',
        'Consumer/orders#delivered-login/orders-app',
      ],
    },
    {
      what: 'a subscription is disabled',
      by: (fleet) => fleet.sql('orders-b', 'orders', 'ALTER SUBSCRIPTION orders_orders_a_orders_b DISABLE'),
      breaks: [
        'Replication/orders#replicates/orders-a/orders-b',
        'Replication/orders#replication-healthy/orders-a/orders-b',
      ],
    },
  ],
  [
    {
      what: 'a server serves another good certificate than the store holds',
      by: async (fleet) => {
        await installByHand(fleet, 'orders-a', await signedByHand(fleet, { dnsNames: ['orders-a.site-a.localhost'] }));
        await reload(fleet, 'orders-a');
      },
      breaks: ['Postgres/orders-a#served-certificate'],
    },
    {
      what: 'a server, and the store, have a certificate for every host of the site',
      by: async (fleet) => {
        const pair = await signedByHand(fleet, { dnsNames: ['orders-b.site-b.localhost', '*.site-b.localhost'] });
        await putRecord(fleet, 'certificates/server/orders-b', { ...pair });
        await installByHand(fleet, 'orders-b', pair);
        await reload(fleet, 'orders-b');
      },
      breaks: ['Postgres/orders-b#refused-wrong-host'],
    },
    {
      what: 'a server trusts a second authority',
      by: async (fleet) => {
        const { certificatePem } = await forge({ name: 'second authority' });
        await appendFile(join(await tlsFolderOf(fleet, 'orders-a'), 'ca.crt'), certificatePem);
        await reload(fleet, 'orders-a');
      },
      breaks: ['Postgres/orders-a#refused-other-authority'],
    },
    {
      what: 'the key of a certificate is another',
      by: async (fleet) => {
        const { 'tls.key': key = '' } = await record(fleet, 'certificates/server/orders-a');
        await putRecord(fleet, 'certificates/access/billing', { 'tls.key': key });
      },
      breaks: ['authority/local/certificate/access/billing#certificate-valid'],
    },
    {
      what: 'a certificate has ended',
      by: async (fleet) => {
        const pair = await signedByHand(fleet, { extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'], ...expired });
        await putRecord(fleet, 'certificates/replication/orders/orders-a/orders-b', { ...pair });
      },
      breaks: ['authority/local/certificate/replication/orders/orders-a/orders-b#certificate-valid'],
    },
    {
      what: 'a certificate is of another authority',
      by: async (fleet) => {
        const other = await forge({ name: 'other authority' });
        const leaf = await forge({
          name: 'leaf',
          issuer: other,
          ...serverLeaf,
          extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'],
        });
        await putRecord(fleet, 'certificates/replication/orders/orders-b/orders-a', { ...pairOf(leaf, other) });
      },
      breaks: ['authority/local/certificate/replication/orders/orders-b/orders-a#certificate-valid'],
    },
    {
      what: 'the intermediate of the authority is not signed by its root',
      by: async (fleet) => {
        const other = await forge({ name: 'local intermediate', basicConstraints: { ca: true, pathLength: 0 } });
        await putRecord(fleet, 'authorities/local/intermediate', { ...pairOf(other) });
      },
      breaks: ['Authority/local#authority-valid'],
    },
  ],
  [
    {
      what: 'a key of an entry is gone',
      by: (fleet) => inStore(fleet, (store) => putByHand(store, 'apps/staging/orders', { 'jwt-secret': undefined })),
      breaks: ['store/box/secret/apps%2Fstaging%2Forders#entry-complete'],
    },
    {
      what: 'a login that should end does not',
      by: async (fleet) => {
        const { username } = await record(fleet, 'leases/reporting');
        await fleet.sql('orders-b', 'postgres', `ALTER ROLE ${username} VALID UNTIL 'infinity'`);
      },
      breaks: ['DatabaseAccess/reporting#lease-alive'],
    },
    {
      what: 'a plain file lies in the store',
      by: (fleet) => writeFile(join(fleet.folder, 'box', 'notes.txt'), 'plain'),
      breaks: ['Store/box#store-sealed'],
      mend: (fleet) => rm(join(fleet.folder, 'box', 'notes.txt')),
    },
    {
      what: 'a secret of production lies among the files of another site',
      by: async (fleet) => {
        const { 'api-key': key = '' } = await inStore(fleet, (store) => valuesOf(store, 'apps/production/orders'));
        await writeFile(join(fleet.delivered('site-b', 'reports', 'app'), '..data', 'api-key'), key);
      },
      breaks: ['Rule/production-only-on-site-a#rule', 'Consumer/reports#delivered-agrees/app'],
      mend: async (fleet) => {
        const folder = fleet.delivered('site-b', 'reports', 'app');
        await rm(join(folder, await readlink(join(folder, '..data'))), { recursive: true });
      },
    },
  ],
];

/** `login` of `DatabaseAccess/orders-app#login`. */
function kindOf(claim: string): string {
  return claim.replace(/^.*#/, '').replace(/\/.*$/, '');
}

describe('a property that is broken by hand', () => {
  it('breaks exactly its own claims, and the next apply mends it', async (t) => {
    const fleet = await copyOfExample(t, 'two-sites');
    await fleet.must('apply');
    const whole = await fleet.verify();
    assert.deepEqual(notHeld(whole), []);
    const breakable = rounds.flat().flatMap(({ breaks }) => breaks.map(kindOf));
    assert.deepEqual(
      new Set(whole.claims.map(({ id }) => kindOf(id))).difference(new Set(breakable)),
      new Set(),
      'every kind of claim is broken by some damage',
    );
    for (const round of rounds) {
      for (const damage of round) {
        await damage.by(fleet);
      }
      const evidence = await fleet.verify();
      const trouble = notHeld(evidence).map((line) => line.slice(line.indexOf(' ') + 1));
      assert.deepEqual(
        trouble.sort(),
        round.flatMap(({ breaks }) => breaks).sort(),
        `${round.map(({ what }) => what).join(', ')}\n${notHeld(evidence).join('\n')}`,
      );
      const plan = await fleet.run('plan');
      assert.equal(plan.code, 2, `plan finds it\n${plan.stdout}${plan.stderr}`);
      for (const { mend } of round) {
        await mend?.(fleet);
      }
      await fleet.must('apply', '--allow-removals', '10');
      assert.deepEqual(notHeld(await fleet.verify()), [], `mended: ${round.map(({ what }) => what).join(', ')}`);
    }
  });

  it('in a file of the store is named, and the rest stays readable', async (t) => {
    const fleet = await copyOfExample(t, 'quickstart');
    await fleet.must('apply');
    await chmod(join(fleet.folder, '.keywright', 'key.txt'), 0o644);
    const { code, stderr } = await fleet.run('plan');
    assert.notEqual(code, 0);
    assert.match(stderr, /key\.txt/);
    assert.match(stderr, /chmod/);
    assert.match(await readFile(join(fleet.folder, '.keywright', 'key.txt'), 'utf8'), /AGE-SECRET-KEY/);
  });
});
