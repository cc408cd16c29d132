import assert from 'node:assert/strict';
import { chmod, chown, link, readlink, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import type { DeliveredLoginSpec, DeliveredSpec, RuleSpec } from '../../../src/proofs/proofs.spec.ts';
import { directoryKind } from '../../../src/targets/file/directory.ts';
import { postgresMissing } from '../../support/postgres.ts';
import { endpointOf, prove } from '../../support/proof-bench.ts';
import { secureServer } from '../../support/secure-server.ts';
import { directory, siteBench } from '../../support/site-bench.ts';
import type { SiteBench } from '../../support/site-bench.ts';

const password = 'p:a\\ss w#rd-of-orders';

interface Delivered {
  readonly fixture: SiteBench;
  readonly folder: string;
  readonly spec: DeliveredSpec;
  /** Delivers what the store holds now. */
  deliver(): Promise<void>;
  /** The file of the current generation. */
  file(name: string): Promise<string>;
}

/** `orders/db`, made from entry `apps/orders` with these values. */
async function delivered(
  t: Parameters<typeof siteBench>[0],
  values: Readonly<Record<string, string>>,
  libpq?: DeliveredSpec['libpq'],
): Promise<Delivered> {
  const fixture = await siteBench(t);
  let version = await fixture.put('apps/orders', values);
  const sources = { db: { store: 'box', path: 'apps/orders' } };
  const make = () => directory('db', { sources: { db: { ...sources.db, version } }, libpq });
  const deliver = async (): Promise<void> => {
    const answer = await fixture.box.read('apps/orders');
    version = answer.state === 'present' ? answer.seen.version : version;
    await fixture.bench.mustApply(directoryKind, fixture.site, [make()]);
  };
  await deliver();
  const folder = String(fixture.bench.records.get(make().id)?.outputs?.['directory']);
  const spec = { directory: folder, consumer: 'orders', secret: 'db', sources, libpq };
  const file = async (name: string): Promise<string> => join(folder, await readlink(join(folder, '..data')), name);
  return { fixture, folder, spec, deliver, file };
}

function is(evidence: Evidence, verdict: Evidence['verdict'], seen: RegExp): void {
  assert.equal(evidence.verdict, verdict, evidence.seen);
  assert.match(evidence.seen, seen);
  assert.ok(!JSON.stringify(evidence).includes('w#rd-of-orders'), 'no value in the evidence');
}

test('delivered files agree with the store, until somebody touches either', async (t) => {
  const { fixture, folder, spec, deliver, file } = await delivered(t, { username: 'orders', password });
  const agrees = (): Promise<Evidence> => prove(fixture.bench.context, 'delivered-agrees', spec);
  is(await agrees(), 'held', /files of .*\/db\/\.\.\d{4}.* equal box\/apps\/orders/);
  const changes: [string, () => Promise<unknown>, RegExp][] = [
    ['an edited file', async () => writeFile(await file('password'), 'changed'), /password differs/],
    ['a removed file', async () => unlink(await file('username')), /username is missing/],
    ['a file too many', async () => writeFile(await file('extra'), ''), /extra should not be there/],
    ['a stray file', async () => writeFile(join(folder, 'stray'), ''), /stray should not be there/],
    ['a link replaced', () => relink(join(folder, 'password'), '/etc/hostname'), /password is not the link/],
    ['no generation', () => relink(join(folder, '..data'), '..gone'), /\.\.data leads nowhere/],
    ['nothing at all', () => rm(folder, { recursive: true }), /nothing is in/],
  ];
  for (const [what, change, seen] of changes) {
    await t.test(what, async () => {
      await change();
      const evidence = await agrees();
      is(evidence, 'broken', seen);
      assert.equal(evidence.mend, 'keywright apply');
      await deliver();
      is(await agrees(), 'held', /equal/);
    });
  }
  await t.test('a new version in the store', async () => {
    await fixture.put('apps/orders', { username: 'orders', password: 'another value' });
    is(await agrees(), 'broken', /password differs/);
    await deliver();
  });
  await t.test('an entry that is gone', async () => {
    await fixture.box.delete('apps/orders');
    is(await agrees(), 'broken', /box\/apps\/orders, which it is delivered from, is not there/);
  });
  await t.test('a store that cannot be asked', async () => {
    await writeFile(`${fixture.bench.folder}/box/shards/00.age`, 'damaged');
    is(await agrees(), 'unknown', /could not ask/);
  });
});

test('delivered files are private to their account, until a mode, an owner or a link says otherwise', async (t) => {
  const { fixture, folder, spec, deliver, file } = await delivered(t, { username: 'orders', password });
  const modes = (): Promise<Evidence> => prove(fixture.bench.context, 'delivered-modes', spec);
  is(await modes(), 'held', /files of .* 0600, folders 0700, of account \d+/);
  const changes: [string, () => Promise<unknown>, RegExp][] = [
    ['a file for the group', async () => chmod(await file('password'), 0o640), /password has mode 0640, not 0600/],
    ['a folder for the group', () => chmod(folder, 0o750), /the folder has mode 0750/],
    ['a generation for all', async () => chmod(dirname(await file('x')), 0o755), /has mode 0755, not 0700/],
    ['a second name', async () => link(await file('password'), `${folder}-second`), /another name elsewhere/],
    ['a link outwards', () => relink(join(folder, 'password'), '/etc/hostname'), /password leads out of the folder/],
    ['a pointer outwards', () => relink(join(folder, '..data'), '/tmp'), /\.\.data leads out/],
  ];
  for (const [what, change, seen] of changes) {
    await t.test(what, async () => {
      await change();
      is(await modes(), 'broken', seen);
      await rm(`${folder}-second`, { force: true });
      await deliver();
      is(await modes(), 'held', /0600/);
    });
  }
  await t.test('another owner', { skip: process.getuid?.() !== 0 && 'only root can give files away' }, async () => {
    await chown(await file('password'), 1, 1);
    is(await modes(), 'broken', /password belongs to account 1, not 0/);
    await deliver();
  });
  await t.test('a parent in which others may write', async () => {
    await chmod(dirname(folder), 0o777);
    is(await modes(), 'broken', /others may write in .*\/consumers\/orders/);
  });
});

test('a consumer logs in with its files alone', { skip: postgresMissing }, async (t) => {
  const { server, host, bundle } = await secureServer(t, 'orders', [
    'hostssl orders orders 127.0.0.1/32 scram-sha-256',
  ]);
  await server.query(`CREATE ROLE orders LOGIN PASSWORD '${password.replaceAll("'", "''")}'`);
  await server.query('GRANT CONNECT ON DATABASE orders TO orders');
  const values = {
    username: 'orders',
    password,
    host,
    hostaddr: '127.0.0.1',
    port: String(server.port),
    database: 'orders',
    'ca.crt': bundle,
  };
  const { fixture, folder, spec, deliver, file } = await delivered(t, values, [{ service: 'db', alias: 'db' }]);
  const loginSpec: DeliveredLoginSpec = { ...spec, alias: 'db', service: 'db', method: 'password' };
  const logsIn = (): Promise<Evidence> => prove(fixture.bench.context, 'delivered-login', loginSpec);
  const rule = (subjects: RuleSpec['subjects'], tables?: readonly string[]): Promise<Evidence> => {
    const endpoint = endpointOf(server, 'orders', host);
    const object = { database: { endpoint, name: 'orders', tables, bundle: { store: 'box', path: 'apps/orders' } } };
    return prove(fixture.bench.context, 'rule', { rule: 'r', object, subjects } satisfies RuleSpec);
  };
  const orders = [{ consumer: 'orders', directories: [folder] }];

  await t.test('held, and the files themselves agree', async () => {
    const evidence = await logsIn();
    is(evidence, 'held', /orders in orders over TLSv1\.3, verify-full; password of db in .*\/db\/pg_service\.conf/);
    is(await prove(fixture.bench.context, 'delivered-agrees', spec), 'held', /equal/);
  });

  await t.test('a rule that forbids it is broken, and holds for who is not forbidden', async () => {
    is(
      await rule(orders),
      'broken',
      /orders: orders, service db in .*, logs in to orders on orders\.site-a\.localhost/,
    );
    is(await rule([]), 'held', /no login is delivered to anybody/);
    await server.query('CREATE TABLE invoices ()', undefined, 'orders');
    is(await rule(orders, ['invoices']), 'held', /none of 1 delivered logins gets at it/);
    await server.query('GRANT SELECT ON invoices TO orders', undefined, 'orders');
    is(await rule(orders, ['invoices']), 'broken', /reaches public\.invoices/);
    await server.query('REVOKE CONNECT ON DATABASE orders FROM orders');
    is(await rule(orders), 'held', /none of 1 delivered logins gets into orders/);
    await server.query('GRANT CONNECT ON DATABASE orders TO orders');
  });

  await t.test('a password changed in PostgreSQL', async () => {
    await server.query(`ALTER ROLE orders PASSWORD 'other'`);
    const evidence = await logsIn();
    is(evidence, 'broken', /orders was refused by orders\.site-a\.localhost:\d+: password authentication failed/);
    await server.query(`ALTER ROLE orders PASSWORD '${password}'`);
    is(await logsIn(), 'held', /verify-full/);
  });

  await t.test('a service that verifies nothing, and one that is gone', async () => {
    const service = await file('pg_service.conf');
    await writeFile(service, '[db]\nhost=127.0.0.1\nsslmode=require\n');
    is(await logsIn(), 'broken', /does not verify the server: sslmode=require/);
    await writeFile(service, '[other]\nhost=127.0.0.1\n');
    is(await logsIn(), 'broken', /there is no service db/);
    await unlink(service);
    is(await logsIn(), 'broken', /pg_service\.conf/);
    await deliver();
  });

  await t.test('a server that does not answer', async () => {
    await server.stop();
    is(await logsIn(), 'unknown', /could not ask: .*ECONNREFUSED/);
    is(await rule(orders), 'unknown', /could not ask/);
    await server.start();
  });
});

test('nothing delivered to a forbidden consumer holds a value of the object', async (t) => {
  const { fixture, folder, deliver, file } = await delivered(t, { token: 'token-of-the-orders', level: 'debug' });
  await fixture.put('payments/api/key', { key: 'k"y of payments & more', host: 'payments.example', flag: 'true' });
  const context = fixture.bench.context;
  const rule = (path: string, publicKeys?: Record<string, string[]>): Promise<Evidence> =>
    prove(context, 'rule', {
      rule: 'r',
      object: { secrets: { store: 'box', path, publicKeys } },
      subjects: [{ consumer: 'orders', directories: [folder] }],
    } satisfies RuleSpec);
  is(await rule('payments/**'), 'held', /none of 1 values of 1 entries in them/);
  is(await rule('apps/**'), 'broken', /orders holds token of box\/apps\/orders in .*\/token/);
  is(await rule('apps/orders'), 'broken', /token/);
  is(await rule('apps/*'), 'broken', /token/);
  is(await rule('nothing/**'), 'held', /0 values of 0 entries/);
  is(await rule('apps/**', { 'apps/orders': ['token'] }), 'held', /none of 0 values of 1 entries/);
  for (const text of [
    'key: k"y of payments & more',
    JSON.stringify({ key: 'k"y of payments & more' }),
    `postgresql://user:${encodeURIComponent('k"y of payments & more')}@host/db`,
    Buffer.from('k"y of payments & more, and what follows').toString('base64'),
  ]) {
    await t.test(`embedded: ${text.slice(0, 12)}`, async () => {
      await writeFile(await file('level'), text);
      is(await rule('payments/**'), 'broken', /orders holds key of box\/payments\/api\/key in .*\/level/);
      const now = dirname(await file('level'));
      await deliver();
      const { mend } = await rule('payments/**');
      assert.equal(mend, `only what was delivered before holds it: rm -r ${now}`);
      await rm(now, { recursive: true });
    });
  }
  is(await rule('payments/**'), 'held', /none of/);
});

async function relink(path: string, target: string): Promise<void> {
  await symlink(target, `${path}.new`);
  await rename(`${path}.new`, path);
}
