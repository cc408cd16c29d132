import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openStore, storePlace } from '../../support/file-store.ts';
import { entry } from './contract.ts';

const missing = hasCommand('age') && hasCommand('age-keygen') ? false : 'the age command is not installed';

describe('the age command', { skip: missing }, () => {
  test('reads every shard with the key of the store', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    const paths = Array.from({ length: 100 }, (_, at) => `apps/${at}`);
    await session.writeMany(paths.map((path) => entry(path, { k: `value of ${path} `.repeat(60) })));
    const found: string[] = [];
    const shards = await readdir(join(place.folder, 'shards'));
    assert.ok(shards.length > 1);
    for (const name of shards) {
      const plain = execFileSync('age', ['-d', '-i', place.identityFile, join(place.folder, 'shards', name)], {
        encoding: 'utf8',
      });
      const [header = '', body = ''] = plain.split('\n');
      assert.equal((JSON.parse(header) as { store: string }).store, await session.identity());
      const entries = JSON.parse(body) as Record<string, { versions: { data: Record<string, string> }[] }>;
      for (const [path, { versions }] of Object.entries(entries)) {
        assert.equal(versions[0]?.data['k'], `value of ${path} `.repeat(60));
        found.push(path);
      }
    }
    assert.deepEqual(found.toSorted(), paths.toSorted());
  });

  test('agrees about the recipient of the key', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    const printed = execFileSync('age-keygen', ['-y', place.identityFile], { encoding: 'utf8' }).trim();
    assert.equal(printed, await session.recipient());
  });

  test('restores a key from its backup', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    const offline = join(place.root, 'offline.txt');
    execFileSync('age-keygen', ['-o', offline], { stdio: 'ignore' });
    const recipient = execFileSync('age-keygen', ['-y', offline], { encoding: 'utf8' }).trim();
    await session.write(entry('a', { k: 'v' }));
    await writeFile(join(place.root, 'backup.age'), await session.backupKey(recipient));
    const restored = execFileSync('age', ['-d', '-i', offline, join(place.root, 'backup.age')], { encoding: 'utf8' });
    await writeFile(place.identityFile, restored);
    const again = await openStore(place, { mayCreate: false });
    assert.equal((await again.read('a')).state, 'present');
  });
});

function hasCommand(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
