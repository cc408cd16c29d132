import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LivePolicies } from '../../../src/access/live.ts';
import { readLiveAccess } from '../../../src/targets/vault/live-access.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { clientOf } from '../../support/vault-client.ts';

describe('what a server lets its logins do', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  test('counts what an identity has by itself and by its groups, as the server does', async (t) => {
    const bao = server();
    const rule = (path: string): object => ({ policy: `path "secret/data/${path}" { capabilities = ["read"] }` });
    for (const name of ['own', 'entity', 'group']) {
      await bao.ask('PUT', `sys/policies/acl/live-${name}`, rule(name));
    }
    await bao.ask('POST', 'sys/auth/live', { type: 'approle' });
    await bao.ask('POST', 'auth/live/role/app', { token_policies: ['live-own'] });
    const { body: role } = await bao.ask('GET', 'auth/live/role/app/role-id');
    const { body: secret } = await bao.ask('POST', 'auth/live/role/app/secret-id', {});
    const { body: login } = await bao.ask('POST', 'auth/live/login', {
      role_id: role?.['data'].role_id,
      secret_id: secret?.['data'].secret_id,
    });
    const entity: string = login?.['auth'].entity_id;
    const client = clientOf(t, bao);
    const readers = async (): Promise<Record<string, unknown>> => {
      const live = new LivePolicies(await readLiveAccess(client));
      return Object.fromEntries(
        ['own', 'entity', 'group'].map((path) => [
          path,
          live.who([`secret/data/${path}`]).some((grant) => grant.role === 'auth/live/role/app'),
        ]),
      );
    };
    assert.deepEqual(await readers(), { own: true, entity: false, group: false });
    await bao.ask('POST', `identity/entity/id/${entity}`, { policies: ['live-entity'] });
    await bao.ask('POST', 'identity/group', { name: 'live', policies: ['live-group'], member_entity_ids: [entity] });
    assert.deepEqual(await readers(), { own: true, entity: true, group: true });
  });
});
