import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';

test('a server starts with the given settings, stops and starts again', { skip: postgresMissing }, async (t) => {
  const server = await startPostgres(t, { settings: { wal_level: 'logical' }, files: { 'note.txt': 'kept' } });
  const { rows } = await server.query(
    "SELECT current_setting($1) AS level, pg_read_file('note.txt') AS note, system_user AS who, version() AS version",
    ['wal_level'],
  );
  assert.equal(rows[0]?.['level'], 'logical');
  assert.equal(rows[0]?.['note'], 'kept');
  assert.match(String(rows[0]?.['who']), /^peer:/);
  assert.match(String(rows[0]?.['version']), /^PostgreSQL 18\./);
  await server.stop();
  assert.throws(() => server.pid);
  await server.start();
  assert.equal((await server.query('SELECT 1 AS one')).rows[0]?.['one'], 1);
});

test('the superuser cannot come in over TCP', { skip: postgresMissing }, async (t) => {
  const server = await startPostgres(t);
  const { Client } = (await import('pg')).default;
  const client = new Client({ host: server.host, port: server.port, user: 'postgres', password: 'guess' });
  await assert.rejects(client.connect(), { code: '28P01' });
});

test('a server that refuses its settings is reported with its log', { skip: postgresMissing }, async (t) => {
  await assert.rejects(startPostgres(t, { settings: { ssl: 'on' } }), /could not load server certificate file/);
});

test('a server ends with the process of its test, however that dies', { skip: postgresMissing }, async () => {
  const script = `
    import { startPostgres } from ${JSON.stringify(new URL('../../support/postgres.ts', import.meta.url).href)};
    const server = await startPostgres({ after() {} });
    console.log(JSON.stringify([server.pid, server.dataDirectory]));
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const [pid, folder] = JSON.parse(output.toString()) as [number, string];
  assert.ok(existsSync(folder));
  child.kill('SIGKILL');
  for (const deadline = Date.now() + 10_000; existsSync(folder) || isAlive(pid);) {
    assert.ok(Date.now() < deadline, `server ${pid} is still there`);
    await delay(20);
  }
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
