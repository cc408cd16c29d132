import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planChanges } from '../../../src/engine/plan.ts';
import type { Plan, PlanInput } from '../../../src/engine/plan.ts';
import type { InventoryRecord } from '../../../src/engine/interfaces.ts';
import { summarizeRemovals, requireRemovalConsent } from '../../../src/engine/removals.ts';
import { absent, couldNotAsk, notYet, present } from '../../../src/model/answer.ts';
import type { Answer } from '../../../src/model/answer.ts';
import { digestOf } from '../../../src/model/digest.ts';
import type { Failure } from '../../../src/model/failure.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { thing, thingKind, worldTarget } from '../../support/test-kinds.ts';

const kinds = [thingKind(), thingKind({ kind: 'data', onRemoval: 'retain' })];

function plan(input: {
  wanted?: readonly Resource[];
  answers?: readonly (readonly [ResourceId, Answer<unknown>])[];
  records?: readonly InventoryRecord[];
  targets?: PlanInput['targets'];
}): Plan {
  return planChanges({
    fleet: 'f',
    asOf: new Date('2026-01-01T00:00:00Z'),
    resources: input.wanted ?? [],
    targets: input.targets ?? [worldTarget('a'), worldTarget('b')],
    kindOf: (_target, kind) => kinds.find((each) => each.kind === kind),
    answers: new Map(input.answers ?? []),
    records: new Map((input.records ?? []).map((record) => [record.id, record])),
  });
}

const seen = (resource: Resource): Answer<unknown> => present({ spec: resource.spec, mark: 'f' });

function recorded(resource: Resource, more: Partial<InventoryRecord> = {}): InventoryRecord {
  const outputs = { version: digestOf(resource.spec).slice(0, 8) };
  const { id, kind, document } = resource;
  return { id, kind, state: 'present', outputs, dependsOn: resource.dependsOn, document, ...more };
}

const actions = (found: Plan): string[] => found.changes.map(({ id, change }) => `${change.action} ${id}`);

describe('planChanges', () => {
  const base = thing('a', 'base');
  const user = thing('a', 'user', { version: { from: base.id, output: 'version' } });

  it('finds nothing to do when everything is as it should be', () => {
    const current = thing('a', 'user', { version: digestOf({}).slice(0, 8) });
    const found = plan({
      wanted: [base, user],
      answers: [
        [base.id, seen(base)],
        [user.id, seen(current)],
      ],
      records: [recorded(base), recorded(user, { dependsOn: [base.id] })],
    });
    assert.deepEqual(actions(found), []);
    assert.equal(found.unchanged, 2);
    assert.deepEqual(found.settle, []);
  });

  it('creates what is absent, in dependency order, and says what is known only later', () => {
    const found = plan({
      wanted: [user, base],
      answers: [
        [base.id, absent],
        [user.id, absent],
      ],
    });
    assert.deepEqual(actions(found), [`create ${base.id}`, `create ${user.id}`]);
    assert.equal(found.changes[1]?.change.reason, `known after ${base.id}`);
    assert.deepEqual(found.changes[1]?.after, [base.id]);
    assert.equal(found.changes[1]?.lookAgain, true);
    assert.equal(found.changes[0]?.lookAgain, false);
  });

  it('tells what was there and is gone from what is declared anew', () => {
    const spec = { version: digestOf({}).slice(0, 8) };
    const lost = (baseSpec: Readonly<Record<string, unknown>>): unknown[] => {
      const found = plan({
        wanted: [thing('a', 'base', baseSpec), user],
        answers: [
          [base.id, absent],
          [user.id, absent],
        ],
        records: [
          recorded(base, { appliedDigest: digestOf(base.spec) }),
          recorded(user, { appliedDigest: digestOf(spec) }),
        ],
      });
      return found.changes.map((change) => change.lost);
    };
    assert.deepEqual(lost({}), [true, true]);
    assert.deepEqual(lost({ size: 2 }), [undefined, true], 'declared in another place it may be there still');
  });

  it('moves out of a server that this run starts first, and refuses to out of one that nobody starts', () => {
    const server = thing('b', 'server');
    const old = thing('a', 'old');
    const wanted = thing('b', 'new');
    const planned = (targets: PlanInput['targets']): Plan =>
      planChanges({
        fleet: 'f',
        asOf: new Date('2026-01-01T00:00:00Z'),
        resources: [server, wanted],
        targets,
        kindOf: () => ({ ...thingKind(), moves: ([to], [from]) => new Map(to && from ? [[to.id, { from }]] : []) }),
        answers: new Map<ResourceId, Answer<unknown>>([
          [server.id, absent],
          [wanted.id, absent],
          [old.id, notYet('a is stopped', true)],
        ]),
        records: new Map([
          [old.id, recorded(old)],
          [server.id, recorded(server)],
        ]),
      });
    const started = planned([{ ...worldTarget('a'), dependsOn: [server.id] }, worldTarget('b')]);
    const change = started.changes.find(({ id }) => id === wanted.id);
    assert.deepEqual([change?.change.action, change?.movesFrom?.id, change?.after], ['create', old.id, [server.id]]);
    const left = planned([worldTarget('b')]);
    assert.equal(left.changes.find(({ id }) => id === wanted.id)?.change.refusal?.code, 'move-unreachable');
  });

  it('lets what is there depend on a changed thing: it may change', () => {
    const found = plan({
      wanted: [thing('a', 'base', { size: 2 }), user],
      answers: [
        [base.id, seen(base)],
        [user.id, seen(user)],
      ],
      records: [recorded(base), recorded(user)],
    });
    assert.deepEqual(actions(found), [`update ${base.id}`, `mayChange ${user.id}`]);
  });

  it('takes an output from what was seen when the record has none', () => {
    const current = thing('a', 'user', { version: digestOf({}).slice(0, 8) });
    const found = plan({
      wanted: [base, user],
      answers: [
        [base.id, seen(base)],
        [user.id, seen(current)],
      ],
    });
    assert.deepEqual(actions(found), []);
    assert.deepEqual(
      found.settle.map(({ id }) => id),
      [base.id, user.id],
    );
  });

  it('plans everything on a target that is still to be made as create, on a stopped one as may change', () => {
    const other = thing('b', 'other');
    const found = plan({
      wanted: [base, other],
      answers: [
        [base.id, notYet('no data folder yet', false)],
        [other.id, notYet('stopped', true)],
      ],
      records: [recorded(other)],
    });
    assert.deepEqual(actions(found), [`create ${base.id}`, `mayChange ${other.id}`]);
  });

  it('judges the others when a target could not be asked', () => {
    const other = thing('b', 'other');
    const found = plan({
      wanted: [base, other],
      answers: [
        [base.id, couldNotAsk('refused')],
        [other.id, absent],
      ],
    });
    assert.deepEqual(actions(found), [`create ${other.id}`]);
    assert.deepEqual(found.unasked, [{ id: base.id, target: base.target, why: 'refused' }]);
  });

  it('uses the last known output of what could not be asked', () => {
    const far = thing('b', 'far');
    const near = thing('a', 'near', { version: { from: far.id, output: 'version' } });
    const found = plan({
      wanted: [far, near],
      answers: [
        [far.id, couldNotAsk('refused')],
        [near.id, absent],
      ],
      records: [recorded(far)],
    });
    assert.deepEqual(actions(found), [`create ${near.id}`]);
    assert.deepEqual(found.changes[0]?.after, []);
  });

  it('refuses one thing and judges the others, whether the kind answers so or throws', () => {
    const third = thing('a', 'third');
    const found = plan({
      wanted: [base, user, third],
      answers: [
        [base.id, present({ spec: {}, mark: 'foreign' })],
        [user.id, absent],
        [third.id, present({ spec: {}, mark: 'broken' })],
      ],
    });
    assert.deepEqual(actions(found), [`refused ${base.id}`, `refused ${third.id}`, `create ${user.id}`]);
    assert.equal(found.changes[1]?.change.refusal?.code, 'thing-broken');
    assert.deepEqual(found.changes[2]?.after, [base.id]);
  });

  it('leaves an operation aside and goes on with what depends on it', () => {
    const old = thing('a', 'base', { needsOperation: true });
    const next = thing('a', 'next', {}, { dependsOn: [base.id] });
    const found = plan({
      wanted: [old, next],
      answers: [
        [base.id, seen(base)],
        [next.id, absent],
      ],
      records: [recorded(base)],
    });
    assert.deepEqual(actions(found), [`operation ${base.id}`, `create ${next.id}`]);
    assert.deepEqual(found.changes[1]?.after, []);
  });

  it('gives the same plan for the same input in another order', () => {
    const answers = [
      [base.id, absent],
      [user.id, absent],
    ] as const;
    const one = plan({ wanted: [user, base], answers });
    const two = plan({ wanted: [base, user], answers: [...answers].reverse() });
    assert.equal(one.digest, two.digest);
  });

  it('writes a record again when what it says beside the thing itself is old', () => {
    const kept = { ...base, reclaimPolicy: 'delete' as const };
    const found = plan({ wanted: [kept], answers: [[base.id, seen(base)]], records: [recorded(base)] });
    assert.deepEqual(
      found.settle.map(({ reclaimPolicy }) => reclaimPolicy),
      ['delete'],
    );
  });
});

describe('removals', () => {
  const gone = thing('a', 'gone');
  const restsOnGone = thing('a', 'rests', {}, { dependsOn: [gone.id] });
  const stays = thing('a', 'stays');

  it('come in reverse dependency order', () => {
    const found = plan({
      answers: [
        [gone.id, seen(gone)],
        [restsOnGone.id, seen(restsOnGone)],
      ],
      records: [recorded(gone), recorded(restsOnGone)],
    });
    assert.deepEqual(actions(found), [`remove ${restsOnGone.id}`, `remove ${gone.id}`]);
    assert.deepEqual(found.changes[1]?.after, [restsOnGone.id]);
  });

  it('wait for a change of what used to rest on them', () => {
    const changed = thing('a', 'stays', { size: 2 });
    const found = plan({
      wanted: [changed],
      answers: [
        [gone.id, seen(gone)],
        [stays.id, seen(stays)],
      ],
      records: [recorded(gone), recorded(stays, { dependsOn: [gone.id] })],
    });
    assert.deepEqual(found.changes[1]?.after, [stays.id]);
  });

  it('keep what holds data, unless the last apply was told to delete it', () => {
    const data = thing('a', 'data', {}, { kind: 'data' });
    const other = thing('a', 'other', {}, { kind: 'data' });
    const plain = thing('a', 'plain');
    const found = plan({
      answers: [
        [data.id, seen(data)],
        [other.id, seen(other)],
        [plain.id, seen(plain)],
      ],
      records: [
        recorded(data),
        recorded(other, { reclaimPolicy: 'delete' }),
        recorded(plain, { reclaimPolicy: 'retain' }),
      ],
    });
    assert.deepEqual(actions(found), [`retain ${data.id}`, `remove ${other.id}`, `retain ${plain.id}`]);
  });

  it('do not happen on a target of which a part could not be asked', () => {
    const found = plan({
      wanted: [stays],
      answers: [
        [gone.id, seen(gone)],
        [stays.id, couldNotAsk('refused')],
      ],
      records: [recorded(gone), recorded(stays)],
    });
    assert.deepEqual(actions(found), []);
    assert.deepEqual(
      found.unasked.map(({ id }) => id),
      [stays.id, gone.id],
    );
  });

  it('do not happen while something elsewhere that rests on it could not be asked', () => {
    const far = thing('b', 'far');
    const found = plan({
      wanted: [far],
      answers: [
        [gone.id, seen(gone)],
        [far.id, couldNotAsk('refused')],
      ],
      records: [recorded(gone), recorded(far, { dependsOn: [gone.id] })],
    });
    assert.deepEqual(actions(found), []);
  });

  it('forget what is gone already, without counting it', () => {
    const found = plan({ answers: [[gone.id, absent]], records: [recorded(gone)] });
    assert.equal(found.changes[0]?.forget, true);
    const records = new Map([[gone.id, recorded(gone)]]);
    assert.deepEqual(summarizeRemovals(found, records, 1).leaving, []);
  });

  it('leave kept things and records of targets alone', () => {
    const found = plan({
      records: [
        recorded(gone, { state: 'retained' }),
        { id: 'site/a/identity/target' as ResourceId, kind: 'identity', state: 'present' },
      ],
    });
    assert.deepEqual(actions(found), []);
    assert.deepEqual(found.unasked, []);
  });

  it('keep a stopped server that left the fleet', () => {
    const found = plan({ targets: [], answers: [[gone.id, notYet('stopped', true)]], records: [recorded(gone)] });
    assert.deepEqual(actions(found), [`retain ${gone.id}`]);
  });

  describe('consent', () => {
    const many = Array.from({ length: 10 }, (_, index) => thing('a', `t${index}`));
    const removing = (count: number): Plan =>
      plan({
        wanted: many.slice(count),
        answers: many.map((each) => [each.id, seen(each)] as const),
        records: many.map((each) => recorded(each)),
      });
    const records = new Map(many.map((each) => [each.id, recorded(each)]));
    const refusalOf = (count: number, consent: { allowed?: number; confirmed?: number }, wanted = 1): string => {
      try {
        requireRemovalConsent(summarizeRemovals(removing(count), records, wanted), consent);
        return 'allowed';
      } catch (error) {
        return (error as Failure).message;
      }
    };

    it('is needed for every removal, and given by a number or a person', () => {
      assert.match(refusalOf(2, {}), /2 things would leave/);
      assert.equal(refusalOf(2, { allowed: 2 }), 'allowed');
      assert.match(refusalOf(2, { allowed: 1 }), /2 things would leave/);
      assert.equal(refusalOf(2, { confirmed: 2 }), 'allowed');
      assert.equal(refusalOf(0, {}), 'allowed');
    });

    it('of a person does not reach for more than half of a target', () => {
      assert.equal(refusalOf(5, { confirmed: 5 }), 'allowed');
      assert.match(refusalOf(6, { confirmed: 6 }), /6 of 10 things on site\/a would leave/);
      assert.equal(refusalOf(6, { allowed: 6 }), 'allowed');
    });

    it('of a person does not reach for an empty fleet', () => {
      assert.match(refusalOf(10, { confirmed: 10 }, 0), /the fleet is empty/);
      assert.equal(refusalOf(10, { allowed: 10 }, 0), 'allowed');
    });
  });
});
