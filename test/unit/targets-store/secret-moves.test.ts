import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InventoryRecord, Move } from '../../../src/engine/interfaces.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { secretMoves } from '../../../src/targets/store/secret-moves.ts';
import { secretRecord } from '../../../src/targets/store/secret-record.ts';
import type { SecretSpec } from '../../../src/targets/store/secret.spec.ts';
import { resource } from '../../support/kinds.ts';

function entry(path: string, origin: SecretSpec['origin'], keys: readonly string[] = ['k']): Resource<SecretSpec> {
  const id = resourceId(targetId('store', 'box'), 'secret', path);
  const sources = Object.fromEntries(keys.map((key) => [key, { generate: { hex: 16 } }]));
  return resource(id, { store: 'box', path, keys: sources, origin });
}

function left({ id, kind, spec }: Resource<SecretSpec>): InventoryRecord {
  return { id, kind, state: 'present', ...secretRecord(spec, { version: '1', fingerprint: 'x', mark: 'm' }) };
}

const of = (name: string, document = 'SecretTree/apps') => ({ document, entry: name });

function told(moves: ReadonlyMap<ResourceId, Move>): Record<string, string> {
  const words = (move: Move): string =>
    'from' in move ? move.from.id : `? ${move.unclear.map(({ id }) => id).join(' ')}`;
  return Object.fromEntries([...moves].map(([id, move]) => [id, words(move)]));
}

test('the same entry of the same document is known whatever its keys are now', () => {
  const moves = secretMoves([entry('b/x', of('x'), ['other'])], [left(entry('a/x', of('x')))]);
  assert.deepEqual(told(moves), { 'store/box/secret/b%2Fx': 'store/box/secret/a%2Fx' });
});

test('another document, other keys or an entry of no document are nobody’s old place', () => {
  const leaving = [left(entry('a/x', of('x')))];
  assert.equal(secretMoves([entry('b/x', of('x', 'SecretTree/jobs'))], leaving).size, 0);
  assert.equal(secretMoves([entry('b/y', of('y'), ['k', 'l'])], leaving).size, 0);
  assert.equal(secretMoves([entry('b/y', undefined)], leaving).size, 0);
  assert.equal(secretMoves([entry('b/y', of('y'))], [left(entry('a/x', undefined))]).size, 0);
});

test('an entry that is known by its name is not taken for another with the same keys', () => {
  const moves = secretMoves([entry('b/x', of('x')), entry('b/y', of('y'))], [left(entry('a/x', of('x')))]);
  assert.deepEqual(told(moves), { 'store/box/secret/b%2Fx': 'store/box/secret/a%2Fx' });
});

test('one old place for two new ones, or two for one, is unclear', () => {
  const two = secretMoves([entry('y', of('y')), entry('z', of('z'))], [left(entry('x', of('x')))]);
  assert.deepEqual(told(two), {
    'store/box/secret/y': '? store/box/secret/x',
    'store/box/secret/z': '? store/box/secret/x',
  });
  const one = secretMoves([entry('z', of('z'))], [left(entry('x', of('x'))), left(entry('y', of('y')))]);
  assert.deepEqual(told(one), { 'store/box/secret/z': '? store/box/secret/x store/box/secret/y' });
});
