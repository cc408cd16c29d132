import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import test from 'node:test';
import { join } from 'node:path';
import { Failure } from '../../../src/model/failure.ts';
import { isAlive } from '../../../src/targets/process/postmaster.ts';
import { listServers, purgeServers, stopAllServers } from '../../../src/targets/process/servers.ts';
import { serverFolder } from '../../../src/targets/process/server-folder.ts';
import { connectSuperuser } from '../../../src/targets/process/superuser-client.ts';
import { processId, processKind, processResource, siteBench } from '../../support/local-site.ts';
import type { SiteBench } from '../../support/local-site.ts';
import { postgresMissing } from '../../support/postgres.ts';

const options = { skip: postgresMissing };

async function query(fixture: SiteBench, name: string, sql: string): Promise<Record<string, unknown>[]> {
  const outputs = fixture.bench.records.get(processId(name))?.outputs;
  const client = await connectSuperuser({
    socketDirectory: String(outputs?.['socketDirectory']),
    port: Number(outputs?.['port']),
    database: 'postgres',
    applicationName: 'test',
  });
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

async function failureOf(fixture: SiteBench, ...resources: ReturnType<typeof processResource>[]): Promise<Failure> {
  const results = [...(await fixture.bench.apply(processKind, fixture.site, resources)).values()];
  const failed = results.map(({ applied }) => applied).find((applied) => applied.outcome === 'failed');
  assert.ok(failed?.outcome === 'failed', 'something fails');
  assert.ok(failed.error instanceof Failure, failed.error.stack);
  return failed.error;
}

test('a server is made, started, and left alone the second time', options, async (t) => {
  const fixture = await siteBench(t);
  const { bench, site } = fixture;
  const wanted = processResource('orders-a', { startSettings: { wal_level: 'logical' } });
  assert.deepEqual(
    (await bench.plan(processKind, site, [wanted])).map(({ action }) => action),
    ['create'],
  );
  await bench.mustApply(processKind, site, [wanted]);
  const outputs = bench.records.get(wanted.id)?.outputs;
  assert.equal(outputs?.['host'], 'orders-a.site-a.localhost');
  assert.ok(Number(outputs?.['port']) >= 15_432);
  const [row] = await query(
    fixture,
    'orders-a',
    `SELECT current_setting('wal_level') AS level, system_user AS who, current_setting('ssl') AS ssl,
            (SELECT system_identifier::text FROM pg_control_system()) AS identifier,
            (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postgres') AS encoding`,
  );
  assert.equal(row?.['level'], 'logical');
  assert.match(String(row?.['who']), /^peer:/);
  assert.equal(row?.['ssl'], 'off');
  assert.equal(row?.['encoding'], 'UTF8');
  assert.equal(row?.['identifier'], outputs?.['systemIdentifier']);
  assert.deepEqual(
    (await bench.plan(processKind, site, [wanted])).map(({ action }) => action),
    ['none'],
  );
  assert.equal(statSync(String(outputs?.['socketDirectory'])).mode & 0o777, 0o700);
  assert.equal(statSync(String(outputs?.['dataDirectory'])).mode & 0o777, 0o700);
  assert.equal(statSync(serverFolder(site, 'orders-a').logFile).mode & 0o777, 0o600);
});

test('nobody gets in over TCP before there are rules for it', options, async (t) => {
  const fixture = await siteBench(t);
  await fixture.bench.mustApply(processKind, fixture.site, [processResource('orders-a')]);
  const { Client } = (await import('pg')).default;
  const port = Number(fixture.bench.records.get(processId('orders-a'))?.outputs?.['port']);
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password: 'guess' });
  await assert.rejects(client.connect(), /no pg_hba\.conf entry/);
});

test('the environment of a server holds nothing of ours', options, async (t) => {
  process.env['KEYWRIGHT_TEST_CANARY'] = 'canary-value';
  t.after(() => delete process.env['KEYWRIGHT_TEST_CANARY']);
  const fixture = await siteBench(t);
  await fixture.bench.mustApply(processKind, fixture.site, [processResource('orders-a')]);
  const [server] = await listServers(fixture.site);
  assert.doesNotMatch(readFileSync(`/proc/${server?.pid}/environ`, 'utf8'), /canary/i);
});

test('two servers get two ports, keep them, and a lost record finds them again', options, async (t) => {
  const { bench, site } = await siteBench(t);
  const wanted = [processResource('orders-a'), processResource('orders-b')];
  await bench.mustApply(processKind, site, wanted);
  const ports = wanted.map(({ id }) => bench.records.get(id)?.outputs?.['port']);
  assert.notEqual(ports[0], ports[1]);
  assert.deepEqual(await stopAllServers(site), ['orders-a', 'orders-b']);
  bench.records.clear();
  // A new one comes while the others are stopped: their ports are promised.
  await bench.mustApply(processKind, site, [...wanted, processResource('orders-c')]);
  assert.deepEqual(
    wanted.map(({ id }) => bench.records.get(id)?.outputs?.['port']),
    ports,
  );
  bench.records.clear();
  const answers = await processKind.observe(site, wanted, [], bench.context);
  for (const [index, resource] of wanted.entries()) {
    const answer = answers.get(resource.id);
    assert.ok(answer?.state === 'present');
    assert.equal(processKind.outputs?.(resource, answer.seen)['port'], ports[index]);
  }
});

test('a killed server is reported with the end of its log, and started again', options, async (t) => {
  const fixture = await siteBench(t);
  const { bench, site } = fixture;
  const wanted = processResource('orders-a');
  await bench.mustApply(processKind, site, [wanted]);
  await query(fixture, 'orders-a', 'CREATE TABLE kept AS SELECT 1 AS one');
  const [before] = await listServers(site);
  process.kill(before?.pid as number, 'SIGKILL');
  await goneFrom(fixture);
  const [change] = await bench.plan(processKind, site, [wanted]);
  assert.equal(change?.action, 'update');
  assert.match(
    change?.reason ?? '',
    /ended without a shutdown; its log ends with:\n(.*\n)*.*ready to accept connections/,
  );
  await bench.mustApply(processKind, site, [wanted]);
  assert.deepEqual(await query(fixture, 'orders-a', 'SELECT one FROM kept'), [{ one: 1 }]);
  assert.deepEqual(
    (await bench.plan(processKind, site, [wanted])).map(({ action }) => action),
    ['none'],
  );
});

test('a stopped server is started again', options, async (t) => {
  const { bench, site } = await siteBench(t);
  const wanted = processResource('orders-a');
  await bench.mustApply(processKind, site, [wanted]);
  await stopAllServers(site);
  const [change] = await bench.plan(processKind, site, [wanted]);
  assert.deepEqual(change?.fields, [{ field: 'state', before: 'stopped', after: 'running' }]);
  await bench.mustApply(processKind, site, [wanted]);
  assert.equal((await listServers(site))[0]?.pid === undefined, false);
});

test('stale pid files are no obstacle: of a living stranger, of the same account, empty', options, async (t) => {
  const { bench, site } = await siteBench(t);
  const wanted = [processResource('orders-a'), processResource('orders-b')];
  await bench.mustApply(processKind, site, wanted);
  const sibling = (await listServers(site)).find(({ server }) => server.name === 'orders-b')?.pid as number;
  const { dataDirectory } = serverFolder(site, 'orders-a');
  const pidFile = join(dataDirectory, 'postmaster.pid');
  for (const stale of [`${sibling}\n/nowhere\n0\n`, `${process.pid}\n`, '', '999999\n']) {
    const first = (await listServers(site)).find(({ server }) => server.name === 'orders-a');
    process.kill(first?.pid as number, 'SIGINT');
    await until(async () => (await listServers(site))[0]?.pid === undefined && !existsSync(pidFile));
    writeFileSync(pidFile, stale);
    const changes = await bench.mustApply(processKind, site, wanted);
    assert.deepEqual(
      changes.map(({ id, action }) => [id, action]),
      [[wanted[0]?.id, 'update']],
      JSON.stringify(stale),
    );
  }
  assert.equal((await listServers(site)).find(({ server }) => server.name === 'orders-b')?.pid, sibling);
});

test('a port that is held by a stranger is an error that names it', options, async (t) => {
  const fixture = await siteBench(t);
  const { bench, site } = fixture;
  await bench.mustApply(processKind, site, [processResource('orders-a')]);
  await stopAllServers(site);
  const port = Number(bench.records.get(processId('orders-a'))?.outputs?.['port']);
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve));
  t.after(async () => {
    await new Promise((resolve) => stranger.close(resolve));
  });
  const remembered = await failureOf(fixture, processResource('orders-a'));
  assert.equal(remembered.code, 'port-taken');
  assert.match(remembered.message, new RegExp(`port ${port} of orders-a is held by pid ${process.pid} \\(.*node`));
  const declared = await failureOf(fixture, processResource('orders-b', { port }));
  assert.match(declared.details.why ?? '', /declares/);
  assert.equal(existsSync(serverFolder(site, 'orders-b').folder), false, 'nothing was made');
});

test('a start setting that changes restarts the server, and the plan says so', options, async (t) => {
  const fixture = await siteBench(t);
  const { bench, site } = fixture;
  await bench.mustApply(processKind, site, [processResource('orders-a')]);
  const [before] = await listServers(site);
  const wanted = processResource('orders-a', { startSettings: { wal_level: 'logical' } });
  const [change] = await bench.plan(processKind, site, [wanted]);
  assert.deepEqual(change?.fields, [
    { field: 'wal_level', before: undefined, after: 'logical', note: 'restarts the server' },
  ]);
  const results = await bench.apply(processKind, site, [wanted]);
  const applied = results.get(wanted.id)?.applied;
  assert.equal(applied?.outcome === 'done' && applied.note, 'orders-a was restarted for wal_level');
  assert.notEqual((await listServers(site))[0]?.pid, before?.pid);
  assert.deepEqual(await query(fixture, 'orders-a', 'SHOW wal_level'), [{ wal_level: 'logical' }]);
});

test(
  'settings changed by hand are found and changed back, without a restart where none is needed',
  options,
  async (t) => {
    const fixture = await siteBench(t);
    const { bench, site } = fixture;
    const wanted = processResource('orders-a');
    await bench.mustApply(processKind, site, [wanted]);
    const [before] = await listServers(site);
    const file = join(serverFolder(site, 'orders-a').dataDirectory, 'postgresql.conf');
    writeFileSync(file, `${readFileSync(file, 'utf8')}log_statement = 'all'\n`);
    await query(fixture, 'orders-a', 'SELECT pg_reload_conf()');
    const [change] = await bench.plan(processKind, site, [wanted]);
    assert.deepEqual(change?.fields, [{ field: 'log_statement', before: 'all', after: 'none', note: undefined }]);
    await bench.mustApply(processKind, site, [wanted]);
    assert.equal((await listServers(site))[0]?.pid, before?.pid);
    await query(fixture, 'orders-a', "ALTER SYSTEM SET shared_buffers = '24MB'");
    const [second] = await bench.plan(processKind, site, [wanted]);
    assert.equal(second?.action, 'update');
    await bench.mustApply(processKind, site, [wanted]);
    assert.deepEqual(await query(fixture, 'orders-a', 'SHOW shared_buffers'), [{ shared_buffers: '16MB' }]);
    assert.deepEqual(
      (await bench.plan(processKind, site, [wanted])).map(({ action }) => action),
      ['none'],
    );
  },
);

test('a superuser that was locked out by hand gets in again', options, async (t) => {
  const fixture = await siteBench(t);
  const { bench, site } = fixture;
  const wanted = processResource('orders-a');
  await bench.mustApply(processKind, site, [wanted]);
  const [running] = await listServers(site);
  const { dataDirectory } = serverFolder(site, 'orders-a');
  writeFileSync(join(dataDirectory, 'pg_hba.conf'), 'local all all reject\n');
  writeFileSync(join(dataDirectory, 'pg_ident.conf'), '');
  process.kill(running?.pid as number, 'SIGHUP');
  await until(async () =>
    query(fixture, 'orders-a', 'SELECT 1').then(
      () => false,
      () => true,
    ),
  );
  const [change] = await bench.plan(processKind, site, [wanted]);
  assert.equal(change?.fields[0]?.field, 'pg_hba.conf, pg_ident.conf');
  await bench.mustApply(processKind, site, [wanted]);
  await query(fixture, 'orders-a', 'SELECT 1');
});

test(
  'a server that left the fleet is stopped and its data kept; when it comes back it is started',
  options,
  async (t) => {
    const { bench, site } = await siteBench(t);
    const wanted = processResource('orders-a');
    await bench.mustApply(processKind, site, [wanted]);
    const [change] = await bench.mustApply(processKind, site, []);
    assert.equal(change?.action, 'retain');
    const [server] = await listServers(site);
    assert.equal(server?.pid, undefined);
    assert.ok(existsSync(server?.server.dataDirectory as string));
    assert.deepEqual(
      (await bench.mustApply(processKind, site, [wanted])).map(({ action }) => action),
      ['update'],
    );
  },
);

test('a server with the reclaim policy delete goes with its data', options, async (t) => {
  const { bench, site } = await siteBench(t);
  const wanted = { ...processResource('orders-a'), reclaimPolicy: 'delete' as const };
  await bench.mustApply(processKind, site, [wanted]);
  const { socketDirectory, folder } = serverFolder(site, 'orders-a');
  assert.deepEqual(
    (await bench.mustApply(processKind, site, [])).map(({ action }) => action),
    ['remove'],
  );
  assert.equal(existsSync(folder), false);
  assert.equal(existsSync(socketDirectory), false);
});

test(
  'a data folder of another fleet is refused with both names, one without memory needs leave',
  options,
  async (t) => {
    const { bench, site } = await siteBench(t);
    const wanted = processResource('orders-a');
    await bench.mustApply(processKind, site, [wanted]);
    const memory = join(serverFolder(site, 'orders-a').folder, 'server.json');
    const text = readFileSync(memory, 'utf8');
    writeFileSync(memory, text.replace('fleet=test', 'fleet=theirs'));
    const [foreign] = await bench.plan(processKind, site, [wanted]);
    assert.equal(foreign?.action, 'refused');
    assert.match(foreign?.reason ?? '', /theirs.*test/);
    execFileSync('rm', [memory]);
    const [lost] = await bench.plan(processKind, site, [wanted]);
    assert.equal(lost?.refusal?.code, 'adopt-existing');
    const allowed = { ...wanted, allow: [{ rule: 'adopt-existing', reason: 'memory lost' }] };
    assert.deepEqual(
      (await bench.mustApply(processKind, site, [allowed])).map(({ action }) => action),
      ['adopt'],
    );
    assert.equal(readFileSync(memory, 'utf8'), text);
  },
);

test('an initdb that was cut off leaves nothing in the way', options, async (t) => {
  const { bench, site } = await siteBench(t);
  const { folder } = serverFolder(site, 'orders-a');
  execFileSync('mkdir', ['-p', join(folder, 'data.new.0123abcd/base')]);
  if (site.account !== undefined) {
    execFileSync('chown', ['-R', `${site.account.uid}:${site.account.gid}`, folder]);
  }
  await bench.mustApply(processKind, site, [processResource('orders-a')]);
  assert.equal(existsSync(join(folder, 'data.new.0123abcd')), false);
});

test('another major version is refused', options, async (t) => {
  const fixture = await siteBench(t);
  assert.equal(
    (await failureOf(fixture, processResource('orders-a', { version: 17 }))).code,
    'postgres-version-missing',
  );
  await fixture.bench.mustApply(processKind, fixture.site, [processResource('orders-b')]);
  const [change] = await fixture.bench.plan(processKind, fixture.site, [processResource('orders-b', { version: 17 })]);
  assert.equal(change?.refusal?.code, 'postgres-version-differs');
});

test('settings that PostgreSQL refuses are reported with its own words', options, async (t) => {
  const fixture = await siteBench(t);
  const failure = await failureOf(fixture, processResource('orders-a', { startSettings: { wal_level: 'loud' } }));
  assert.equal(failure.code, 'server-did-not-start');
  assert.match(failure.message, /invalid value for parameter "wal_level": "loud"/);
});

test('a purge leaves no process, folder, socket or promise', options, async (t) => {
  const { bench, site } = await siteBench(t);
  await bench.mustApply(processKind, site, [processResource('orders-a'), processResource('orders-b')]);
  const port = Number(bench.records.get(processId('orders-a'))?.outputs?.['port']);
  const pids = (await listServers(site)).map(({ pid }) => pid as number);
  assert.deepEqual(await purgeServers(site), ['orders-a', 'orders-b']);
  assert.deepEqual(await Promise.all(pids.map(isAlive)), [false, false]);
  for (const path of [site.serversFolder, site.binariesFolder, join(site.portsFolder, String(port))]) {
    assert.equal(existsSync(path), false, path);
  }
});

async function goneFrom({ site }: SiteBench): Promise<void> {
  await until(async () => (await listServers(site)).every(({ pid }) => pid === undefined));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await condition());) {
    assert.ok(Date.now() < deadline, 'the condition comes true within ten seconds');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('an initdb that outlived a killed run does not write into what is cleared away', options, async (t) => {
  const fixture = await siteBench(t);
  const { bench, site } = fixture;
  const server = serverFolder(site, 'orders-a');
  const left = join(server.folder, 'data.new.00000000');
  mkdirSync(left, { recursive: true });
  // It works there, and goes on making folders, as initdb does.
  const orphan = spawn('sh', ['-c', 'i=0; while :; do i=$((i+1)); mkdir -p base/$i 2>/dev/null; done', left], {
    cwd: left,
    stdio: 'ignore',
  });
  t.after(() => orphan.kill('SIGKILL'));
  await bench.mustApply(processKind, site, [processResource('orders-a')]);
  assert.equal(existsSync(left), false);
  assert.equal(await isAlive(orphan.pid ?? 0), false);
});
