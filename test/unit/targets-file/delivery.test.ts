import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { SecretEntry } from '../../../src/stores/backend.ts';
import { renderDelivery } from '../../../src/targets/file/delivery.ts';
import type { DirectorySpec } from '../../../src/targets/file/directory.spec.ts';

function entry(path: string, values: Readonly<Record<string, string>>): SecretEntry {
  const data = new Map(Object.entries(values).map(([key, value]) => [key, new Secret(value)]));
  return { path, data, version: '1', metadata: {}, writtenAt: '', deleted: false };
}

function spec(extra: Partial<DirectorySpec> = {}): DirectorySpec {
  const sources = { app: { store: 'box', path: 'apps/orders', version: '1' } };
  return { consumer: 'orders', name: 'app', folder: 'consumers/orders/app', sources, ...extra };
}

function filesOf(
  extra: Partial<DirectorySpec>,
  entries: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Record<string, string> {
  const sources = Object.fromEntries(
    Object.keys(entries).map((alias) => [alias, { store: 'box', path: alias, version: '1' }]),
  );
  const map = new Map(Object.entries(entries).map(([alias, values]) => [alias, entry(alias, values)]));
  const { files } = renderDelivery(spec({ sources, ...extra }), map, '/site/..gen');
  return Object.fromEntries([...files].map(([name, content]) => [name, Buffer.from(content).toString()]));
}

const access = {
  username: 'app',
  password: 'p:w',
  host: 'orders-a.site-a.localhost',
  port: '15432',
  database: 'orders',
  'ca.crt': 'CA',
};

test('without data every key is a file, and env holds them all', () => {
  assert.deepEqual(filesOf({}, { app: { 'api-key': 'k$1', 'jwt-secret': 'j' } }), {
    'api-key': 'k$1',
    'jwt-secret': 'j',
    env: 'API_KEY="k\\$1"\nJWT_SECRET="j"\n',
  });
});

test('a source may be limited to some of its keys', () => {
  const sources = { app: { store: 'box', path: 'a', version: '1', keys: ['one'] } };
  assert.deepEqual(Object.keys(filesOf({ sources }, { app: { one: '1', two: '2' } })), ['one', 'env']);
});

test('with data only its lines are files, put together from any source', () => {
  assert.deepEqual(
    filesOf(
      { data: { DATABASE_URL: 'x://{db.username}:{db.password}@h', pem: '{tls.tls.crt}{tls.tls.key}' } },
      {
        db: access,
        tls: { 'tls.crt': 'A', 'tls.key': 'B' },
      },
    ),
    { DATABASE_URL: 'x://app:p%3Aw@h', pem: 'AB', env: 'DATABASE_URL="x://app:p%3Aw@h"\npem="AB"\n' },
  );
});

test('an access brings libpq files that name files of the same generation', () => {
  const files = filesOf({ libpq: [{ service: 'orders-app', alias: 'db' }] }, { db: access });
  assert.ok(files['pg_service.conf']?.includes('hostaddr=127.0.0.1\n'));
  assert.ok(files['pg_service.conf']?.includes('sslrootcert=/site/..gen/ca.crt\n'));
  assert.ok(files['pg_service.conf']?.includes('passfile=/site/..gen/pgpass\n'));
  assert.equal(files.pgpass, 'orders-a.site-a.localhost:15432:orders:app:p\\:w\n');
});

test('certificates that data does not deliver get files of libpq’s own', () => {
  const files = filesOf({ data: { URL: '{db.host}' }, libpq: [{ service: 's', alias: 'db' }] }, { db: access });
  assert.equal(files['.libpq.db.ca.crt'], 'CA');
  assert.ok(files['pg_service.conf']?.includes('sslrootcert=/site/..gen/.libpq.db.ca.crt\n'));
});

test('names that lead out of the folder, are ours, or come twice, are refused by name', () => {
  for (const name of ['../evil', 'a/b', '..data', '..', '.', 'x\n', 'env', '.libpq.x', 'x'.repeat(300)]) {
    assert.throws(
      () => filesOf({}, { app: { [name]: 'hunter2' } }),
      (error: unknown) => error instanceof Failure && !error.message.includes('hunter2'),
      name,
    );
  }
  assert.throws(() => filesOf({}, { a: { key: '1' }, b: { key: '2' } }), /a and b both have a key key/);
  assert.throws(
    () => filesOf({ libpq: [{ service: 's', alias: 'db' }] }, { db: { ...access, pgpass: 'x' } }),
    /pgpass/,
  );
});

test('missing keys, unknown aliases and bare secrets in JSON are errors that name the line', () => {
  assert.throws(
    () => filesOf({ data: { X: '{app.nope}' } }, { app: { a: '1' } }),
    /X cannot be put together: \{app\.nope\}/,
  );
  assert.throws(() => filesOf({ data: { X: '{other.a}' } }, { app: { a: '1' } }), /other\.a/);
  assert.throws(() => filesOf({ data: { X: '{{"a": {app.a}}}' } }, { app: { a: '1' } }), /bare in JSON/);
  assert.throws(
    () => filesOf({ libpq: [{ service: 's', alias: 'app' }] }, { app: { a: '1' } }),
    /no key host for libpq/,
  );
});

test('a login to a Vault has an env for its clients, with plain files of the fleet beside the entry', () => {
  const login = { addresses: 'https://v:1 https://w:2', mount: 'approle-a', 'role-id': 'r', 'secret-id': 's' };
  const sources = { login: { store: 'box', path: 'login', version: '1' } };
  const { files } = renderDelivery(
    spec({ sources, vault: true, files: { 'ca.crt': 'ca.pem' } }),
    new Map([['login', entry('login', login)]]),
    '/site/..gen',
    new Map([['ca.crt', Buffer.from('CA')]]),
  );
  assert.deepEqual(Buffer.from(files.get('ca.crt') ?? []).toString(), 'CA');
  assert.deepEqual(
    Buffer.from(files.get('env') ?? [])
      .toString()
      .split('\n'),
    [
      'VAULT_ADDR="https://v:1"',
      'VAULT_CACERT="/site/..gen/ca.crt"',
      'MOUNT="approle-a"',
      'ROLE_ID="r"',
      'SECRET_ID="s"',
      '',
    ],
  );
});
