import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dueDates, keptResources } from '../../../src/cli/up/due.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { TokenSpec } from '../../../src/targets/vault/token.spec.ts';
import { resource } from '../../support/kinds.ts';

test('a token is due when a third of its period is left, and the keeper renews it', () => {
  const id = resourceId(targetId('store', 'main'), 'token', 'orders');
  const token = resource<TokenSpec>(id, { role: 'tde', policies: ['tde'], periodSeconds: 3600 });
  const compiled = { fleet: 'f', home: 'box', targets: [], resources: [token], claims: [] };
  const outputs = new Map([[id, { version: '1', expires: '2026-11-25T12:00:00.000Z' }]]);
  assert.deepEqual(dueDates(compiled, outputs), [
    { id, what: 'token', at: new Date('2026-11-25T11:40:00Z'), expires: new Date('2026-11-25T12:00:00Z') },
  ]);
  assert.deepEqual(dueDates(compiled, new Map()), []);
  assert.deepEqual([...keptResources(compiled, () => true)], [id]);
});
