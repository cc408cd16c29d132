import assert from 'node:assert/strict';
import test from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { publicationKind } from '../../../src/targets/postgres/publication.ts';
import { subscriptionKind } from '../../../src/targets/postgres/subscription.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { replicationBench, replicationRole, until } from '../../support/replication-bench.ts';
import type { ReplicationBench } from '../../support/replication-bench.ts';

const options = { skip: postgresMissing };

async function planned(fixture: ReplicationBench, resource = fixture.subscription()): Promise<string[]> {
  const [change] = await fixture.bench.plan(subscriptionKind, fixture.b.session, [resource]);
  return [change?.action ?? '', ...(change?.fields ?? []).map(({ field }) => field)];
}

async function applyAll(fixture: ReplicationBench): Promise<void> {
  await fixture.bench.mustApply(publicationKind, fixture.a.session, [fixture.publication()]);
  await fixture.bench.mustApply(subscriptionKind, fixture.b.session, [fixture.subscription()]);
}

async function failureOf(fixture: ReplicationBench, resource = fixture.subscription()): Promise<Failure> {
  const [result] = (await fixture.bench.apply(subscriptionKind, fixture.b.session, [resource])).values();
  assert.ok(result?.applied.outcome === 'failed', 'it fails');
  assert.ok(result.applied.error instanceof Failure, result.applied.error.stack);
  return result.applied.error;
}

test('a publication and a subscription', options, async (t) => {
  const fixture = await replicationBench(t);
  const { bench, a, b } = fixture;
  const again = async (): Promise<void> => {
    await bench.mustApply(subscriptionKind, b.session, [fixture.subscription()]);
    assert.deepEqual(await planned(fixture), ['none']);
  };

  await t.test('a subscription is not made before its publication is there', async () => {
    const failure = await failureOf(fixture);
    assert.equal(failure.code, 'publication-missing');
    assert.deepEqual(await b.sql('SELECT FROM pg_subscription'), []);
    bench.records.clear();
  });

  await t.test('a table without a replica identity, or that is not there, is not published', async () => {
    for (const [table, code] of [
      ['public.bare', 'no-replica-identity'],
      ['public.nowhere', 'table-missing'],
    ] as const) {
      const wanted = fixture.publication({ tables: ['public.orders', table] });
      const [result] = (await bench.apply(publicationKind, a.session, [wanted])).values();
      assert.ok(result?.applied.outcome === 'failed');
      assert.equal((result.applied.error as Failure).code, code);
      assert.match(result.applied.error.message, new RegExp(table));
    }
    bench.records.clear();
  });

  await t.test('both are made, rows that were there are copied, and nothing is left to do', async () => {
    await a.sql(`INSERT INTO public.orders VALUES (1, 'first')`);
    await applyAll(fixture);
    assert.deepEqual(await planned(fixture), ['none']);
    const [publication] = await bench.plan(publicationKind, a.session, [fixture.publication()]);
    assert.equal(publication?.action, 'none');
    await until('the first copy', async () => (await b.sql('SELECT FROM public.orders WHERE id = 1')).length === 1);
    await a.sql(`INSERT INTO public.orders VALUES (2, 'second')`);
    await until('a row', async () => (await b.sql('SELECT FROM public.orders WHERE id = 2')).length === 1);
    const [made] = await b.sql(
      `SELECT subowner::regrole::text AS owner, subenabled AS enabled, suborigin AS origin, subdisableonerr AS disables,
              subpasswordrequired AS password, obj_description(oid, 'pg_subscription') AS comment FROM pg_subscription`,
    );
    assert.deepEqual(made, {
      owner: 'orders_apply',
      enabled: true,
      origin: 'none',
      disables: true,
      password: false,
      comment: 'keywright fleet=test id=postgres/orders-b/subscription/orders/orders_a_b',
    });
    const [sender] = await a.sql(
      `SELECT s.ssl, s.version, s.client_dn FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)`,
    );
    assert.deepEqual(sender, { ssl: true, version: 'TLSv1.3', client_dn: `/CN=${replicationRole}` });
  });

  await t.test('a publication changed by hand is put right', async () => {
    for (const [change, field] of [
      ['ALTER PUBLICATION orders_a ADD TABLE public.items', 'tables'],
      ['ALTER PUBLICATION orders_a SET TABLE public.items', 'tables'],
      ['ALTER PUBLICATION orders_a SET TABLE public.orders WHERE (id > 5), keywright.canary_orders_a', 'tables'],
      ['ALTER PUBLICATION orders_a ADD TABLES IN SCHEMA public', 'tables'],
      ['DROP PUBLICATION orders_a; CREATE PUBLICATION orders_a FOR ALL TABLES', 'tables'],
      ['ALTER PUBLICATION orders_a OWNER TO postgres', 'owner'],
      [`ALTER PUBLICATION orders_a SET (publish = 'insert')`, 'publish'],
    ] as const) {
      await a.sql(change);
      a.session.forget();
      const wanted = fixture.publication();
      // One that was made anew by hand bears no mark.
      const marked = { ...wanted, allow: [{ rule: 'adopt-existing', reason: 'test' }] };
      const [plan] = await bench.plan(publicationKind, a.session, [marked]);
      assert.ok(
        plan?.fields.some((each) => each.field === field),
        `${change}: ${JSON.stringify(plan)}`,
      );
      await bench.mustApply(publicationKind, a.session, [marked]);
      const [after] = await bench.plan(publicationKind, a.session, [wanted]);
      assert.equal(after?.action, 'none', change);
    }
  });

  await t.test('a subscription changed by hand is put right', async () => {
    for (const [change, field] of [
      ['ALTER SUBSCRIPTION orders_a_b DISABLE', 'enabled'],
      ['ALTER SUBSCRIPTION orders_a_b SET (origin = any, disable_on_error = false)', 'origin'],
      ['ALTER SUBSCRIPTION orders_a_b SET (password_required = true)', 'password_required'],
      [`ALTER SUBSCRIPTION orders_a_b CONNECTION 'host=127.0.0.1 dbname=elsewhere'`, 'connection'],
      ['ALTER SUBSCRIPTION orders_a_b OWNER TO postgres', 'owner'],
      ['ALTER SUBSCRIPTION orders_a_b SET PUBLICATION other WITH (refresh = false)', 'publications'],
      ['ALTER SUBSCRIPTION orders_a_b DISABLE; ALTER SUBSCRIPTION orders_a_b SET (slot_name = NONE)', 'slot'],
    ] as const) {
      await b.sql(change);
      b.session.forget();
      const [action, ...fields] = await planned(fixture);
      assert.equal(action, 'update', change);
      assert.ok(fields.includes(field), `${change}: ${fields.join()}`);
      await again();
    }
    await a.sql(`INSERT INTO public.orders VALUES (3, 'third')`);
    await until('a row', async () => (await b.sql('SELECT FROM public.orders WHERE id = 3')).length === 1);
  });

  await t.test('a table that joins the publication is followed, with its rows', async () => {
    await a.sql(`INSERT INTO public.items VALUES (1, 'item')`);
    const more = fixture.publication({ tables: ['public.orders', 'public.items', 'keywright.canary_orders_a'] });
    await bench.mustApply(publicationKind, a.session, [more]);
    assert.deepEqual(await planned(fixture), ['update', 'tables']);
    await again();
    await until('its rows', async () => (await b.sql('SELECT FROM public.items')).length === 1);
    await bench.mustApply(publicationKind, a.session, [fixture.publication()]);
    assert.deepEqual(await planned(fixture), ['update', 'tables']);
    await again();
  });

  await t.test('a making that was cut short is finished', async () => {
    await b.sql('ALTER SUBSCRIPTION orders_a_b DISABLE; COMMENT ON SUBSCRIPTION orders_a_b IS NULL');
    const { id, kind } = fixture.subscription();
    bench.records.set(id, { id, kind, state: 'intended' });
    b.session.forget();
    assert.deepEqual(await planned(fixture), ['update', 'enabled', 'mark']);
    await again();
  });

  await t.test('what leaves the fleet is removed on both servers', async () => {
    await bench.apply(subscriptionKind, b.session, []);
    assert.deepEqual(await b.sql('SELECT FROM pg_subscription'), []);
    assert.deepEqual(await a.sql('SELECT FROM pg_replication_slots'), []);
    assert.equal(bench.records.has(fixture.subscription().id), false);
  });

  await t.test('a slot of that name that somebody left is not taken over', async () => {
    await a.sql(`SELECT pg_create_logical_replication_slot('orders_a_b', 'pgoutput')`);
    const failure = await failureOf(fixture);
    assert.equal(failure.code, 'slot-taken');
    assert.match(failure.details.remedy ?? '', /SELECT pg_drop_replication_slot\('orders_a_b'\)/);
    await a.sql(`SELECT pg_drop_replication_slot('orders_a_b')`);
    bench.records.delete(fixture.subscription().id);
    // Its first copy begins anew, and would not end over the rows of the one before.
    await b.sql('TRUNCATE public.orders, public.items, keywright.canary_orders_a');
    await applyAll(fixture);
  });

  await t.test('without its publisher nothing is changed, and a removal tells of the slot', async () => {
    // A first copy that is under way has a slot of its own, which a server that stops now would keep.
    const slots = async (): Promise<number> => (await a.sql('SELECT FROM pg_replication_slots')).length;
    const isCopied = async (): Promise<boolean> => {
      const states = await b.sql('SELECT srsubstate AS state FROM pg_subscription_rel');
      return states.length > 0 && states.every(({ state }) => state === 'r');
    };
    await until('the end of the first copies', async () => (await isCopied()) && (await slots()) === 1);
    await a.server.stop();
    const failure = await failureOf(fixture, fixture.subscription({}, { user: 'somebody_else' }));
    assert.equal(failure.code, 'publisher-unreachable');
    assert.equal(failure.exitCode, 3);
    const [result] = (await bench.apply(subscriptionKind, b.session, [])).values();
    assert.ok(result?.applied.outcome === 'done', JSON.stringify(result));
    assert.match(
      result.applied.note ?? '',
      /slot orders_a_b is left on orders-a\.site-a\.localhost \(.*By hand: SELECT pg_drop_replication_slot/,
    );
    assert.deepEqual(await b.sql('SELECT FROM pg_subscription'), []);
    await a.server.start();
    assert.equal((await a.sql('SELECT FROM pg_replication_slots')).length, 1);
  });

  await t.test('a slot that was left goes when its publication is applied, or removed', async () => {
    const left = async (): Promise<number> => (await a.sql('SELECT FROM pg_replication_slots')).length;
    a.session.forget();
    const without = fixture.publication({ slots: [] });
    const [plan] = await bench.plan(publicationKind, a.session, [without]);
    assert.deepEqual(plan?.fields, [
      { field: 'slot', before: 'orders_a_b', note: 'removed: its subscription is gone' },
    ]);
    await bench.mustApply(publicationKind, a.session, [without]);
    assert.equal(await left(), 0);
    assert.equal((await bench.plan(publicationKind, a.session, [without]))[0]?.action, 'none');

    const other = fixture.publication({ owner: 'postgres' });
    await bench.mustApply(publicationKind, a.session, [other]);
    await a.sql(`SELECT pg_create_logical_replication_slot('orders_a_b', 'pgoutput')`);
    await a.sql(`SELECT pg_create_logical_replication_slot('of_somebody', 'pgoutput')`);
    assert.equal((await bench.plan(publicationKind, a.session, [other]))[0]?.action, 'none', 'it is wanted');
    await bench.apply(publicationKind, a.session, []);
    assert.deepEqual(await a.sql('SELECT pubname FROM pg_publication'), []);
    assert.deepEqual(await a.sql('SELECT slot_name FROM pg_replication_slots'), [{ slot_name: 'of_somebody' }]);
  });
});
