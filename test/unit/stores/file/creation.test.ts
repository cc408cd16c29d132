import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Failure } from '../../../../src/model/failure.ts';
import { openFileStore } from '../../../../src/stores/file/open.ts';
import { entry, present, values } from '../../../servers/stores/contract.ts';
import { openStore, realEnvironment, storePlace } from '../../../support/file-store.ts';
import type { StorePlace } from '../../../support/file-store.ts';

describe('making a file store', () => {
  test('store and key are made only when both are absent and they may be made', async (t) => {
    const place = await storePlace(t);
    const refused = await openFileStore({ ...place, name: 'box', mayCreate: false, environment: realEnvironment });
    assert.deepEqual(refused, { state: 'notYet', why: 'store box is still to be made', exists: false });
    assert.deepEqual(await readdir(place.root), []);
    const made = await openStore(place);
    assert.equal(made.created, true);
    const again = await openStore(place, { mayCreate: false });
    assert.equal(again.created, false);
    assert.equal(await again.identity(), await made.identity());
  });

  test('only the owner may read what is made, whatever the umask', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    await session.write(entry('a', { k: 'v' }));
    for (const file of [place.identityFile, join(place.folder, 'store.json'), join(place.folder, 'shards/00.age')]) {
      assert.equal((await stat(file)).mode & 0o777, 0o600, file);
    }
    assert.equal((await stat(join(place.folder, 'lock'))).mode & 0o777, 0o600);
    for (const folder of [place.folder, join(place.folder, 'shards'), dirname(place.identityFile)]) {
      assert.equal((await stat(folder)).mode & 0o777, 0o700, folder);
    }
  });

  test('a new folder of the key is kept out of Git, one that was in use is left alone', async (t) => {
    const place = await storePlace(t);
    await openStore(place);
    assert.equal(await readFile(join(dirname(place.identityFile), '.gitignore'), 'utf8'), '*\n');
    const used = await storePlace(t);
    await mkdir(dirname(used.identityFile));
    await writeFile(join(dirname(used.identityFile), 'notes.txt'), 'mine');
    await openStore(used);
    assert.deepEqual((await readdir(dirname(used.identityFile))).toSorted(), ['key.txt', 'notes.txt']);
  });

  test('the key is an identity file as age-keygen writes it, and store.json has nothing of it', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    const text = await readFile(place.identityFile, 'utf8');
    assert.match(text, /^# created: .+\n# public key: age1.+\nAGE-SECRET-KEY-1.+\n$/);
    const head = await readFile(join(place.folder, 'store.json'), 'utf8');
    assert.ok(!head.includes('AGE-SECRET-KEY'));
    assert.deepEqual((JSON.parse(head) as { recipients: unknown }).recipients, [await session.recipient()]);
    assert.ok(text.includes(await session.recipient()));
  });

  test('sessions that make one store at the same time get the same one', async (t) => {
    const place = await storePlace(t);
    const sessions = await Promise.all(Array.from({ length: 4 }, () => openStore(place)));
    const identities = await Promise.all(sessions.map((session) => session.identity()));
    assert.equal(new Set(identities).size, 1);
    assert.equal(sessions.filter((session) => session.created).length, 1);
    assert.deepEqual((await readdir(dirname(place.identityFile))).toSorted(), ['.gitignore', 'key.txt']);
  });

  test('the key of one store is not taken for a second store', async (t) => {
    const place = await storePlace(t);
    await openStore(place);
    const second = { ...place, folder: join(place.root, 'second') };
    await fails(second, 'store-missing', /move the key away/);
    assert.equal((await present(await written(place), 'a')).path, 'a');
  });
});

describe('opening a file store', () => {
  test('a store without its key says how to restore the key, and makes no other', async (t) => {
    const place = await storePlace(t);
    await written(place);
    const key = await readFile(place.identityFile);
    await rm(place.identityFile);
    for (const mayCreate of [true, false]) {
      await fails(place, 'store-key-missing', /age -d .*chmod 600.*never delete/, mayCreate);
    }
    await assert.rejects(stat(place.identityFile));
    await writeFile(place.identityFile, key, { mode: 0o600 });
    assert.deepEqual(values(await present(await openStore(place), 'a')), { k: 'v' });
  });

  test('a key without its store says to restore the store, and makes no other', async (t) => {
    const place = await storePlace(t);
    await written(place);
    await rename(place.folder, `${place.folder}.away`);
    for (const mayCreate of [true, false]) {
      await fails(place, 'store-missing', /restore the folder .* from a backup/, mayCreate);
    }
    assert.ok(!(await readdir(place.root)).includes('box'));
    await rename(`${place.folder}.away`, place.folder);
    assert.deepEqual(values(await present(await openStore(place), 'a')), { k: 'v' });
  });

  test('shards without store.json are not taken for an empty store', async (t) => {
    const place = await storePlace(t);
    await written(place);
    await rm(join(place.folder, 'store.json'));
    await fails(place, 'store-head-missing', /put store.json back/);
    await rm(place.identityFile);
    await fails(place, 'store-head-missing', /never delete the shards/);
  });

  test('a key that others may read or change is refused with the command that mends it', async (t) => {
    const place = await storePlace(t);
    await written(place);
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await chmod(place.identityFile, mode);
      await fails(place, 'store-key-open-to-others', new RegExp(`^chmod 600 ${place.identityFile}$`));
    }
    await chmod(place.identityFile, 0o400);
    await openStore(place);
  });

  test('the key of another store is told as such', async (t) => {
    const place = await storePlace(t);
    await written(place);
    const other = await storePlace(t);
    await written(other);
    await writeFile(place.identityFile, await readFile(other.identityFile));
    await fails(place, 'store-wrong-identity', /put the key of this store/);
  });

  test('a key file that holds no identity is refused, and nothing of it is repeated', async (t) => {
    const place = await storePlace(t);
    await written(place);
    const whole = await readFile(place.identityFile, 'utf8');
    const line = whole.split('\n')[2] ?? '';
    for (const text of ['', 'canary', line.slice(0, -1), `${line}\n${line}`, line.toLowerCase()]) {
      await writeFile(place.identityFile, text);
      await fails(place, 'store-key-invalid', /restore it/);
    }
    // One character exchanged: well formed, but its checksum does not hold.
    await writeFile(place.identityFile, line.slice(0, -1) + (line.endsWith('Q') ? 'P' : 'Q'));
    await fails(place, 'store-key-invalid', /restore it/);
    await rm(place.identityFile);
    await mkdir(place.identityFile);
    await fails(place, 'store-key-invalid', /restore it/);
  });

  test('a key may be a link to a file elsewhere', async (t) => {
    const place = await storePlace(t);
    await written(place);
    await rename(place.identityFile, join(place.root, 'elsewhere.txt'));
    await symlink(join(place.root, 'elsewhere.txt'), place.identityFile);
    assert.deepEqual(values(await present(await openStore(place), 'a')), { k: 'v' });
  });

  test('a folder that cannot be read is "could not ask", never "not there"', async (t) => {
    const place = await storePlace(t);
    await written(place);
    await rm(place.folder, { recursive: true });
    await writeFile(place.folder, 'a file where the folder should be');
    const answer = await openFileStore({ ...place, name: 'box', mayCreate: true, environment: realEnvironment });
    assert.equal(answer.state, 'couldNotAsk');
  });

  test('a store that was exchanged under an open session is noticed', async (t) => {
    const place = await storePlace(t);
    const session = await written(place);
    await rm(place.folder, { recursive: true });
    await rm(dirname(place.identityFile), { recursive: true });
    await written(place);
    await assert.rejects(session.read('a'), Failure);
    await assert.rejects(session.write(entry('a', { k: 'w' })), Failure);
  });
});

async function written(place: StorePlace): Promise<Awaited<ReturnType<typeof openStore>>> {
  const session = await openStore(place);
  await session.write(entry('a', { k: 'v' }));
  return session;
}

async function fails(place: StorePlace, code: string, remedy: RegExp, mayCreate = true): Promise<void> {
  const key = await readFile(place.identityFile, 'utf8').catch(() => '');
  const secrets = key.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  await assert.rejects(
    openFileStore({ ...place, name: 'box', mayCreate, environment: realEnvironment }),
    (error: Failure) => {
      assert.ok(error instanceof Failure, error);
      assert.equal(error.code, code);
      assert.match(error.details.remedy ?? '', remedy);
      const told = `${error.stack} ${JSON.stringify(error.details)}`;
      assert.ok(secrets.every((line) => !told.includes(line)));
      return true;
    },
  );
}
