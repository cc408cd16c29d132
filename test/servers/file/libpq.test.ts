import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { certificateKind } from '../../../src/targets/authority/certificate.ts';
import { bundleKind } from '../../../src/targets/authority/bundle.ts';
import { caKind } from '../../../src/targets/authority/ca.ts';
import { directoryKind } from '../../../src/targets/file/directory.ts';
import { authorityBench, bundle, certificate, intermediate, root } from '../../support/authority-bench.ts';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';
import { directory, siteBench } from '../../support/site-bench.ts';
import { valuesOf } from '../../support/store-bench.ts';

const run = promisify(execFile);

function psqlMissing(): string | false {
  try {
    execFileSync('psql', ['--version']);
    return false;
  } catch {
    return 'psql is not on PATH';
  }
}

/** What libpq files have no quotes for, and what shells, SQL and URIs read otherwise. */
const odd = [
  { user: 'app', database: 'orders', password: 'plain' },
  { user: 'we:ird\\user', database: 'o:r\\d', password: ':\\:' },
  { user: 'o\'brien "x"', database: 'a b=c', password: ' lead \'and\' "quote" ' },
  { user: '#hash', database: '[section]', password: '#;=[x]' },
  { user: 'ünï 漢', database: 'host=evil', password: 'p%40$(x)`y`' },
  { user: '*', database: 'd*', password: '*' },
];

test(
  'psql logs in by delivered service and pass files, whatever is in them',
  { skip: postgresMissing || psqlMissing() },
  async (t) => {
    const { bench: ca, session, box: keys } = await authorityBench(t);
    await ca.mustApply(caKind, session, [root]);
    await ca.mustApply(caKind, session, [root, intermediate]);
    await ca.mustApply(bundleKind, session, [bundle]);
    const server = certificate('orders-a', { hosts: ['orders-a.site-a.localhost'] });
    const client = certificate('billing', { usage: 'client', hosts: [], commonName: 'billing' });
    await ca.mustApply(certificateKind, session, [server, client]);
    const served = await valuesOf(keys, 'certificates/orders-a');
    const postgres = await startPostgres(t, {
      settings: {
        ssl: 'on',
        ssl_cert_file: 'tls.crt',
        ssl_key_file: 'tls.key',
        ssl_ca_file: 'ca.crt',
        ssl_min_protocol_version: 'TLSv1.3',
      },
      files: {
        'tls.crt': served['tls.crt'] ?? '',
        'tls.key': served['tls.key'] ?? '',
        'ca.crt': served['ca.crt'] ?? '',
      },
      hba: ['hostssl all billing 127.0.0.1/32 cert', 'hostssl all all 127.0.0.1/32 scram-sha-256'],
    });
    const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
    for (const { user, database, password } of odd) {
      await postgres.query(`CREATE ROLE ${quoted(user)} LOGIN PASSWORD '${password.replaceAll("'", "''")}'`);
      await postgres.query(`CREATE DATABASE ${quoted(database)} OWNER ${quoted(user)}`);
    }
    await postgres.query('CREATE ROLE billing LOGIN');

    const all = await siteBench(t);
    const host = { host: 'orders-a.site-a.localhost', port: String(postgres.port), 'ca.crt': served['ca.crt'] ?? '' };
    const login = async (folder: string, service: string): Promise<string> => {
      const { stdout } = await run(
        'psql',
        [
          '-XAtc',
          "SELECT current_user || '|' || current_database() || '|' || version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        ],
        {
          env: {
            PATH: process.env['PATH'],
            PGSERVICEFILE: join(folder, 'pg_service.conf'),
            PGSERVICE: service,
            PGCLIENTENCODING: 'UTF8',
          },
        },
      );
      return stdout.trimEnd();
    };
    for (const [index, { user, database, password }] of odd.entries()) {
      const version = await all.put(`access/${index}`, { username: user, database, password, ...host });
      const delivery = directory(`access-${index}`, {
        sources: { db: { store: 'box', path: `access/${index}`, version } },
        libpq: [{ service: 'orders-app', alias: 'db' }],
      });
      await all.bench.mustApply(directoryKind, all.site, [delivery]);
      const folder = join(all.site.directory, delivery.spec.folder);
      assert.equal(await login(folder, 'orders-app'), `${user}|${database}|TLSv1.3`);
      all.bench.records.clear();
    }

    // A certificate access beside a password access: two services in one file, each with files of one generation.
    const issued = await valuesOf(keys, 'certificates/billing');
    const versions = [
      await all.put('access/billing', {
        username: 'billing',
        database: 'orders',
        ...host,
        'tls.crt': issued['tls.crt'] ?? '',
        'tls.key': issued['tls.key'] ?? '',
      }),
      await all.put('access/app', { username: 'app', database: 'orders', password: 'plain', ...host }),
    ];
    const both = directory('both', {
      sources: {
        cert: { store: 'box', path: 'access/billing', version: versions[0] ?? '' },
        db: { store: 'box', path: 'access/app', version: versions[1] ?? '' },
      },
      data: { URL: 'postgresql://{db.username}:{db.password}@{db.host}:{db.port}/{db.database}' },
      libpq: [
        { service: 'billing', alias: 'cert' },
        { service: 'orders-app', alias: 'db' },
      ],
    });
    await all.bench.mustApply(directoryKind, all.site, [both]);
    const folder = join(all.site.directory, both.spec.folder);
    assert.equal(await login(folder, 'billing'), 'billing|orders|TLSv1.3');
    assert.equal(await login(folder, 'orders-app'), 'app|orders|TLSv1.3');

    // Who has read the service file keeps a whole generation while the next one comes.
    const old = join(folder, await readlink(join(folder, '..data')));
    await postgres.query("ALTER ROLE app PASSWORD 'next'");
    const next = await all.put('access/app', { username: 'app', database: 'orders', password: 'next', ...host });
    await all.bench.mustApply(directoryKind, all.site, [
      {
        ...both,
        spec: {
          ...both.spec,
          sources: { ...both.spec.sources, db: { store: 'box', path: 'access/app', version: next } },
        },
      },
    ]);
    assert.equal(await login(folder, 'orders-app'), 'app|orders|TLSv1.3');
    assert.equal(await login(old, 'billing'), 'billing|orders|TLSv1.3');
  },
);
