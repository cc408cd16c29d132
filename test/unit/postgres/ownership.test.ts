import assert from 'node:assert/strict';
import test from 'node:test';
import type { InventoryRecord } from '../../../src/engine/interfaces.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import { readMark, withMark, withoutMark } from '../../../src/targets/process/mark.ts';
import { judgeOwnership, leavingChange } from '../../../src/targets/process/ownership.ts';
import { resource } from '../../support/kinds.ts';

const id = 'postgres/orders-a/role/orders_app' as ResourceId;
const mark = { fleet: 'two-sites', id };
const record = (state: InventoryRecord['state']): InventoryRecord => ({ id, kind: 'role', state });

test('a mark is a line of its own and leaves what is there', () => {
  assert.equal(withMark(null, mark), `keywright fleet=two-sites id=${id}`);
  assert.equal(withMark('first\n\nthird', mark), `first\n\nthird\nkeywright fleet=two-sites id=${id}`);
  assert.equal(withMark(withMark('note', mark), mark), withMark('note', mark));
  assert.deepEqual(readMark(withMark('note', mark)), mark);
  assert.equal(withoutMark(withMark('first\n\nthird', mark)), 'first\n\nthird');
  assert.equal(withoutMark(withMark(null, mark)), null);
});

test('text that only looks like a mark is none', () => {
  assert.equal(readMark(`see keywright fleet=two-sites id=${id}`), undefined);
  assert.equal(readMark('keywright fleet=two-sites'), undefined);
});

test('an object with our mark is ours, one with another is refused with both names', () => {
  assert.equal(judgeOwnership({ fleet: 'two-sites', id, comment: withMark(null, mark) }).owner, 'us');
  const foreign = judgeOwnership({ fleet: 'mine', id, comment: withMark(null, mark) });
  assert.ok(foreign.owner === 'other');
  assert.match(foreign.why, /two-sites.*mine/);
  const sibling = judgeOwnership({ fleet: 'two-sites', id: `${id}2` as ResourceId, comment: withMark(null, mark) });
  assert.ok(sibling.owner === 'other');
  assert.match(sibling.why, /postgres\/orders-a\/role\/orders_app of this fleet/);
});

test('an unmarked object needs leave, an open intent, or a record that it was kept', () => {
  const question = { fleet: 'two-sites', id, comment: 'hello' };
  const plain = judgeOwnership(question);
  assert.equal(plain.owner === 'other' && plain.code, 'adopt-existing');
  const lost = judgeOwnership({ ...question, recorded: record('present') });
  assert.match(lost.owner === 'other' ? lost.why : '', /no mark of this fleet any more/);
  assert.equal(judgeOwnership({ ...question, recorded: record('intended') }).owner, 'us');
  assert.equal(judgeOwnership({ ...question, recorded: record('retained') }).owner, 'adoptable');
  const wanted = resource(id, {}, { allow: [{ rule: 'adopt-existing', reason: 'moved here' }] });
  assert.equal(judgeOwnership({ ...question, wanted }).owner, 'adoptable');
  assert.equal(judgeOwnership({ ...question, initial: true }).owner, 'us');
});

test('another mark is refused whatever is allowed', () => {
  const wanted = resource(id, {}, { allow: [{ rule: 'adopt-existing', reason: 'moved here' }] });
  const comment = withMark(null, mark);
  assert.equal(judgeOwnership({ fleet: 'mine', id, comment, wanted, initial: true }).owner, 'other');
});

test('what left the fleet goes by its policy, and stays when it is not ours', () => {
  const comment = withMark(null, mark);
  const question = { fleet: 'two-sites', id, comment, recorded: record('present') };
  assert.equal(leavingChange(question, 'remove').action, 'remove');
  assert.equal(leavingChange(question, 'retain').action, 'retain');
  const kept = { ...record('present'), reclaimPolicy: 'retain' as const };
  assert.equal(leavingChange({ ...question, recorded: kept }, 'remove').action, 'retain');
  const deleted = { ...record('present'), reclaimPolicy: 'delete' as const };
  assert.equal(leavingChange({ ...question, recorded: deleted }, 'retain').action, 'remove');
  assert.equal(leavingChange({ ...question, comment: null }, 'remove').action, 'retain');
  assert.equal(leavingChange({ ...question, fleet: 'mine' }, 'remove').action, 'retain');
});
