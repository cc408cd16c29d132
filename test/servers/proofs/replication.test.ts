import assert from 'node:assert/strict';
import test from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import type { ReplicationProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import { publicationKind } from '../../../src/targets/postgres/publication.ts';
import { subscriptionKind } from '../../../src/targets/postgres/subscription.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { endpointOf, prove } from '../../support/proof-bench.ts';
import { replicationBench, replicationRole } from '../../support/replication-bench.ts';

test('proofs of a replication', { skip: postgresMissing }, async (t) => {
  const fixture = await replicationBench(t);
  const { bench, a, b } = fixture;
  const spec: ReplicationProbeSpec = {
    from: endpointOf(a.server, a.name, a.host),
    to: endpointOf(b.server, b.name, b.host),
    database: 'orders',
    canaryTable: 'canary_orders_a',
    publication: 'orders_a',
    subscription: 'orders_a_b',
    tables: ['public.orders', 'keywright.canary_orders_a'],
  };
  const replicates = (): Promise<Evidence> => prove(bench.context, 'replicates', spec);
  const healthy = (): Promise<Evidence> => prove(bench.context, 'replication-healthy', spec);
  const is = (evidence: Evidence, verdict: Evidence['verdict'], seen: RegExp): void => {
    assert.equal(evidence.verdict, verdict, evidence.seen);
    assert.match(evidence.seen, seen);
  };
  const mend = async (): Promise<void> => {
    a.session.forget();
    b.session.forget();
    await bench.mustApply(publicationKind, a.session, [fixture.publication()]);
    await bench.mustApply(subscriptionKind, b.session, [fixture.subscription()]);
  };
  const canaries = async (): Promise<number[]> =>
    Promise.all([a, b].map(async (node) => (await node.sql('SELECT FROM keywright.canary_orders_a')).length));

  await t.test('nothing flows before there is a subscription', async () => {
    is(await healthy(), 'broken', /orders-b has no subscription orders_a_b/);
  });

  await mend();

  await t.test('both hold when it runs, and leave nothing behind', async () => {
    is(await healthy(), 'held', new RegExp(`2 tables in step.*no conflicts.*${replicationRole}.*TLSv1\\.3`));
    is(await replicates(), 'held', /insert after \d+ ms, \d+ bytes behind; update after .*; delete after/);
    assert.deepEqual(await canaries(), [0, 0]);
  });

  await t.test('a disabled subscription breaks both, and a canary is not left behind', async () => {
    await b.sql('ALTER SUBSCRIPTION orders_a_b DISABLE');
    is(await healthy(), 'broken', /orders_a_b on orders-b is disabled/);
    const evidence = await replicates();
    is(evidence, 'broken', /insert did not arrive within [\d.]+ s: subscription orders_a_b on orders-b is disabled/);
    assert.equal(evidence.mend, 'keywright apply');
    await mend();
    is(await replicates(), 'held', /delete after/);
    is(await healthy(), 'held', /no conflicts/);
    assert.deepEqual(await canaries(), [0, 0]);
  });

  await t.test('a publication that lost deletes breaks replicates', async () => {
    await a.sql(`ALTER PUBLICATION orders_a SET (publish = 'insert, update')`);
    is(await replicates(), 'broken', /delete did not arrive within [\d.]+ s/);
    assert.deepEqual(await canaries(), [0, 0]);
    await mend();
    is(await replicates(), 'held', /delete/);
  });

  await t.test('a table taken out of the publication is told', async () => {
    await a.sql('ALTER PUBLICATION orders_a DROP TABLE public.orders');
    is(await healthy(), 'broken', /public\.orders not in publication orders_a/);
    await mend();
    is(await healthy(), 'held', /2 tables/);
  });

  await t.test('a conflict is told, with the counter', async () => {
    await b.sql(`INSERT INTO public.orders VALUES (77, 'already here')`);
    await a.sql(`INSERT INTO public.orders VALUES (77, 'the same')`);
    const evidence = await waitFor(healthy, ({ seen }) => /disabled/.test(seen) && /conflicts/.test(seen));
    is(evidence, 'broken', /conflicts on orders-b: confl_insert_exists 1/);
    assert.match(evidence.mend ?? '', /pg_stat_reset_subscription_stats/);
    await b.sql('DELETE FROM public.orders WHERE id = 77');
    await b.sql('SELECT pg_stat_reset_subscription_stats(oid) FROM pg_subscription');
    await mend();
    is(await healthy(), 'held', /no conflicts/);
  });

  await t.test('a dropped slot is told', async () => {
    await b.sql('ALTER SUBSCRIPTION orders_a_b DISABLE');
    await waitFor(
      async () => a.sql('SELECT FROM pg_replication_slots WHERE active'),
      (rows) => rows.length === 0,
    );
    await a.sql(`SELECT pg_drop_replication_slot('orders_a_b')`);
    await b.sql('ALTER SUBSCRIPTION orders_a_b ENABLE');
    const evidence = await healthy();
    is(evidence, 'broken', /orders-a has no replication slot orders_a_b/);
    assert.match(evidence.mend ?? '', /DROP SUBSCRIPTION orders_a_b/);
  });

  await t.test('a server that does not answer leaves both unknown', async () => {
    await a.server.stop();
    is(await healthy(), 'unknown', /could not ask/);
    is(await replicates(), 'unknown', /could not ask/);
    await a.server.start();
  });
});

async function waitFor<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  for (const deadline = performance.now() + 15_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const seen = await look();
    if (holds(seen) || performance.now() > deadline) {
      return seen;
    }
  }
}
