import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import { Secret } from '../../../src/model/secret.ts';
import { secretKind } from '../../../src/targets/store/secret.ts';
import type { KeySource, SecretSpec } from '../../../src/targets/store/secret.spec.ts';
import { resource } from '../../support/kinds.ts';
import { putByHand, storeBench, valuesOf } from '../../support/store-bench.ts';

const allow = [{ rule: 'adopt-existing', reason: 'a test' }];

function idOf(path: string, store = 'box'): ResourceId {
  return resourceId(targetId('store', store), 'secret', path);
}

function secret(path: string, keys: Readonly<Record<string, KeySource>>, extra: Parameters<typeof resource>[2] = {}) {
  return resource<SecretSpec>(idOf(path), { store: 'box', path, keys }, extra);
}

const app = secret('apps/orders', {
  password: { generate: { password: 24 } },
  host: { value: 'db.example' },
  url: { template: 'postgresql://app:{password}@{host}/orders' },
});

test('an entry is made once, whole, and a second apply changes nothing', async (t) => {
  const { bench, box } = await storeBench(t);
  const [change] = await bench.mustApply(secretKind, box, [app]);
  assert.equal(change?.action, 'create');
  assert.ok(!JSON.stringify(change).includes((await valuesOf(box, 'apps/orders')).password as string));
  const first = await valuesOf(box, 'apps/orders');
  assert.equal(first.password?.length, 24);
  assert.equal(first.url, `postgresql://app:${encodeURIComponent(first.password ?? '')}@db.example/orders`);
  const info = (await box.list('apps/orders'))[0];
  assert.equal(info?.metadata.keywright, `fleet=test id=${app.id}`);
  assert.equal(bench.records.get(app.id)?.outputs?.version, info?.version);

  assert.deepEqual(await bench.mustApply(secretKind, box, [app]), []);
  assert.deepEqual(await valuesOf(box, 'apps/orders'), first);
  assert.equal((await box.list('apps/orders'))[0]?.version, info?.version);
});

test('nothing is planned, and no value read, when version and record agree', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  const reads: string[][] = [];
  const watched = new Proxy(box, {
    get(store, name) {
      const member = Reflect.get(store, name) as unknown;
      if (name === 'readMany') {
        return (paths: string[]) => {
          reads.push(paths);
          return store.readMany(paths);
        };
      }
      return typeof member === 'function' ? member.bind(store) : member;
    },
  });
  assert.deepEqual(
    (await bench.plan(secretKind, watched, [app])).map(({ action }) => action),
    ['none'],
  );
  assert.deepEqual(reads.flat(), []);
});

test('a lost inventory finds the entry as it is and makes nothing anew', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  const before = await valuesOf(box, 'apps/orders');
  bench.records.clear();
  assert.deepEqual(
    (await bench.plan(secretKind, box, [app])).map(({ action }) => action),
    ['none'],
  );
  await bench.mustApply(secretKind, box, [app]);
  assert.deepEqual(await valuesOf(box, 'apps/orders'), before);
});

test('a key that is declared later is added, the others stay', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  const before = await valuesOf(box, 'apps/orders');
  const more = secret('apps/orders', { ...app.spec.keys, token: { generate: { hex: 16 } } });
  const [change] = await bench.mustApply(secretKind, box, [more]);
  assert.equal(change?.action, 'update');
  assert.deepEqual(change?.fields, [{ field: 'token', note: 'generated, hex 16' }]);
  const after = await valuesOf(box, 'apps/orders');
  assert.deepEqual({ ...after, token: undefined }, { ...before, token: undefined });
  assert.match(after.token ?? '', /^[0-9a-f]{32}$/);
});

test('another generator for a key that is there keeps its value', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  const before = await valuesOf(box, 'apps/orders');
  const longer = secret('apps/orders', { ...app.spec.keys, password: { generate: { hex: 64 } } });
  await bench.mustApply(secretKind, box, [longer]);
  assert.deepEqual(await valuesOf(box, 'apps/orders'), before);
  assert.deepEqual(await bench.mustApply(secretKind, box, [longer]), []);
});

test('a generated value put by hand is accepted as the current one, and what stands on it follows', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  await putByHand(box, 'apps/orders', { password: 'by/hand' });
  const [change] = await bench.mustApply(secretKind, box, [app]);
  assert.equal(change?.action, 'update');
  const after = await valuesOf(box, 'apps/orders');
  assert.equal(after.password, 'by/hand');
  assert.equal(after.url, 'postgresql://app:by%2Fhand@db.example/orders');
  assert.equal(bench.records.get(app.id)?.outputs?.version, (await box.list('apps/orders'))[0]?.version);
  assert.deepEqual(await bench.mustApply(secretKind, box, [app]), []);
});

test('a value put by hand with nothing standing on it is accepted without a new version', async (t) => {
  const { bench, box } = await storeBench(t);
  const plain = secret('apps/plain', { token: { generate: { hex: 8 } } });
  await bench.mustApply(secretKind, box, [plain]);
  const version = await putByHand(box, 'apps/plain', { token: 'mine' });
  const [change] = await bench.mustApply(secretKind, box, [plain]);
  assert.equal(change?.reason, 'accepts the value put by hand');
  assert.equal(bench.records.get(plain.id)?.outputs?.version, version);
  assert.deepEqual(await valuesOf(box, 'apps/plain'), { token: 'mine' });
  assert.deepEqual(await bench.mustApply(secretKind, box, [plain]), []);
});

test('declared and put-together values that were changed by hand go back', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  const before = await valuesOf(box, 'apps/orders');
  await putByHand(box, 'apps/orders', { host: 'evil.example', url: 'x' });
  const [change] = await bench.mustApply(secretKind, box, [app]);
  assert.deepEqual(
    change?.fields
      .map(({ field }) => field)
      .slice(0, 2)
      .sort(),
    ['host', 'url'],
  );
  assert.deepEqual(await valuesOf(box, 'apps/orders'), before);
});

test('a key that was removed by hand comes back; a generated one with a new value', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  await putByHand(box, 'apps/orders', { host: undefined, password: undefined });
  await bench.mustApply(secretKind, box, [app]);
  const after = await valuesOf(box, 'apps/orders');
  assert.equal(after.host, 'db.example');
  assert.equal(after.password?.length, 24);
  assert.ok(after.url?.includes(encodeURIComponent(after.password ?? '-')));
});

test('an entry that was deleted by hand is brought back with its values', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  const before = await valuesOf(box, 'apps/orders');
  await box.delete('apps/orders');
  const [change] = await bench.mustApply(secretKind, box, [app]);
  assert.match(change?.reason ?? '', /deleted by hand/);
  assert.deepEqual(await valuesOf(box, 'apps/orders'), before);
  assert.deepEqual(await bench.mustApply(secretKind, box, [app]), []);
});

test('an entry whose value was destroyed by hand is made anew, and its neighbours are not held up', async (t) => {
  const { bench, box } = await storeBench(t);
  const other = secret('apps/other', { token: { generate: { hex: 16 } } });
  await bench.mustApply(secretKind, box, [app, other]);
  const before = await valuesOf(box, 'apps/orders');
  for (const { path, version } of await box.list('apps')) {
    await box.destroyVersion(path, version);
  }
  const imported = secret('apps/other', { token: { import: {} } });
  const [refused] = await bench.plan(secretKind, box, [imported]);
  assert.equal(refused?.refusal?.code, 'import-missing', 'an imported value is never invented');
  const changes = await bench.mustApply(secretKind, box, [app, other]);
  assert.deepEqual(
    changes.map(({ reason }) => reason),
    ['was destroyed by hand; it is made anew', 'was destroyed by hand; it is made anew'],
  );
  assert.notEqual((await valuesOf(box, 'apps/orders')).password, before.password);
  assert.deepEqual(await bench.mustApply(secretKind, box, [app, other]), []);
});

test('a derived key that is no longer declared goes; a generated one stays', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [app]);
  const { password } = await valuesOf(box, 'apps/orders');
  const fewer = secret('apps/orders', { host: { value: 'db.example' } });
  const [change] = await bench.mustApply(secretKind, box, [fewer]);
  assert.deepEqual(
    change?.fields.map(({ field, note }) => [field, note]),
    [
      ['url', 'no longer declared; it can be made again'],
      ['password', 'no longer declared; its value is kept'],
    ],
  );
  assert.deepEqual(await valuesOf(box, 'apps/orders'), { host: 'db.example', password });
  assert.deepEqual(await bench.mustApply(secretKind, box, [fewer]), []);
});

test('a public value that becomes a generated secret is made, not kept', async (t) => {
  const { bench, box } = await storeBench(t);
  await bench.mustApply(secretKind, box, [secret('a', { token: { value: 'changeme' } })]);
  const generated = secret('a', { token: { generate: { hex: 16 } } });
  await bench.mustApply(secretKind, box, [generated]);
  const { token } = await valuesOf(box, 'a');
  assert.match(token ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual(await bench.mustApply(secretKind, box, [generated]), []);
  assert.deepEqual((await valuesOf(box, 'a')).token, token);
});

test('imports are read once, at creation: the variable first, then the file', async (t) => {
  const { bench, box } = await storeBench(t);
  await writeFile(`${bench.folder}/key.txt`, 'from-file\n');
  const imported = secret('imports', {
    env: { import: { env: 'THE_KEY', file: 'key.txt' } },
    file: { import: { file: 'key.txt' } },
  });
  bench.variables.THE_KEY = 'from-env';
  await bench.mustApply(secretKind, box, [imported]);
  assert.deepEqual(await valuesOf(box, 'imports'), { env: 'from-env', file: 'from-file' });
  bench.variables.THE_KEY = 'another';
  await writeFile(`${bench.folder}/key.txt`, 'another');
  assert.deepEqual(await bench.mustApply(secretKind, box, [imported]), []);
  delete bench.variables.THE_KEY;
  assert.deepEqual((await valuesOf(box, 'imports')).env, 'from-env');
});

test('what cannot be imported is refused with what was found and the command that puts it', async (t) => {
  const { bench, box } = await storeBench(t);
  await writeFile(`${bench.folder}/binary`, Buffer.from([0xff, 0xfe]));
  await mkdir(`${bench.folder}/folder`);
  await writeFile(`${bench.folder}/empty`, '\n');
  for (const [source, found] of [
    [{ env: 'NOT_SET' }, /variable NOT_SET is not set/],
    [{ file: 'missing.txt' }, /file .*missing\.txt is not there/],
    [{ file: 'binary' }, /binary is not UTF-8/],
    [{ file: 'folder' }, /folder cannot be read/],
    [{ file: 'empty' }, /empty is empty/],
    [{}, /put by hand/],
  ] as const) {
    const [change] = await bench.plan(secretKind, box, [secret('imports', { key: { import: source } })]);
    assert.equal(change?.action, 'refused');
    assert.match(change?.reason ?? '', found);
    assert.deepEqual(change?.refusal, { code: 'import-missing', remedy: 'keywright secret put box/imports --key key' });
  }
});

test('an import that was put by hand before the first apply needs no source and no leave', async (t) => {
  const { bench, box } = await storeBench(t);
  const imported = secret('imports', { key: { import: {} }, url: { template: 'x://{key}' } });
  await putByHand(box, 'imports', { key: 'put' });
  const [change] = await bench.mustApply(secretKind, box, [imported]);
  assert.equal(change?.reason, 'takes up what was put by hand');
  assert.deepEqual(await valuesOf(box, 'imports'), { key: 'put', url: 'x://put' });
});

test('an entry of another fleet is refused with both names, and never written', async (t) => {
  const { bench, box } = await storeBench(t);
  await box.write({
    path: 'apps/orders',
    data: new Map([['password', new Secret('theirs')]]),
    metadata: { keywright: 'fleet=other id=store/x/secret/y' },
  });
  for (const each of [app, { ...app, allow }]) {
    const [change] = await bench.plan(secretKind, box, [each]);
    assert.equal(change?.action, 'refused');
    assert.match(change?.reason ?? '', /apps\/orders belongs to fleet other/);
  }
  assert.deepEqual(await valuesOf(box, 'apps/orders'), { password: 'theirs' });
});

test('an unmarked entry is refused, and taken over with its values when that is allowed', async (t) => {
  const { bench, box } = await storeBench(t);
  await box.write({
    path: 'apps/orders',
    data: new Map([['password', new Secret('old')]]),
    metadata: { owner: 'somebody' },
  });
  const [refused] = await bench.plan(secretKind, box, [app]);
  assert.equal(refused?.refusal?.code, 'adopt-existing');
  const adopting = { ...app, allow };
  const [change] = await bench.mustApply(secretKind, box, [adopting]);
  assert.equal(change?.action, 'adopt');
  assert.deepEqual(await valuesOf(box, 'apps/orders'), {
    password: 'old',
    host: 'db.example',
    url: 'postgresql://app:old@db.example/orders',
  });
  assert.equal((await box.list('apps/orders'))[0]?.metadata.owner, 'somebody');
  assert.deepEqual(await bench.mustApply(secretKind, box, [adopting]), []);
});

test('an entry that another kind of this fleet holds is refused', async (t) => {
  const { bench, box } = await storeBench(t);
  await box.write({
    path: 'apps/orders',
    data: new Map([['tls.crt', new Secret('x')]]),
    metadata: { keywright: 'fleet=test id=authority/local/certificate/orders' },
  });
  const [change] = await bench.plan(secretKind, box, [app]);
  assert.equal(change?.refusal?.code, 'path-taken');
});

test('leaving the fleet lifts the mark and keeps the values; coming back takes them up again', async (t) => {
  const { bench, box } = await storeBench(t);
  const other = secret('apps/other', { a: { value: 'x' } });
  await bench.mustApply(secretKind, box, [app, other]);
  const before = await valuesOf(box, 'apps/orders');
  const [change] = await bench.mustApply(secretKind, box, [other]);
  assert.equal(change?.action, 'retain');
  assert.deepEqual((await box.list('apps/orders'))[0]?.metadata, {});
  assert.deepEqual(await valuesOf(box, 'apps/orders'), before);
  assert.equal(bench.records.get(app.id)?.state, 'retained');

  const [again] = await bench.mustApply(secretKind, box, [app, other]);
  assert.equal(again?.action, 'adopt');
  assert.deepEqual(await valuesOf(box, 'apps/orders'), before);
});

test('with reclaimPolicy delete the entry goes for good, and one that is not ours any more stays', async (t) => {
  const { bench, box } = await storeBench(t);
  const one = secret('one', { a: { value: 'x' } }, { reclaimPolicy: 'delete' });
  const two = secret('two', { a: { value: 'x' } }, { reclaimPolicy: 'delete' });
  const rest = secret('rest', { a: { value: 'x' } });
  await bench.mustApply(secretKind, box, [one, two, rest]);
  await box.writeMetadata('two', { keywright: 'fleet=other id=store/box/secret/two' });
  const changes = await bench.mustApply(secretKind, box, [rest]);
  assert.deepEqual(
    changes.map(({ id, action }) => [id, action]),
    [[one.id, 'remove']],
  );
  assert.deepEqual(
    (await box.list('')).map(({ path }) => path).filter((path) => !path.startsWith('keywright')),
    ['rest', 'two'],
  );
});

test('a copy follows the entry that it is taken from, also from another store', async (t) => {
  const { bench, box } = await storeBench(t);
  const vault = await bench.open('vault');
  const source = resource<SecretSpec>(idOf('logins/a', 'vault'), {
    store: 'vault',
    path: 'logins/a',
    keys: { password: { generate: { hex: 8 } } },
  });
  await bench.mustApply(secretKind, vault, [source]);
  const copy = secret('db', {
    password: {
      copy: { store: 'vault', path: 'logins/a', key: 'password', version: { from: source.id, output: 'version' } },
    },
    uri: { template: 'postgresql://a:{password}@h/' },
  });
  await bench.mustApply(secretKind, box, [copy]);
  const first = await valuesOf(vault, 'logins/a');
  assert.equal((await valuesOf(box, 'db')).password, first.password);

  await putByHand(vault, 'logins/a', { password: 'changed' });
  await bench.mustApply(secretKind, vault, [source]);
  const [change] = await bench.mustApply(secretKind, box, [copy]);
  assert.equal(change?.action, 'update');
  assert.deepEqual(await valuesOf(box, 'db'), { password: 'changed', uri: 'postgresql://a:changed@h/' });
  await putByHand(box, 'db', { password: 'tampered' });
  await bench.mustApply(secretKind, box, [copy]);
  assert.equal((await valuesOf(box, 'db')).password, 'changed');
  assert.deepEqual(await bench.mustApply(secretKind, box, [copy]), []);
});

test('a template that cannot be put together fails alone and says why, without a value', async (t) => {
  const { bench, box } = await storeBench(t);
  const bad = secret('bad', { a: { template: '{b}' }, b: { template: '{a}' } });
  const results = await bench.apply(secretKind, box, [bad, app]);
  const failed = results.get(bad.id)?.applied;
  assert.equal(failed?.outcome, 'failed');
  assert.match(failed?.outcome === 'failed' ? failed.error.message : '', /stands for itself: a → b → a/);
  assert.equal(results.get(app.id)?.applied.outcome, 'done');
});

test('two that make the same entry at once end up with one value', async (t) => {
  const { bench, box } = await storeBench(t);
  const results = await Promise.all(Array.from({ length: 4 }, () => bench.apply(secretKind, box, [app])));
  assert.ok(results.every((result) => result.get(app.id)?.applied.outcome === 'done'));
  const versions = new Set(
    results.map((result) => {
      const applied = result.get(app.id)?.applied;
      return applied?.outcome === 'done' ? applied.record?.version : undefined;
    }),
  );
  assert.equal(versions.size, 1);
});

test('a thousand entries are written in one go and planned without a read', async (t) => {
  const { bench, box } = await storeBench(t);
  const many = Array.from({ length: 1000 }, (_, index) =>
    secret(`bulk/${index}`, { password: { generate: { password: 20 } }, url: { template: 'x://{password}' } }),
  );
  await bench.mustApply(secretKind, box, many);
  assert.equal((await box.list('bulk')).length, 1000);
  assert.deepEqual(await bench.mustApply(secretKind, box, many), []);
});
