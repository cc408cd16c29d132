import assert from 'node:assert/strict';
import test from 'node:test';
import { publicationKind } from '../../../src/targets/postgres/publication.ts';
import { subscriptionKind } from '../../../src/targets/postgres/subscription.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { replicationBench } from '../../support/replication-bench.ts';

test(
  'while a slot waits for writers of the publisher, the subscriber holds no transaction',
  { skip: postgresMissing },
  async (t) => {
    const { bench, a, b, publication, subscription } = await replicationBench(t);
    await bench.mustApply(publicationKind, a.session, [publication()]);
    await a.sql(`INSERT INTO public.orders VALUES (1, 'before')`);
    const { Client } = (await import('pg')).default;
    const writer = new Client({
      host: a.server.socketDirectory,
      port: a.server.port,
      user: 'postgres',
      database: 'orders',
    });
    writer.on('error', () => {});
    await writer.connect();
    t.after(() => writer.end());
    await writer.query(`BEGIN; INSERT INTO public.orders VALUES (2, 'meanwhile')`);
    const applying = bench.mustApply(subscriptionKind, b.session, [subscription()]);
    const waits = `SELECT FROM pg_stat_activity WHERE query LIKE '%pg_create_logical_replication_slot%' AND pid <> pg_backend_pid()`;
    for (const deadline = Date.now() + 10_000; (await a.sql(waits)).length === 0;) {
      assert.ok(Date.now() < deadline, 'the slot is being made');
    }
    // Two servers that follow each other would otherwise wait for each other's transaction.
    const writing = await b.sql(
      `SELECT query FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()`,
    );
    assert.deepEqual(writing, []);
    await writer.query('COMMIT');
    await applying;
    for (const deadline = Date.now() + 10_000; (await b.sql('SELECT FROM public.orders')).length < 2;) {
      assert.ok(Date.now() < deadline, 'both rows arrive');
    }
    const [change] = await bench.plan(subscriptionKind, b.session, [subscription()]);
    assert.equal(change?.action, 'none', JSON.stringify(change));
  },
);

test('a subscription that was cut off before its slot was made is finished', { skip: postgresMissing }, async (t) => {
  const { bench, a, b, publication, subscription } = await replicationBench(t);
  await bench.mustApply(publicationKind, a.session, [publication()]);
  await a.sql(`INSERT INTO public.orders VALUES (1, 'before')`);
  const wanted = subscription();
  bench.records.set(wanted.id, { id: wanted.id, kind: 'subscription', state: 'intended' });
  await b.sql(
    `CREATE SUBSCRIPTION orders_a_b CONNECTION 'host=x' PUBLICATION orders_a
       WITH (connect = false, slot_name = 'orders_a_b', password_required = false)`,
  );
  b.session.forget();
  await bench.mustApply(subscriptionKind, b.session, [wanted]);
  for (const deadline = Date.now() + 10_000; (await b.sql('SELECT FROM public.orders')).length < 1;) {
    assert.ok(Date.now() < deadline, 'the row arrives');
  }
  assert.equal((await bench.plan(subscriptionKind, b.session, [wanted]))[0]?.action, 'none');
});
