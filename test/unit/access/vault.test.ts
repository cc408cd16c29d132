import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LivePolicies } from '../../../src/access/live.ts';
import type { LiveAccess } from '../../../src/access/live.ts';
import { renderPolicy } from '../../../src/access/render.ts';
import { policyThatGrants, vaultLoginsOf } from '../../../src/access/vault-logins.ts';
import { whatReaches } from '../../../src/access/what.ts';
import { whoReads } from '../../../src/access/who.ts';
import { isFailure } from '../../support/failure.ts';
import { access, base, compileDocuments } from '../../support/compiled.ts';

const compiled = compileDocuments(
  ...base.map((each) =>
    each.startsWith('kind: Fleet')
      ? 'kind: Fleet\nmetadata: { name: f }\nspec: { home: box, defaults: { store: main } }'
      : each.replace('{ pki: {', '{ pki: { store: box,'),
  ),
  'kind: Store\nmetadata: { name: main }\nspec: { vault: { addresses: ["https://v:8200"], login: { tokenFile: t } } }',
  access('brief', 'database: shop, privileges: readOnly, credential: { dynamic: {} }'),
  'kind: SecretTree\nmetadata: { name: apps }\nspec: { entries: [{ path: apps/a, keys: { k: { generate: { hex: 8 } } } }, { path: apps/b, keys: { k: { generate: { hex: 8 } } } }] }',
  'kind: Consumer\nmetadata: { name: one }\nspec: { directory: { name: one }, reads: [{ path: apps/a }], writes: [{ path: "out/**" }] }',
  'kind: Consumer\nmetadata: { name: all }\nspec: { directory: { name: all }, reads: [{ path: "apps/**" }, { access: brief }], wrap: 1m }',
);

function who(path: string): string[] {
  return whoReads(compiled, 'main', path).map(
    ({ right, reader, grantedBy }) =>
      `${right} ${reader.kind === 'keywright' ? 'keywright' : reader.name} ${grantedBy?.map((each) => each.path).join() ?? ''}`,
  );
}

describe('who reads in a Vault', () => {
  it('an entry: whoever has a rule for it, by the closest pattern, and Keywright', () => {
    assert.deepEqual(who('apps/a'), ['read all secret/data/apps/*', 'read one secret/data/apps/a', 'write keywright ']);
    assert.deepEqual(who('apps/b/k'), ['read all secret/data/apps/*', 'write keywright ']);
  });

  it('what is written by somebody, though the fleet makes nothing there', () => {
    assert.deepEqual(who('out/today'), ['write one secret/data/out/*', 'write keywright ']);
    assert.throws(() => who('elsewhere'), isFailure('no-such-entry'));
  });

  it('a path of an engine, as the engine has it', () => {
    assert.deepEqual(who('database/creds/brief'), ['read all database/creds/brief', 'write keywright ']);
  });
});

describe('what a consumer asks for', () => {
  it('is each rule of its policy, with the entries that it takes in', () => {
    const { rights } = whatReaches(compiled, 'all');
    assert.deepEqual(
      rights.map(({ path, capabilities, wrapSeconds, entries }) => [path, ...capabilities, wrapSeconds, ...entries]),
      [
        ['database/creds/brief', 'read', 60],
        ['secret/data/apps/*', 'read', 60, 'main/apps/a', 'main/apps/b'],
        ['secret/metadata/apps/*', 'list', undefined],
      ],
    );
    assert.deepEqual(
      rights.map(({ mount, role, policy }) => `${mount} ${role} ${policy}`),
      Array.from({ length: 3 }, () => 'approle-here all all'),
    );
  });
});

describe('the policy that would allow what was refused', () => {
  it('is the first of the fleet that has every capability that was needed', () => {
    const ask = (path: string, ...needed: string[]): string | undefined =>
      policyThatGrants(compiled, 'main', path, needed);
    assert.equal(ask('secret/data/out/x', 'update'), 'one');
    assert.equal(ask('secret/data/apps/b', 'read'), 'all');
    assert.equal(ask('secret/data/apps/b', 'read', 'sudo'), undefined);
    assert.equal(policyThatGrants(compiled, 'box', 'secret/data/apps/b', ['read']), undefined);
  });
});

describe('what a server says itself', () => {
  const logins = vaultLoginsOf(compiled);
  const agreed: LiveAccess = {
    roles: logins.map(({ mount, role }) => ({ path: `auth/${mount}/role/${role}`, policies: [role] })),
    product: 'openbao',
    policies: new Map(logins.map(({ role, policies }) => [role, renderPolicy(policies[0]?.rules ?? [])])),
    unasked: [],
  };
  const changed = (name: string, text: string): LiveAccess => ({
    ...agreed,
    policies: new Map([...agreed.policies, [name, text]]),
  });
  const path = ['secret/data/apps/a'];

  it('differs nowhere where it has what the fleet derives', () => {
    const policies = new LivePolicies(agreed);
    assert.deepEqual(policies.differencesOn(logins, path), []);
    assert.deepEqual(
      logins.flatMap((login) => policies.differencesOf(login)),
      [],
    );
    assert.deepEqual(
      policies.who(path).map(({ role, rights }) => `${role}: ${rights.join()}`),
      ['auth/approle-here/role/all: read', 'auth/approle-here/role/one: read'],
    );
  });

  it('differs by a wider policy, a missing role, one policy more', () => {
    const wider = new LivePolicies(changed('one', 'path "secret/*" { capabilities = ["read", "delete"] }'));
    assert.deepEqual(wider.differencesOn(logins, path), [
      { role: 'auth/approle-here, role one', path: path[0], fleet: ['read'], server: ['read', 'delete'] },
    ]);
    const roleless = new LivePolicies({ ...agreed, roles: agreed.roles.filter((role) => !role.path.endsWith('/one')) });
    assert.deepEqual(
      roleless.differencesOn(logins, path).map(({ server }) => server),
      [[]],
    );
    const more = new LivePolicies({
      ...changed('more', 'path "secret/data/apps/b" { capabilities = ["read"] }'),
      roles: agreed.roles.map((role) => ({ ...role, policies: [...role.policies, 'more'] })),
    });
    const [one] = logins.filter(({ consumer }) => consumer === 'one');
    assert.ok(one);
    assert.deepEqual(
      more.differencesOf(one).map(({ path: at, fleet, server }) => [at, fleet.join(), server.join()]),
      [['secret/data/apps/b', '', 'read']],
    );
  });

  it('names policies that nobody seen has, and those that cannot be read', () => {
    const policies = new LivePolicies({
      ...changed('admins', 'path "secret/*" { capabilities = ["read"] }'),
      policies: new Map([
        ...agreed.policies,
        ['admins', 'path "secret/*" { capabilities = ["read"] }'],
        ['torn', 'path "x" {'],
        ['root', ''],
      ]),
    });
    const [found] = policies.who(path).filter(({ role }) => role === undefined);
    assert.deepEqual(
      found?.places.map(({ policy }) => policy),
      ['admins'],
    );
    assert.deepEqual(
      policies.unreadable.map((text) => text.slice(0, 11)),
      ['policy torn'],
    );
  });
});
