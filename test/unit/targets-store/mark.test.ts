import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import {
  judgeOwnership,
  markedMetadata,
  markOf,
  ownershipOf,
  unmarkedMetadata,
} from '../../../src/targets/store/mark.ts';

const id = resourceId(targetId('store', 'box'), 'secret', 'apps/x');
const wanted: Resource = {
  id,
  kind: 'secret',
  target: targetId('store', 'box'),
  spec: {},
  dependsOn: [],
  document: 'x',
};
const allowed = { ...wanted, allow: [{ rule: 'adopt-existing', reason: 'a test' }] };

function judged(mark: string | undefined, resource = wanted, state?: 'intended' | 'present' | 'retained'): string {
  const owner = ownershipOf(mark === undefined ? {} : { keywright: mark }, 'f', id);
  const claim = judgeOwnership(resource, 'apps/x', owner, state);
  return claim.as === 'refused' ? (claim.change.refusal?.code ?? '') : claim.as;
}

test('whose an entry is decides what may be done with it', () => {
  assert.equal(judged(markOf('f', id)), 'own');
  assert.equal(judged(undefined), 'adopt-existing');
  assert.equal(judged(undefined, allowed), 'adopted');
  assert.equal(judged(undefined, wanted, 'intended'), 'own');
  assert.equal(judged(undefined, wanted, 'retained'), 'adopted');
  assert.equal(judged(markOf('other', id), allowed), 'foreign-mark');
  assert.equal(judged('written by somebody', allowed), 'foreign-mark');
  assert.equal(judged('fleet=f id=store/box/secret/old', wanted), 'own');
  assert.equal(judged('fleet=f id=authority/a/certificate/x', allowed), 'path-taken');
  assert.equal(judged('fleet=f id=nonsense', allowed), 'path-taken');
});

test('metadata of others stays through marking and unmarking', () => {
  const marked = markedMetadata({ owner: 'me' }, 'f', id, { spec: 's', fingerprint: 'p' });
  assert.deepEqual(marked, {
    owner: 'me',
    keywright: `fleet=f id=${id}`,
    'keywright-spec': 's',
    'keywright-fingerprint': 'p',
  });
  assert.deepEqual(unmarkedMetadata(marked), { owner: 'me' });
});
