import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim } from '../../../src/model/claim.ts';
import type { CompiledFleet } from '../../../src/model/compiled.ts';
import type { DirectorySpec } from '../../../src/targets/file/directory.spec.ts';
import type { SecretSpec } from '../../../src/targets/store/secret.spec.ts';
import { access, base, compileDocuments, resourceOf, specOf } from '../../support/compiled.ts';

const app = access('app', 'database: shop, privileges: readWrite, credential: { static: {} }');

const tree = `kind: SecretTree
metadata: { name: apps }
spec:
  path: apps
  entries:
  - path: web
    keys:
      key: { generate: { base64url: 24 } }
      stripe: { import: { env: STRIPE } }
      plain: { value: "a {{b}}" }
      host: { value: db.example }
      url: { value: "https://:{key}@x" }
  - path: tls
    certificate: { hosts: [web.example, "*.web.example"], ttl: 20d }`;

const consumer = (name: string, secrets: string): string =>
  `kind: Consumer\nmetadata: { name: ${name} }\nspec: { directory: { name: ${name} }, secrets: [${secrets}] }`;

test('keys say where their value comes from, and the entry who asks for it', () => {
  const spec = specOf<SecretSpec>(compileDocuments(...base, tree), 'store/box/secret/apps%2Fweb');
  assert.deepEqual(spec, {
    store: 'box',
    path: 'apps/web',
    keys: {
      key: { generate: { base64url: 24 } },
      stripe: { import: { env: 'STRIPE' } },
      plain: { template: 'a {{b}}' },
      host: { value: 'db.example' },
      url: { template: 'https://:{key}@x' },
    },
    origin: { document: 'SecretTree/apps', entry: 'web' },
  });
});

test('what a fleet keeps is retained when it leaves, what can be made again is not', () => {
  const compiled = compileDocuments(...base, tree, app);
  const policy = (id: string): string | undefined => resourceOf(compiled, id).reclaimPolicy;
  assert.equal(policy('store/box/secret/apps%2Fweb'), undefined);
  assert.equal(policy('authority/local/certificate/entry/box/apps%2Ftls'), undefined);
  assert.equal(policy('store/box/secret/databases%2Fdb%2Fapp'), 'delete');
  assert.equal(policy('authority/local/certificate/server/db'), 'delete');
});

test('a certificate of a tree is issued into its entry, and a consumer gets it from there', () => {
  const compiled = compileDocuments(...base, tree, consumer('web', '{ name: tls, from: { tls: { path: apps/tls } } }'));
  const id = 'authority/local/certificate/entry/box/apps%2Ftls';
  const { store, path, hosts, usage } = specOf<Record<string, unknown>>(compiled, id);
  assert.deepEqual(
    { store, path, hosts, usage },
    {
      store: 'box',
      path: 'apps/tls',
      hosts: ['web.example', '*.web.example'],
      usage: 'server',
    },
  );
  const { sources } = specOf<DirectorySpec>(compiled, 'site/here/directory/web/tls');
  assert.deepEqual(sources['tls'], { store: 'box', path: 'apps/tls', version: { from: id, output: 'version' } });
});

test('a consumer gets an authority as its bundle, with the one key that clients need', () => {
  const compiled = compileDocuments(...base, consumer('web', '{ name: ca, from: { ca: { authority: local } } }'));
  assert.deepEqual(specOf<DirectorySpec>(compiled, 'site/here/directory/web/ca').sources['ca'], {
    store: 'box',
    path: 'keywright/f/authorities/local/bundle',
    version: { from: 'authority/local/bundle/trust', output: 'version' },
    keys: ['ca.crt'],
  });
});

test('an access is a libpq service named after the delivered secret', () => {
  const compiled = compileDocuments(
    ...base,
    app,
    access('report', 'database: shop, privileges: readOnly, credential: { static: {} }'),
    consumer('one', '{ name: db, from: { any: { access: app } } }'),
    consumer('two', '{ name: db, from: { a: { access: app }, b: { access: report } } }'),
  );
  const services = (name: string): unknown => specOf<DirectorySpec>(compiled, `site/here/directory/${name}/db`).libpq;
  assert.deepEqual(services('one'), [{ service: 'db', alias: 'any' }]);
  assert.deepEqual(services('two'), [
    { service: 'db-a', alias: 'a' },
    { service: 'db-b', alias: 'b' },
  ]);
  const logins = compiled.claims.filter(
    ({ kind, document }) => kind === 'delivered-login' && document === 'Consumer/two',
  );
  assert.deepEqual(
    logins.map(({ id }) => id),
    ['Consumer/two#delivered-login/db/a', 'Consumer/two#delivered-login/db/b'],
  );
});

const web = consumer('web', '{ name: app, from: { app: { path: apps/web } } }');
const jobs = consumer('jobs', '{ name: app, from: { app: { path: apps/web } } }');

function subjectsOf(compiled: CompiledFleet): string[] {
  const claim = compiled.claims.find(({ kind }) => kind === 'rule');
  const { subjects } = (claim?.spec ?? { subjects: [] }) as { subjects: { consumer: string }[] };
  return subjects.map(({ consumer: name }) => name);
}

test('a rule with neverBy is about whom it names, one with onlyBy about everybody else', () => {
  const rule = (who: string): string =>
    `kind: Rule\nmetadata: { name: r }\nspec: { secrets: { path: "apps/**" }, ${who} }`;
  const subjects = (who: string): string[] => subjectsOf(compileDocuments(...base, tree, web, jobs, rule(who)));
  assert.deepEqual(subjects('neverBy: [{ consumer: web }]'), ['web']);
  assert.deepEqual(subjects('onlyBy: [{ consumer: web }]'), ['jobs']);
  assert.deepEqual(subjects('neverBy: [{ site: here }]'), ['jobs', 'web']);
  assert.deepEqual(subjects('onlyBy: [{ site: here }]'), []);
});

test('a rule about a database names the server, the database and its tables', () => {
  const compiled = compileDocuments(
    ...base,
    tree,
    web,
    'kind: Rule\nmetadata: { name: r }\nspec: { database: { postgres: db, name: shop, tables: [orders] }, neverBy: [{ consumer: web }] }',
  );
  const { object } = (compiled.claims.find(({ kind }) => kind === 'rule') as Claim).spec as {
    object: { database: { name: string; tables: string[]; endpoint: { postgres: string } } };
  };
  assert.deepEqual(
    [object.database.endpoint.postgres, object.database.name, object.database.tables],
    ['db', 'shop', ['orders']],
  );
});

test('no spec holds a secret: what is generated is only asked for, what is imported only named', () => {
  const { resources, targets, claims } = compileDocuments(...base, tree, app, web);
  const suspicious: string[] = [];
  const walk = (value: unknown, place: string): void => {
    if (typeof value !== 'object' || value === null) {
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      if (/^(password|tls\.key|privateKey)$/.test(key) && typeof inner === 'string') {
        suspicious.push(`${place}/${key}`);
      }
      walk(inner, `${place}/${key}`);
    }
  };
  walk({ resources, targets, claims }, '');
  assert.deepEqual(suspicious, []);
  assert.ok(!JSON.stringify({ resources, targets, claims }).includes('BEGIN '));
});

test('of a file store in which nothing lies nothing is claimed: it is made with its first entry', () => {
  const spare =
    'kind: Store\nmetadata: { name: spare }\nspec: { file: { path: spare, identityFile: .keywright/spare.txt } }';
  const named = 'kind: Fleet\nmetadata: { name: f }\nspec: { home: box, defaults: { store: box } }';
  const kept = (more: string[]): string[] =>
    compileDocuments(named, ...base.slice(1), spare, ...more)
      .claims.filter(({ kind }) => kind === 'store-sealed')
      .map(({ id }) => id);
  assert.deepEqual(kept([]), ['Store/box#store-sealed']);
  const used = tree.replace('spec:\n', 'spec:\n  store: spare\n');
  assert.deepEqual(kept([used]), ['Store/box#store-sealed', 'Store/spare#store-sealed']);
});
