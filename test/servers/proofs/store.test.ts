import assert from 'node:assert/strict';
import { chmod, readdir, rename, rm, writeFile } from 'node:fs/promises';
import test from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import { Secret } from '../../../src/model/secret.ts';
import { prove } from '../../support/proof-bench.ts';
import { storeBench } from '../../support/store-bench.ts';

function is(evidence: Evidence, verdict: Evidence['verdict'], seen: RegExp): void {
  assert.equal(evidence.verdict, verdict, evidence.seen);
  assert.match(evidence.seen, seen);
}

test('a file store is sealed, until something plain lies in it or its key is open', async (t) => {
  const { bench, box } = await storeBench(t);
  const folder = `${bench.folder}/box`;
  const key = `${bench.folder}/.keywright/box.txt`;
  await box.write({ path: 'apps/orders', data: new Map([['token', new Secret('token-of-orders')]]) });
  const sealed = (): Promise<Evidence> =>
    prove(bench.context, 'store-sealed', { folder: 'box', identityFile: '.keywright/box.txt' });
  is(await sealed(), 'held', /\d+ encrypted files in box; key \.keywright\/box\.txt 0600/);

  await t.test('a plain file', async () => {
    await writeFile(`${folder}/shards/notes.txt`, 'token-of-orders');
    const evidence = await sealed();
    is(evidence, 'broken', /not encrypted: shards\/notes\.txt/);
    assert.ok(!JSON.stringify(evidence).includes('token-of-orders'));
    await rm(`${folder}/shards/notes.txt`);
  });

  await t.test('a shard that was written in the clear', async () => {
    const [shard] = (await readdir(`${folder}/shards`)).filter((name) => name.endsWith('.age'));
    const path = `${folder}/shards/${shard}`;
    await rename(path, `${bench.folder}/aside`);
    await writeFile(path, '{"apps/orders":"token-of-orders"}');
    is(await sealed(), 'broken', new RegExp(`not encrypted: shards/${shard}`));
    await rename(`${bench.folder}/aside`, path);
    is(await sealed(), 'held', /encrypted/);
  });

  await t.test('a key that others may read, or that is gone', async () => {
    await chmod(key, 0o644);
    const evidence = await sealed();
    is(evidence, 'broken', /mode 0644: others may read it/);
    assert.equal(evidence.mend, 'chmod 600 .keywright/box.txt');
    await chmod(key, 0o600);
    await rename(key, `${key}.aside`);
    is(await sealed(), 'broken', /its key \.keywright\/box\.txt is not there/);
    await rename(`${key}.aside`, key);
  });

  await t.test('no folder at all', async () => {
    const spec = { folder: 'elsewhere', identityFile: '.keywright/box.txt' };
    is(await prove(bench.context, 'store-sealed', spec), 'broken', /there is no folder elsewhere/);
  });
});

test('an entry is complete when every declared key has a value', async (t) => {
  const { bench, box } = await storeBench(t);
  const entry = { store: 'box', path: 'apps/orders' };
  const complete = (): Promise<Evidence> =>
    prove(bench.context, 'entry-complete', { entry, keys: ['token', 'level', 'key'] });
  is(await complete(), 'broken', /box\/apps\/orders is not there/);
  const write = (...pairs: [string, string][]): Promise<unknown> =>
    box.write({ path: entry.path, data: new Map(pairs.map(([key, value]) => [key, new Secret(value)])) });
  await write(['token', 'value-of-token'], ['level', '']);
  const evidence = await complete();
  is(evidence, 'broken', /box\/apps\/orders: no key; level empty/);
  assert.ok(!JSON.stringify(evidence).includes('value-of-token'));
  await write(['token', 'value'], ['level', 'debug'], ['key', 'k'], ['more', 'm']);
  is(await complete(), 'held', /box\/apps\/orders holds token, level, key/);
  await box.delete(entry.path);
  is(await complete(), 'broken', /is not there/);
  await writeFile(`${bench.folder}/box/shards/00.age`, 'damaged');
  is(await complete(), 'unknown', /could not ask/);
});
