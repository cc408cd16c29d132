import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { parameterKind } from '../../../src/targets/postgres/parameter.ts';
import type { ParameterSpec } from '../../../src/targets/postgres/postgres.spec.ts';
import type { PgSession } from '../../../src/targets/postgres/session.ts';
import { listServers } from '../../../src/targets/process/servers.ts';
import { resource } from '../../support/kinds.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { pgId } from '../../support/postgres-bench.ts';
import { runningSite } from '../../support/running-site.ts';

const options = { skip: postgresMissing };
const actions = (changes: readonly { readonly action: string }[]): string[] => changes.map(({ action }) => action);
const parameter = (name: string, value: string): Resource<ParameterSpec> =>
  resource(pgId('parameter', name), { name, value });

async function show(session: PgSession, name: string): Promise<unknown> {
  return (await session.query('postgres', 'SELECT current_setting($1) AS value', [name]))[0]?.['value'];
}

test(
  'parameters are set without a restart where none is needed, and left alone the second time',
  options,
  async (t) => {
    const { bench, site, connect } = await runningSite(t, 'orders-a');
    const session = await connect('orders-a');
    const [before] = await listServers(site);
    const wanted = [parameter('work_mem', '8MB'), parameter('application.motto', `it's a \\ slash`)];
    assert.deepEqual(actions(await bench.mustApply(parameterKind, session, wanted)), ['create', 'create']);
    assert.equal(await show(session, 'work_mem'), '8MB');
    assert.equal(await show(session, 'application.motto'), `it's a \\ slash`);
    assert.deepEqual(actions(await bench.plan(parameterKind, session, wanted)), ['none', 'none']);
    assert.equal((await listServers(site))[0]?.pid, before?.pid);
    assert.deepEqual(actions(await bench.mustApply(parameterKind, session, wanted.slice(0, 1))), ['remove']);
    assert.doesNotMatch(readFileSync(join(session.server.dataDirectory, 'keywright.conf'), 'utf8'), /motto/);
  },
);

test('a parameter that needs a restart gets one, and the plan says so', options, async (t) => {
  const { bench, site, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const [before] = await listServers(site);
  const wanted = [parameter('max_connections', '60'), parameter('work_mem', '8MB')];
  const [planned] = await bench.plan(parameterKind, session, wanted);
  assert.equal(planned?.fields[0]?.note, 'restarts the server');
  await bench.mustApply(parameterKind, session, wanted);
  assert.equal(await show(session, 'max_connections'), '60');
  assert.notEqual((await listServers(site))[0]?.pid, before?.pid);
  assert.deepEqual(actions(await bench.plan(parameterKind, session, wanted)), ['none', 'none']);
});

test('what is changed by hand, in the file or by ALTER SYSTEM, is changed back', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const wanted = [parameter('work_mem', '8MB')];
  await bench.mustApply(parameterKind, session, wanted);
  const file = join(session.server.dataDirectory, 'keywright.conf');
  const byHand: readonly (() => Promise<unknown>)[] = [
    () => session.execute('postgres', `ALTER SYSTEM SET work_mem = '99MB'`, 'SELECT pg_reload_conf()'),
    async () => appendFileSync(file, `work_mem = '99MB'\n`),
    async () => appendFileSync(file, `maintenance_work_mem = '99MB'\n`),
  ];
  for (const change of byHand) {
    await change();
    await session.reload();
    assert.deepEqual(actions(await bench.plan(parameterKind, session, wanted)), ['update']);
    await bench.mustApply(parameterKind, session, wanted);
    assert.equal(await show(session, 'work_mem'), '8MB');
    assert.equal(await show(session, 'maintenance_work_mem'), '64MB');
    assert.deepEqual(actions(await bench.plan(parameterKind, session, wanted)), ['none']);
  }
});

test('a value that PostgreSQL refuses fails alone and leaves the one before', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  await bench.mustApply(parameterKind, session, [parameter('work_mem', '8MB')]);
  const wanted = [parameter('work_mem', 'much'), parameter('no_such_setting', '1'), parameter('temp_buffers', '1MB')];
  const results = await bench.apply(parameterKind, session, wanted);
  const outcomes = wanted.map(({ id }) => results.get(id)?.applied.outcome);
  assert.deepEqual(outcomes, ['failed', 'failed', 'done']);
  assert.equal(await show(session, 'work_mem'), '8MB');
  assert.equal(await show(session, 'temp_buffers'), '1MB');
});

test('a server that does not come back is started with the parameters before', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  await assert.rejects(
    bench.mustApply(parameterKind, session, [parameter('shared_preload_libraries', 'no_such_library')]),
    (error) => {
      assert.ok(error instanceof Failure, String(error));
      assert.equal(error.code, 'server-did-not-start');
      assert.match(error.message, /no_such_library/);
      return true;
    },
  );
  assert.equal(await show(session, 'shared_preload_libraries'), '');
});

test('a parameter that belongs to another resource is refused', options, async (t) => {
  const { bench, connect } = await runningSite(t, 'orders-a');
  const session = await connect('orders-a');
  const [change] = await bench.plan(parameterKind, session, [parameter('port', '5432')]);
  assert.equal(change?.refusal?.code, 'parameter-not-yours');
});
