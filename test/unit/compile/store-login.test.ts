import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isAllowed } from '../../../src/access/evaluate.ts';
import type { CompiledFleet } from '../../../src/model/compiled.ts';
import type { StoreIdentitySpec } from '../../../src/proofs/vault.spec.ts';
import type { DirectorySpec } from '../../../src/targets/file/directory.spec.ts';
import type { SecretSpec } from '../../../src/targets/store/secret.spec.ts';
import type { AppRoleSpec } from '../../../src/targets/vault/app-role.spec.ts';
import type { CertRoleSpec } from '../../../src/targets/vault/cert-role.spec.ts';
import type { PolicySpec } from '../../../src/targets/vault/policy.spec.ts';
import { isFailure } from '../../support/failure.ts';
import { access, base, compileDocuments, resourceOf, specOf } from '../../support/compiled.ts';

const vault =
  'kind: Store\nmetadata: { name: main }\nspec: { vault: { addresses: ["https://v:8200", "https://w:8200"], ca: { file: v.pem }, login: { tokenFile: t } } }';
const documents = [
  ...base.map((each) =>
    each.startsWith('kind: Fleet')
      ? 'kind: Fleet\nmetadata: { name: f }\nspec: { home: box, defaults: { store: main } }'
      : each.replace('{ pki: {', '{ pki: { store: box,'),
  ),
  vault,
];

function consumer(name: string, spec: string): string {
  return `kind: Consumer\nmetadata: { name: ${name} }\nspec: { directory: { name: ${name} }, ${spec} }`;
}

function compiled(spec: string, ...more: readonly string[]): CompiledFleet {
  return compileDocuments(...documents, ...more, consumer('orders', spec));
}

function rulesOf(spec: string, ...more: readonly string[]): string[] {
  const { rules } = specOf<PolicySpec>(compiled(spec, ...more), 'store/main/policy/orders');
  return rules.map(({ path, capabilities, maxWrappingTtl: most, minWrappingTtl: least }) =>
    [path, capabilities.join(','), ...(most === undefined ? [] : [`${least}-${most}`])].join(' '),
  );
}

describe('the policy of a consumer', () => {
  test('reads a path and nothing beside it; who reads a subtree may list it too', () => {
    assert.deepEqual(rulesOf('reads: [{ path: ci/github }]'), ['secret/data/ci/github read']);
    assert.deepEqual(rulesOf('reads: [{ path: "ci/**" }]'), ['secret/data/ci/* read', 'secret/metadata/ci/* list']);
  });

  test('writes without reading, listing or deleting', () => {
    assert.deepEqual(rulesOf('writes: [{ path: "ci/**" }, { path: own }]'), [
      'secret/data/ci/* create,update,patch',
      'secret/data/own create,update,patch',
    ]);
  });

  test('a closer path repeats what a wider one gives, since only the closest counts, and is left out where it adds nothing', () => {
    assert.deepEqual(rulesOf('reads: [{ path: "ci/**" }, { path: ci/github }], writes: [{ path: "ci/own/**" }]'), [
      'secret/data/ci/* read',
      'secret/data/ci/own/* create,read,update,patch',
      'secret/metadata/ci/* list',
    ]);
  });

  test('an access is a path of the database engine when it is dynamic, else its entry; a key is used, never read', () => {
    const accesses = [
      access('brief', 'database: shop, privileges: readOnly, credential: { dynamic: {} }'),
      access('fixed', 'database: shop, privileges: readOnly, credential: { static: {} }'),
      'kind: SecretTree\nmetadata: { name: keys }\nspec: { entries: [{ path: app, encryptionKey: { type: aes256-gcm96 } }, { path: mail, encryptionKey: { type: ed25519 } }] }',
    ];
    const reads = '[{ access: brief }, { access: fixed }, { encryptionKey: app }, { encryptionKey: mail }]';
    assert.deepEqual(rulesOf(`reads: ${reads}`, ...accesses), [
      'database/creds/brief read',
      'secret/data/databases/db/fixed read',
      'transit/decrypt/app update',
      'transit/encrypt/app update',
      'transit/sign/mail update',
      'transit/verify/mail update',
    ]);
  });

  test('wrap limits whatever answers with values, for a second at least and as long as told at most', () => {
    assert.deepEqual(rulesOf('reads: [{ path: "ci/**" }], writes: [{ path: out }], wrap: 5m'), [
      'secret/data/ci/* read 1-300',
      'secret/data/out create,update,patch',
      'secret/metadata/ci/* list',
    ]);
  });

  test('a whole store is given without what Keywright keeps in it', () => {
    assert.deepEqual(rulesOf('reads: [{ path: "**" }]'), [
      'secret/data/* read',
      'secret/metadata/* list',
      'secret/data/keywright/* deny',
      'secret/metadata/keywright/* deny',
    ]);
  });

  test('a segment that a policy would take for any segment is refused', () => {
    assert.throws(() => rulesOf('reads: [{ path: a/+/b }]'), isFailure('policy-path'));
  });

  test('of any reads and writes, allows exactly what one of them says', () => {
    const segment = fc.constantFrom('a', 'b', 'c');
    const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const pattern = fc.oneof(
      path,
      path.map((each) => `${each}/**`),
    );
    const patterns = fc.array(pattern, { maxLength: 5 });
    const isGiven = (given: readonly string[], asked: string): boolean =>
      given.some((each) => (each.endsWith('/**') ? asked.startsWith(each.slice(0, -2)) : each === asked));
    fc.assert(
      fc.property(patterns, patterns, fc.array(path, { minLength: 1 }), (reads, writes, asked) => {
        fc.pre(reads.length + writes.length > 0);
        const list = (given: readonly string[]): string => given.map((each) => `{ path: "${each}" }`).join(', ');
        const { rules } = specOf<PolicySpec>(
          compiled(`reads: [${list(reads)}], writes: [${list(writes)}]`),
          'store/main/policy/orders',
        );
        const policy = [{ name: 'orders', rules }];
        for (const each of asked) {
          const may = (operation: 'read' | 'update' | 'delete' | 'list', api: string): boolean =>
            isAllowed(policy, { path: `secret/${api}/${each}`, operation }).allowed;
          assert.equal(may('read', 'data'), isGiven(reads, each), `read ${each}`);
          assert.equal(may('update', 'data'), isGiven(writes, each), `update ${each}`);
          assert.equal(may('delete', 'data'), false);
          const folders = reads.filter((given) => given.endsWith('/**'));
          assert.equal(may('list', 'metadata'), isGiven(folders, `${each}/x`), `list ${each}`);
          assert.equal(may('read', 'metadata'), false);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the login of a consumer', () => {
  test('is a role with its policy, ids that are made in the home, and a folder with all that a client needs', () => {
    const fleet = compiled('reads: [{ path: a }], tokenTtl: 2h');
    assert.deepEqual(specOf<AppRoleSpec>(fleet, 'store/main/app-role/approle-here/orders'), {
      mount: 'approle-here',
      role: 'orders',
      token: { policies: ['orders'], ttlSeconds: 7200 },
    });
    const entry = specOf<SecretSpec>(fleet, 'store/box/secret/keywright%2Ff%2Fstore-logins%2Fmain%2Forders');
    assert.deepEqual(entry.keys, {
      addresses: { value: 'https://v:8200 https://w:8200' },
      mount: { value: 'approle-here' },
      'role-id': { generate: { hex: 16 } },
      'secret-id': { generate: { hex: 32 } },
    });
    const folder = specOf<DirectorySpec>(fleet, 'site/here/directory/orders/store-main');
    assert.deepEqual(folder.files, { 'ca.crt': 'v.pem' });
    assert.equal(folder.vault, true);
    assert.deepEqual(resourceOf(fleet, 'site/here/directory/orders/store-main').dependsOn, [
      'store/main/app-role-login/approle-here/orders',
    ]);
  });

  test('by certificate is a role for that certificate alone, of the authority that the fleet means', () => {
    const site =
      'kind: Site\nmetadata: { name: there }\nspec: { local: { directory: there }, storeLogin: { cert: {} } }';
    const fleet = compileDocuments(
      ...documents.filter((each) => !each.startsWith('kind: Site')),
      site,
      consumer('orders', 'reads: [{ path: a }]'),
    );
    const role = specOf<CertRoleSpec>(fleet, 'store/main/cert-role/cert-there/orders');
    assert.deepEqual(role.commonNames, ['orders']);
    assert.equal(role.authority.path, 'keywright/f/authorities/local/bundle');
    const { sources } = specOf<DirectorySpec>(fleet, 'site/there/directory/orders/store-main');
    assert.deepEqual(sources['cert']?.keys, ['tls.crt', 'tls.key']);
  });

  test('of two consumers of one site is in one method; each is told what is for the other alone', () => {
    const fleet = compileDocuments(
      ...documents,
      access('brief', 'database: shop, privileges: readOnly, credential: { dynamic: {} }'),
      consumer('orders', 'reads: [{ access: brief }]'),
      consumer('jobs', 'reads: [{ path: a }]'),
    );
    const others = (name: string): readonly string[] => {
      const found = fleet.claims.find(({ id }) => id === `Consumer/${name}#store-refused-others/main`);
      return (found?.spec as StoreIdentitySpec | undefined)?.others ?? [];
    };
    assert.deepEqual(others('jobs'), ['database/creds/brief']);
    assert.deepEqual(others('orders'), []);
    assert.equal(fleet.resources.filter(({ kind }) => kind === 'auth-mount').length, 1);
  });

  test('is none for who asks no Vault', () => {
    const fleet = compiled('secrets: []');
    assert.deepEqual(
      fleet.resources.filter(({ target }) => target === 'store/main'),
      [],
    );
  });
});
