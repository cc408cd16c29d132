import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyFleet, takeLock } from '../../../src/engine/fleet-apply.ts';
import type { FleetApplyOptions, FleetApplyResult } from '../../../src/engine/fleet-apply.ts';
import { planFileOf, planFleet } from '../../../src/engine/fleet-plan.ts';
import type { ApplyEvent } from '../../../src/engine/apply-events.ts';
import { acceptTarget, targetExchange } from '../../../src/engine/accept-target.ts';
import { deleteRetained, retainedRecords } from '../../../src/engine/delete.ts';
import { readLock } from '../../../src/engine/lock.ts';
import { formatPlanFile } from '../../../src/engine/plan-file.ts';
import { Failure } from '../../../src/model/failure.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { TestFleet, testFolder } from '../../support/engine-run.ts';
import { thing, thingKind, worldTarget } from '../../support/test-kinds.ts';

const codeOf = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

async function apply(
  fleet: TestFleet,
  resources: readonly Resource[],
  options: Partial<FleetApplyOptions> = {},
): Promise<FleetApplyResult> {
  const run = fleet.run(resources);
  try {
    return await applyFleet(run, { command: 'apply', ...options });
  } finally {
    await run.close();
  }
}

const done = ({ result }: FleetApplyResult): string[] =>
  (result?.done ?? []).map(({ id, change }) => `${change.action} ${id}`);

const base = thing('a', 'base');
const user = thing('b', 'user', { version: { from: base.id, output: 'version' } });
const last = thing('b', 'last', {}, { dependsOn: [user.id] });

describe('apply', () => {
  it('makes everything in dependency order, across targets, with outputs filled in', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const applied = await apply(fleet, [last, user, base]);
    assert.deepEqual(done(applied), [`create ${base.id}`, `create ${user.id}`, `create ${last.id}`]);
    assert.match(String(fleet.world('b').things.get(user.id)?.spec['version']), /^[0-9a-f]{8}$/);
  });

  it('changes nothing and writes nothing the second time', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [last, user, base]);
    const run = fleet.run([last, user, base]);
    await run.openHome({ create: false });
    const before = [run.inventory.versions(), (await readLock(run.home!)).version];
    fleet.world('a').calls.length = 0;
    const again = await apply(fleet, [last, user, base]);
    assert.equal(again.result, undefined);
    assert.equal(again.plan.plan.unchanged, 3);
    assert.deepEqual(fleet.world('a').calls, ['observe thing 1']);
    await run.reloadInventory();
    assert.deepEqual([run.inventory.versions(), (await readLock(run.home!)).version], before);
    await run.close();
  });

  it('hands changes of one target and kind over together', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const many = Array.from({ length: 200 }, (_, index) => thing('a', `t${index}`));
    await apply(fleet, many);
    assert.deepEqual(
      fleet.world('a').calls.filter((call) => call.startsWith('apply')),
      ['apply thing 200'],
    );
  });

  it('mends what was changed by hand, and what rests on it', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [user, base]);
    fleet.world('a').things.set(base.id, { spec: { size: 9 }, mark: 'f' });
    fleet.world('b').things.delete(user.id);
    assert.deepEqual(done(await apply(fleet, [user, base])), [`update ${base.id}`, `create ${user.id}`]);
  });

  it('takes the dependents of a failure out, names the cause, and does the rest', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const other = thing('a', 'other');
    fleet.world('a').failing.set(base.id, 'disk full');
    const { result } = await apply(fleet, [last, user, base, other]);
    assert.deepEqual(
      result?.done.map(({ id }) => id),
      [other.id],
    );
    assert.deepEqual(
      result?.failed.map(({ id, error }) => [id, error.message]),
      [[base.id, 'disk full']],
    );
    assert.deepEqual(result?.skipped, [
      { id: user.id, because: base.id },
      { id: last.id, because: base.id },
    ]);
    fleet.world('a').failing.clear();
    assert.equal((await apply(fleet, [last, user, base, other])).result?.done.length, 3);
  });

  it('leaves refused changes and operations alone and does the rest', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const rotated = thing('a', 'rotated', { needsOperation: true });
    const after = thing('a', 'after', {}, { dependsOn: [rotated.id] });
    fleet.world('a').things.set(base.id, { spec: {}, mark: 'foreign' });
    fleet.world('a').things.set(rotated.id, { spec: {}, mark: 'f' });
    const { result } = await apply(fleet, [base, user, rotated, after]);
    assert.deepEqual(
      result?.done.map(({ id }) => id),
      [after.id],
    );
    assert.deepEqual(
      result?.operations.map(({ needs }) => needs),
      ['keywright rotate it'],
    );
    assert.equal((result?.failed[0]?.error as Failure | undefined)?.code, 'adopt-existing');
    assert.deepEqual(
      result?.skipped.map(({ id }) => id),
      [user.id],
    );
  });

  it('finds out at its turn that something may change after all', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [user, base]);
    fleet.world('b').state = 'stopped';
    fleet.world('a').beforeWrite = async () => void (fleet.world('b').state = 'present');
    const changed = [thing('a', 'server', { size: 2 }), base, user];
    fleet.targets = [worldTarget('a'), worldTarget('b', [changed[0]!.id])];
    const { result } = await apply(fleet, changed);
    assert.deepEqual(
      result?.done.map(({ id }) => id),
      [changed[0]!.id],
    );
    assert.deepEqual(result?.unchanged, [user.id]);
  });

  it('looks again before it writes what was seen too early', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const sibling = thing('b', 'sibling', {}, { dependsOn: [base.id] });
    fleet.world('a').beforeWrite = async () => {
      fleet.world('b').things.set(sibling.id, { spec: {}, mark: 'f' });
    };
    const { result } = await apply(fleet, [base, sibling]);
    assert.deepEqual(result?.unchanged, [sibling.id]);
  });

  it('stops after what runs at an interruption, and goes on the next time', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const stop = new AbortController();
    const many = Array.from({ length: 10 }, (_, index) => thing('a', `t${index}`));
    fleet.world('a').beforeWrite = async (id) => {
      if (id === many[3]?.id) {
        stop.abort();
      }
    };
    const events: ApplyEvent[] = [];
    const { result } = await apply(fleet, [...many, last, user, base], {
      stop: stop.signal,
      onEvent: (e) => events.push(e),
    });
    assert.equal(result?.interrupted, true);
    assert.deepEqual(result?.failed, []);
    assert.equal((result?.done.length ?? 0) + (result?.remaining.length ?? 0), 13);
    assert.ok((result?.remaining.length ?? 0) >= 7);
    assert.ok(events.some(({ type }) => type === 'stopping'));
    fleet.world('a').beforeWrite = async () => {};
    const next = await apply(fleet, [...many, last, user, base]);
    assert.equal(next.result?.done.length, result?.remaining.length);
    assert.equal((await apply(fleet, [...many, last, user, base])).result, undefined);
  });

  it('records what was done before something fell over', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const kind = thingKind();
    fleet.kinds = [
      {
        ...kind,
        async *apply(session, changes, io) {
          yield* kind.apply(session, changes.slice(0, 1), io);
          throw new Error('the connection broke');
        },
      },
    ];
    const other = thing('a', 'other');
    const { result } = await apply(fleet, [base, other]);
    assert.equal(result?.done.length, 1);
    assert.deepEqual(
      result?.failed.map(({ error }) => error.message),
      ['the connection broke'],
    );
    const run = fleet.run([]);
    await run.openHome({ create: false });
    assert.equal(run.inventory.get(base.id)?.state, 'present');
    assert.equal(run.inventory.get(other.id)?.state, 'intended');
    await run.close();
  });

  it('settles an intent whose thing was made before the crash', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    fleet.world('a').failing.set(base.id, 'killed');
    await apply(fleet, [base]);
    fleet.world('a').things.set(base.id, { spec: {}, mark: 'f' });
    const { result } = await apply(fleet, [base]);
    assert.deepEqual(result?.done, []);
    const run = fleet.run([base]);
    await run.openHome({ create: false });
    assert.equal(run.inventory.get(base.id)?.state, 'present');
    assert.match(String(run.outputs.get(base.id)?.['version']), /^[0-9a-f]{8}$/);
    await run.close();
  });

  it('refuses a second run while one is at work, and leaves the lock free after it', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    let second: Promise<unknown> | undefined;
    fleet.world('a').beforeWrite = async () => {
      second ??= assert.rejects(apply(fleet, [base, last, user]), codeOf('fleet-locked'));
      await second;
    };
    await apply(fleet, [base]);
    assert.ok(second !== undefined);
    fleet.world('a').beforeWrite = async () => {};
    await apply(fleet, [base, last, user]);
  });

  it('plans again when another run was at work while it waited for the lock', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    let second: Promise<FleetApplyResult> | undefined;
    fleet.world('a').beforeWrite = async () => {
      if (second === undefined) {
        const { promise: waits, resolve } = Promise.withResolvers<void>();
        second = apply(fleet, [base], { lockWaitMilliseconds: 20_000, onLockWait: () => resolve() });
        await waits;
      }
    };
    await apply(fleet, [base]);
    assert.deepEqual(done(await second!), []);
  });
});

describe('a target', () => {
  it('that cannot be asked stops an apply before anything is written, unless the rest is asked for', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    fleet.world('b').state = 'unreachable';
    await assert.rejects(apply(fleet, [base, last]), codeOf('target-unreachable'));
    assert.equal(fleet.world('a').things.size, 0);
    const applied = await apply(fleet, [base, last], { partial: true });
    assert.deepEqual(done(applied), [`create ${base.id}`]);
    assert.equal(applied.plan.observation.problems.length, 1);
  });

  it('that is another server than before is not touched until it is accepted', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [base]);
    fleet.world('a').identity = 'world-2';
    fleet.world('a').things.clear();
    await assert.rejects(apply(fleet, [base]), codeOf('target-exchanged'));
    assert.equal(fleet.world('a').things.size, 0);
    const run = fleet.run([base]);
    await run.openHome({ create: false });
    const exchange = await targetExchange(run, 'site/a');
    assert.deepEqual([exchange.before, exchange.now], ['world-1', 'world-2']);
    const lock = await takeLock(run, { command: 'target accept' });
    await acceptTarget(run, exchange);
    await lock.release();
    await run.close();
    assert.deepEqual(done(await apply(fleet, [base])), [`create ${base.id}`]);
  });
});

describe('what leaves the fleet', () => {
  const data = thing('a', 'data', {}, { kind: 'data' });
  const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => thing('a', name)) as [
    Resource,
    Resource,
    Resource,
    Resource,
  ];

  it('is removed only when that was allowed or confirmed', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [one, two, three]);
    await assert.rejects(apply(fleet, [one, two]), codeOf('removals-not-allowed'));
    await assert.rejects(apply(fleet, [one, two], { confirmRemovals: async () => false }), codeOf('not-confirmed'));
    assert.equal(fleet.world('a').things.size, 3);
    assert.deepEqual(done(await apply(fleet, [one, two], { confirmRemovals: async () => true })), [
      `remove ${three.id}`,
    ]);
    assert.deepEqual(done(await apply(fleet, [], { allowRemovals: 2 })), [`remove ${one.id}`, `remove ${two.id}`]);
  });

  it('goes in reverse order, after what rested on it let go', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const held = thing('b', 'held', { size: 1 }, { dependsOn: [one.id] });
    await apply(fleet, [one, thing('a', 'two', {}, { dependsOn: [one.id] }), three, four, held]);
    const applied = await apply(fleet, [three, four, thing('b', 'held', { size: 2 })], { allowRemovals: 2 });
    const order = done(applied);
    assert.equal(order.at(-1), `remove ${one.id}`);
    assert.equal(order.length, 3);
  });

  it('is kept when it holds data, listed, and deleted only by name', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [data, one]);
    const applied = await apply(fleet, [one], { allowRemovals: 1 });
    assert.deepEqual(done(applied), [`retain ${data.id}`]);
    assert.equal(fleet.world('a').things.get(data.id)?.mark, 'lifted');
    assert.equal((await apply(fleet, [one])).result, undefined);
    const run = fleet.run([one]);
    await run.openHome({ create: false });
    assert.deepEqual(
      retainedRecords(run).map(({ id }) => id),
      [data.id],
    );
    const lock = await takeLock(run, { command: 'delete' });
    await assert.rejects(deleteRetained(run, [one.id], { lock }), codeOf('not-retained'));
    await deleteRetained(run, [data.id], { lock });
    await lock.release();
    await run.close();
    assert.equal(fleet.world('a').things.has(data.id), false);
  });

  it('is deleted with its data when the last apply was told so', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [{ ...data, reclaimPolicy: 'delete' }, one]);
    await apply(fleet, [one], { allowRemovals: 1 });
    assert.equal(fleet.world('a').things.has(data.id), false);
  });

  it('is reached by what is recorded of its target when that left too', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [base, last]);
    fleet.targets = [worldTarget('a')];
    assert.deepEqual(done(await apply(fleet, [base], { allowRemovals: 1 })), [`remove ${last.id}`]);
    const run = fleet.run([base]);
    await run.openHome({ create: false });
    assert.equal(run.target(last.target), undefined);
    await run.close();
  });
});

describe('a plan file', () => {
  async function planned(fleet: TestFleet, resources: readonly Resource[]): Promise<{ text: string; name: string }> {
    const run = fleet.run(resources);
    await run.openHome({ create: false });
    const text = formatPlanFile(planFileOf(run, await planFleet(run)));
    await run.close();
    return { text, name: 'fleet.plan' };
  }

  it('is applied as it was planned', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    await apply(fleet, [base]);
    const planFile = await planned(fleet, [base, last, user]);
    assert.deepEqual(done(await apply(fleet, [base, last, user], { planFile })), [
      `create ${user.id}`,
      `create ${last.id}`,
    ]);
  });

  it('is refused when the fleet, the target or the inventory moved on', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const planFile = await planned(fleet, [base]);
    await assert.rejects(apply(fleet, [base, last], { planFile }), codeOf('plan-stale'));
    fleet.world('a').things.set(base.id, { spec: { size: 3 }, mark: 'f' });
    await assert.rejects(apply(fleet, [base], { planFile }), codeOf('plan-stale'));
    fleet.world('a').things.clear();
    await apply(fleet, [base], { planFile });
    await assert.rejects(apply(fleet, [base], { planFile }), codeOf('plan-stale'));
  });

  it('leaves alone what changed beside it', async (t) => {
    const fleet = new TestFleet(await testFolder(t));
    const other = thing('a', 'other');
    await apply(fleet, [other]);
    const planFile = await planned(fleet, [other, base]);
    fleet.world('a').things.set(other.id, { spec: { size: 3 }, mark: 'f' });
    assert.deepEqual(done(await apply(fleet, [other, base], { planFile })), [`create ${base.id}`]);
  });
});
