import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identitiesOf, whatReaches } from '../../../src/access/what.ts';
import { whoReads } from '../../../src/access/who.ts';
import { Failure } from '../../../src/model/failure.ts';
import { access, base, compileDocuments } from '../../support/compiled.ts';

const compiled = compileDocuments(
  ...base,
  access('app', 'database: shop, privileges: readWrite, credential: { static: {} }'),
  access('card', 'database: shop, privileges: readOnly, credential: { certificate: {} }'),
  `kind: SecretTree
metadata: { name: apps }
spec:
  path: apps
  entries:
  - { path: web, keys: { key: { generate: { hex: 32 } }, url: { value: "https://:{key}@x" }, other: { generate: { hex: 8 } } } }
  - { path: lonely, keys: { key: { generate: { hex: 32 } } } }`,
  `kind: Consumer
metadata: { name: web }
spec:
  directory: { name: web }
  secrets:
  - { name: app, from: { app: { path: apps/web } }, data: { env: "URL={app.url}" } }
  - { name: db, from: { db: { access: app } } }`,
  `kind: Consumer
metadata: { name: jobs }
spec: { directory: { name: jobs }, secrets: [{ name: all, from: { app: { path: apps/web } } }] }`,
);

function readers(path: string): string[] {
  return whoReads(compiled, 'box', path).map(
    ({ reader, keys }) => `${reader.kind === 'keywright' ? 'keywright' : reader.name}: ${keys.join(' ')}`,
  );
}

describe('who reads', () => {
  it('an entry: everybody to whom a value of it is delivered, also inside another value, and Keywright', () => {
    assert.deepEqual(readers('apps/web'), ['jobs: key other url', 'web: key url', 'keywright: key url other']);
  });

  it('one key: only those who get that value', () => {
    assert.deepEqual(readers('apps/web/key'), ['jobs: key', 'web: key', 'keywright: key']);
    assert.deepEqual(readers('apps/web/other'), ['jobs: other', 'keywright: other']);
  });

  it('an entry that nobody is given: Keywright alone, and whoever holds the key of the store', () => {
    assert.deepEqual(readers('apps/lonely'), ['keywright: key']);
    assert.deepEqual(whoReads(compiled, 'box', 'apps/lonely')[0]?.reader, {
      kind: 'keywright',
      identityFile: '.keywright/key.txt',
    });
  });

  it('the password of a login: the consumer of the access, by the entry that it is published in', () => {
    const [chain, last, ...others] = whoReads(compiled, 'box', 'keywright/f/logins/app/app_a/password');
    assert.deepEqual(others, []);
    assert.equal(last?.reader.kind, 'keywright');
    assert.deepEqual(chain, {
      right: 'read',
      reader: { kind: 'consumer', name: 'web', site: 'here', secret: 'db', folder: 'consumers/web/db' },
      keys: ['password'],
      way: ['box/keywright/f/logins/app/app_a', 'box/databases/db/app'],
      document: 'Consumer/web',
      resource: 'site/here/directory/web/db',
      logins: [
        {
          access: 'app',
          postgres: 'db',
          database: 'shop',
          privileges: 'readWrite',
          entry: { store: 'box', path: 'databases/db/app' },
        },
      ],
    });
  });

  it("a server's certificate: the server", () => {
    const entry = compiled.resources.find(({ kind }) => kind === 'tls')?.spec as { certificate: { path: string } };
    assert.deepEqual(readers(entry.certificate.path).slice(0, 1), ['db: ca.crt tls.crt tls.key']);
  });

  it('an entry that is not there: nobody knows, and what lies below is named', () => {
    assert.throws(
      () => whoReads(compiled, 'box', 'apps'),
      (error) =>
        error instanceof Failure &&
        error.code === 'no-such-entry' &&
        error.details.remedy === 'below it are box/apps/lonely, box/apps/web',
    );
    assert.throws(() => whoReads(compiled, 'box', 'apps/web/none'), { code: 'no-such-entry' });
  });
});

describe('what reaches', () => {
  it('a consumer: entries, keys, where their values come from, and logins', () => {
    const { kind, document, entries } = whatReaches(compiled, 'web');
    assert.deepEqual([kind, document], ['consumer', 'Consumer/web']);
    assert.deepEqual(
      entries.map(({ entry, keys, delivery, logins }) => [
        entry,
        keys.includes('password'),
        delivery?.secret,
        logins.length,
      ]),
      [
        ['box/apps/web', false, 'app', 0],
        ['box/databases/db/app', true, 'db', 1],
      ],
    );
    assert.deepEqual(entries[0]?.keys, ['url']);
    assert.ok(entries[1]?.madeOf.includes('box/keywright/f/logins/app/app_a'));
  });

  it('an access that nobody holds', () => {
    const { kind, entries } = whatReaches(compiled, 'card');
    assert.equal(kind, 'access');
    assert.deepEqual(
      entries.map(({ entry }) => entry),
      ['box/databases/db/card'],
    );
    assert.ok(entries[0]?.madeOf.includes('box/keywright/f/certificates/access/card'));
  });

  it('an identity that is not there', () => {
    assert.deepEqual(identitiesOf(compiled), ['app', 'card', 'jobs', 'web']);
    assert.throws(() => whatReaches(compiled, 'nobody'), { code: 'no-such-identity' });
  });
});
