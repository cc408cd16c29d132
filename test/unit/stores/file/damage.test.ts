import assert from 'node:assert/strict';
import { copyFile, cp, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Encrypter } from 'age-encryption';
import { Failure } from '../../../../src/model/failure.ts';
import { openFileStore } from '../../../../src/stores/file/open.ts';
import { shardFileName, shardOf } from '../../../../src/stores/file/placement.ts';
import type { SecretBackend } from '../../../../src/stores/backend.ts';
import { entry, present, values } from '../../../servers/stores/contract.ts';
import { openStore, realEnvironment, storePlace } from '../../../support/file-store.ts';
import type { StorePlace } from '../../../support/file-store.ts';

/** Entries over several shards, one of which is then damaged. */
const paths = Array.from({ length: 60 }, (_, at) => `apps/service-${at}/password`);

describe('a damaged shard', () => {
  test('that is missing is named, and the rest stays readable and writable', async (t) => {
    const { place, victim } = await filled(t);
    await rm(shardPath(place, victim));
    await onlyVictimFails(place, victim, 'store-shard-missing', /is missing/);
  });

  test('that is empty is named', async (t) => {
    const { place, victim } = await filled(t);
    await truncate(shardPath(place, victim), 0);
    await onlyVictimFails(place, victim, 'store-shard-damaged', /is empty/);
  });

  test('that was cut short is named, wherever it was cut', async (t) => {
    const { place, victim } = await filled(t);
    const whole = await readFile(shardPath(place, victim));
    for (const length of [1, 20, 100, 200, 300, whole.length - 1]) {
      await writeFile(shardPath(place, victim), whole.subarray(0, length));
      await onlyVictimFails(place, victim, 'store-shard-damaged', /cut short or changed/);
    }
  });

  test('in which one bit was changed is named', async (t) => {
    const { place, victim } = await filled(t);
    const whole = await readFile(shardPath(place, victim));
    const changed = Buffer.from(whole);
    changed[whole.length - 20]! ^= 1;
    await writeFile(shardPath(place, victim), changed);
    await onlyVictimFails(place, victim, 'store-shard-damaged', /cut short or changed/);
  });

  test('that holds another shard of the store is named', async (t) => {
    const { place, victim, shards } = await filled(t);
    const other = (victim + 1) % shards;
    const [a, b] = [shardPath(place, victim), shardPath(place, other)];
    await rename(a, `${a}.aside`);
    await rename(b, a);
    await rename(`${a}.aside`, b);
    await failsAt(place, victim, 'store-shard-swapped', /two files were exchanged/);
    await failsAt(place, other, 'store-shard-swapped', /two files were exchanged/);
    const session = await openStore(place);
    for (const path of paths.filter((each) => ![victim, other].includes(shardOf(each, shards)))) {
      await present(session, path);
    }
  });

  test('that is of another store is named', async (t) => {
    const { place, victim } = await filled(t);
    const other = await filled(t);
    await copyFile(shardPath(other.place, victim), shardPath(place, victim));
    await onlyVictimFails(place, victim, 'store-shard-foreign', /belongs to another store/);
  });

  test('that is an old copy is named', async (t) => {
    const { place, victim, shards } = await filled(t);
    const old = await readFile(shardPath(place, victim));
    const session = await openStore(place);
    const path = paths.find((each) => shardOf(each, shards) === victim) ?? '';
    await session.write(entry(path, { k: 'rotated' }));
    await writeFile(shardPath(place, victim), old);
    await onlyVictimFails(place, victim, 'store-shard-rolled-back', /old copy/);
  });

  test('that was encrypted for the store by somebody without its key is named', async (t) => {
    const { place, victim } = await filled(t);
    const encrypter = new Encrypter();
    const head = JSON.parse(await readFile(join(place.folder, 'store.json'), 'utf8')) as Head;
    head.recipients.forEach((recipient) => encrypter.addRecipient(recipient));
    const header = { format: 'keywright-shard/1', store: head.id, shard: victim, shards: head.shards, counter: 99 };
    const forged = `${JSON.stringify({ ...header, seal: 'f'.repeat(64) })}\n{}\n`;
    await writeFile(shardPath(place, victim), await encrypter.encrypt(forged));
    await onlyVictimFails(place, victim, 'store-shard-damaged', /changed after it was written/);
  });

  test('is noticed by a session that has read it before', async (t) => {
    const { place, victim, shards } = await filled(t);
    const session = await openStore(place);
    const path = paths.find((each) => shardOf(each, shards) === victim) ?? '';
    await present(session, path);
    await truncate(shardPath(place, victim), 100);
    await assert.rejects(session.read(path), Failure);
  });

  test('stops listing, because a part would look like the whole', async (t) => {
    const { place, victim } = await filled(t);
    await truncate(shardPath(place, victim), 100);
    const session = await openStore(place);
    await assert.rejects(session.list(''), (error: Failure) => error.code === 'store-shard-damaged');
  });

  test('is not written over, and can be put back', async (t) => {
    const { place, victim, shards } = await filled(t);
    const whole = await readFile(shardPath(place, victim));
    await truncate(shardPath(place, victim), 100);
    const session = await openStore(place);
    const path = paths.find((each) => shardOf(each, shards) === victim) ?? '';
    for (const attempt of [
      () => session.write(entry(path, { k: 'new' })),
      () => session.write(entry(path, { k: 'new' }, { expect: 'absent' })),
      () => session.destroy(path),
      () => session.delete(path),
    ]) {
      await assert.rejects(attempt(), (error: Failure) => error.code === 'store-shard-damaged');
    }
    assert.equal((await readFile(shardPath(place, victim))).length, 100);
    await writeFile(shardPath(place, victim), whole);
    assert.deepEqual(values(await present(session, path)), { k: valueOf(path) });
  });

  test('does not stop writes to large shards: the store then grows later', async (t) => {
    const { place, victim, shards } = await filled(t);
    const whole = await readFile(shardPath(place, victim));
    await truncate(shardPath(place, victim), 100);
    const session = await openStore(place);
    const large = Array.from({ length: 400 }, (_, at) => `large/${at}`).filter(
      (path) => shardOf(path, shards) !== victim,
    );
    const results = await session.writeMany(large.map((path) => entry(path, { k: 'x'.repeat(2_000) })));
    assert.ok([...results.values()].every((result) => !(result instanceof Error)));
    assert.equal((await head(place)).shards, shards);
    await writeFile(shardPath(place, victim), whole);
    await session.write(entry(large[0] ?? '', { k: 'again' }));
    assert.ok((await head(place)).shards > shards);
    for (const path of paths) {
      assert.deepEqual(values(await present(session, path)), { k: valueOf(path) });
    }
  });
});

describe('a damaged store.json', () => {
  test('is named, whatever is wrong with it', async (t) => {
    const { place } = await filled(t);
    const path = join(place.folder, 'store.json');
    const whole = await readFile(path, 'utf8');
    const fields = JSON.parse(whole) as Head;
    const cases: readonly (readonly [string, string, string])[] = [
      ['empty', '', 'store-head-damaged'],
      ['cut short', whole.slice(0, 50), 'store-head-damaged'],
      ['not an object', '[]', 'store-head-damaged'],
      ['another format', JSON.stringify({ ...fields, format: 'x' }), 'store-head-damaged'],
      ['a newer format', JSON.stringify({ ...fields, format: 'keywright-file-store/2' }), 'store-newer'],
      ['counters missing', JSON.stringify({ ...fields, counters: [1] }), 'store-head-damaged'],
      [
        'a counter turned back',
        JSON.stringify({ ...fields, counters: fields.counters.map(() => 1) }),
        'store-head-tampered',
      ],
      [
        'a recipient added',
        JSON.stringify({ ...fields, recipients: [...fields.recipients, 'age1x'] }),
        'store-head-tampered',
      ],
      ['another id', JSON.stringify({ ...fields, id: 'f'.repeat(32) }), 'store-head-tampered'],
      ['another recipient', JSON.stringify({ ...fields, recipients: ['age1x'] }), 'store-wrong-identity'],
    ];
    for (const [what, text, code] of cases) {
      await writeFile(path, text);
      await assert.rejects(open(place), (error: Failure) => error.code === code, what);
    }
    await writeFile(path, JSON.stringify(fields, null, 4));
    assert.equal((await open(place)).state, 'present', 'white space does not matter');
  });

  test('that knows fewer shards than there are is named, and no shard is lost', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    await session.write(entry('first', { k: 'v' }));
    const old = await readFile(join(place.folder, 'store.json'));
    await session.writeMany(paths.map((path) => entry(path, { k: valueOf(path) })));
    const grown = await readFile(join(place.folder, 'store.json'));
    const names = await readdir(join(place.folder, 'shards'));
    await writeFile(join(place.folder, 'store.json'), old);
    const again = await openStore(place);
    for (const attempt of [
      () => again.read('first'),
      () => again.list(''),
      () => again.write(entry('first', { k: 'w' })),
    ]) {
      await assert.rejects(attempt(), (error: Failure) => error.code === 'store-head-rolled-back');
    }
    assert.deepEqual(await readdir(join(place.folder, 'shards')), names);
    await writeFile(join(place.folder, 'store.json'), grown);
    assert.equal((await again.list('')).length, paths.length + 1);
  });

  test('put back with its shards from one backup is a sound store, as new as the backup', async (t) => {
    const { place } = await filled(t);
    await cp(place.folder, `${place.folder}.backup`, { recursive: true });
    const session = await openStore(place);
    const path = paths[0] ?? '';
    await session.write(entry(path, { k: 'later' }));
    await rm(place.folder, { recursive: true });
    await rename(`${place.folder}.backup`, place.folder);
    assert.deepEqual(values(await present(session, path)), { k: valueOf(path) });
  });
});

interface Head {
  readonly id: string;
  readonly shards: number;
  readonly counters: readonly number[];
  readonly recipients: readonly string[];
}

async function filled(t: TestContext): Promise<{ place: StorePlace; victim: number; shards: number }> {
  const place = await storePlace(t);
  const session = await openStore(place);
  await session.writeMany(paths.map((path) => entry(path, { k: valueOf(path) })));
  await session.close();
  const { shards } = await head(place);
  assert.ok(shards >= 4, `${shards} shards`);
  return { place, victim: 2, shards };
}

function valueOf(path: string): string {
  return `value of ${path}`.repeat(100);
}

function shardPath({ folder }: StorePlace, index: number): string {
  return join(folder, 'shards', shardFileName(index));
}

async function head({ folder }: StorePlace): Promise<Head> {
  return JSON.parse(await readFile(join(folder, 'store.json'), 'utf8')) as Head;
}

function open(place: StorePlace): ReturnType<typeof openFileStore> {
  return openFileStore({ ...place, name: 'box', mayCreate: true, environment: realEnvironment });
}

async function failsAt(place: StorePlace, index: number, code: string, message: RegExp): Promise<void> {
  const { shards } = await head(place);
  const session: SecretBackend = await openStore(place);
  const path = paths.find((each) => shardOf(each, shards) === index) ?? '';
  await assert.rejects(session.read(path), (error: Failure) => {
    assert.ok(error instanceof Failure, error);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.ok(error.message.includes(shardFileName(index)), error.message);
    assert.ok(error.message.includes('store box'));
    assert.ok(!`${error.stack}${JSON.stringify(error.details)}`.includes('value of'));
    return true;
  });
}

async function onlyVictimFails(place: StorePlace, victim: number, code: string, message: RegExp): Promise<void> {
  await failsAt(place, victim, code, message);
  const { shards } = await head(place);
  const session = await openStore(place);
  const answers = await session.readMany(paths);
  const results = await session.writeMany(paths.map((path) => entry(`${path}/more`, { k: 'v' })));
  for (const path of paths) {
    const answer = answers.get(path);
    if (shardOf(path, shards) === victim) {
      assert.equal(answer?.state, 'couldNotAsk', path);
    } else {
      assert.equal(answer?.state, 'present', path);
    }
    const result = results.get(`${path}/more`);
    assert.equal(result instanceof Failure, shardOf(`${path}/more`, shards) === victim, path);
  }
  const { shards: after } = await head(place);
  assert.equal(after, shards);
}
