import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Inventory } from '../../../src/engine/inventory.ts';
import type { InventoryRecord } from '../../../src/engine/interfaces.ts';
import type { Home } from '../../../src/engine/home.ts';
import { ensureFingerprintKey, homePath, readFingerprintKey } from '../../../src/engine/home.ts';
import { digestOf } from '../../../src/model/digest.ts';
import { Failure } from '../../../src/model/failure.ts';
import type { ResourceId } from '../../../src/model/ids.ts';
import { Secret } from '../../../src/model/secret.ts';
import { openTestStore, testEnvironment, testFolder } from '../../support/engine-run.ts';

type Cleanable = Parameters<typeof testFolder>[0];

async function home(t: Cleanable): Promise<Home> {
  const store = await openTestStore(await testFolder(t));
  return { fleet: 'f', name: 'box', store };
}

function record(name: string, more: Partial<InventoryRecord> = {}): InventoryRecord {
  return { id: `site/a/thing/${name}` as ResourceId, kind: 'thing', state: 'present', ...more };
}

const many = Array.from({ length: 300 }, (_, index) => record(`t${index}`, { fingerprint: digestOf(index) }));
const codeOf = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

describe('the inventory', () => {
  it('holds what was put into it, in the next run too', async (t) => {
    const place = await home(t);
    const first = await Inventory.load(place, { key: 'k' });
    await first.commit({ put: [record('x', { outputs: { port: 1 } }), record('y')] });
    await first.commit({ remove: [record('y').id] });
    const second = await Inventory.load(place, { key: 'k' });
    assert.deepEqual([...second.records().values()], [record('x', { outputs: { port: 1 } })]);
    assert.deepEqual(second.versions(), first.versions());
  });

  it('writes changes of one moment together', async (t) => {
    const inventory = await Inventory.load(await home(t));
    await Promise.all(many.map((each) => inventory.commit({ put: [each] })));
    assert.equal(inventory.records().size, 300);
    assert.ok(inventory.writes <= 2, `${inventory.writes} writes`);
  });

  it('writes results together that come one after the other, and in their order with what is urgent', async (t) => {
    const place = await home(t);
    const inventory = await Inventory.load(place);
    const written: Promise<void>[] = [];
    for (const each of many) {
      written.push(inventory.record({ put: [each] }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    written.push(inventory.record({ put: [record('last', { version: 'old' })] }));
    await inventory.commit({ put: [record('last', { version: 'new' })] });
    await Promise.all(written);
    assert.ok(inventory.writes < many.length / 4, `${inventory.writes} writes`);
    const last = inventory.record({ remove: [record('t0').id] });
    inventory.flush();
    await last;
    const again = await Inventory.load(place);
    assert.equal(again.records().size, 300);
    assert.equal(again.get(record('last').id)?.version, 'new');
  });

  it('writes what may wait by itself, too', async (t) => {
    const place = await home(t);
    const inventory = await Inventory.load(place);
    await inventory.commit({ put: [record('x')] });
    await inventory.record({ put: [record('y')] });
    assert.equal((await Inventory.load(place)).records().size, 2);
  });

  it('splits a shard that grows too large, and finds everything again', async (t) => {
    const place = await home(t);
    const inventory = await Inventory.load(place, { maximumShard: 6000 });
    for (const batch of [many.slice(0, 100), many.slice(100)]) {
      await inventory.commit({ put: batch });
    }
    assert.ok(Object.keys(inventory.versions()).length > 2);
    const again = await Inventory.load(place, { maximumShard: 6000 });
    assert.equal(again.records().size, 300);
    assert.deepEqual(again.get(record('t7').id), many[7]);
    await again.commit({ remove: many.slice(1).map(({ id }) => id) });
    assert.equal((await Inventory.load(place)).records().size, 1);
  });

  it('is whole after a split that was killed halfway', async (t) => {
    const place = await home(t);
    await (await Inventory.load(place)).commit({ put: many });
    // What a killed split leaves: a child, and the parent as it was.
    const data = new Map([['records', new Secret('half a child')]]);
    await place.store.write({ path: homePath(place, 'inventory', '0'), data });
    const next = await Inventory.load(place, { maximumShard: 6000 });
    assert.equal(next.records().size, 300);
    await next.commit({ put: [record('last')] });
    assert.equal((await Inventory.load(place)).records().size, 301);
  });

  it('is not overwritten by a run that does not know the last write', async (t) => {
    const place = await home(t);
    const [one, two] = [await Inventory.load(place), await Inventory.load(place)];
    await one.commit({ put: [record('one')] });
    await assert.rejects(two.commit({ put: [record('two')] }), codeOf('inventory-changed'));
    assert.deepEqual([...(await Inventory.load(place)).records().keys()], [record('one').id]);
  });

  it('names a shard that cannot be read', async (t) => {
    const place = await home(t);
    const path = homePath(place, 'inventory', 'root');
    await place.store.write({ path, data: new Map([['records', new Secret('nonsense')]]) });
    await assert.rejects(Inventory.load(place), (error: unknown) => {
      return codeOf('inventory-damaged')(error) && (error as Failure).message.includes(path);
    });
  });

  it('of another fleet is not taken for ours', async (t) => {
    const place = await home(t);
    await (await Inventory.load(place)).commit({ put: [record('x')] });
    const ours = await place.store.read(homePath(place, 'inventory', 'root'));
    assert.ok(ours.state === 'present');
    const other = { ...place, fleet: 'g' };
    await place.store.write({ path: homePath(other, 'inventory', 'root'), data: ours.seen.data });
    await assert.rejects(Inventory.load(other), codeOf('inventory-damaged'));
  });

  it('forgets fingerprints that were made with a lost key, and nothing else', async (t) => {
    const place = await home(t);
    await (
      await Inventory.load(place, { key: 'old' })
    ).commit({ put: [record('x', { fingerprint: 'f', version: '3' })] });
    const next = await Inventory.load(place, { key: 'new' });
    assert.equal(next.forgotten, 1);
    assert.deepEqual(next.get(record('x').id), record('x', { fingerprint: undefined, version: '3' }));
  });
});

describe('the fingerprint key', () => {
  it('is made once, also by two at the same moment', async (t) => {
    const place = await home(t);
    assert.equal(await readFingerprintKey(place), undefined);
    const [one, two] = await Promise.all([
      ensureFingerprintKey(place, testEnvironment),
      ensureFingerprintKey(place, testEnvironment),
    ]);
    assert.ok(one.equals(two));
    assert.ok((await readFingerprintKey(place))?.equals(one));
  });

  it('that is damaged is an error, not a new key', async (t) => {
    const place = await home(t);
    await place.store.write({
      path: homePath(place, 'fingerprint-key'),
      data: new Map([['key', new Secret('short')]]),
    });
    await assert.rejects(ensureFingerprintKey(place, testEnvironment), codeOf('fingerprint-key-damaged'));
  });
});
