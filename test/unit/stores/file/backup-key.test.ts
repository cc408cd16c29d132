import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { Decrypter, armor, generateHybridIdentity, generateIdentity, identityToRecipient } from 'age-encryption';
import { Failure } from '../../../../src/model/failure.ts';
import { entry, present, values } from '../../../servers/stores/contract.ts';
import { openStore, storePlace } from '../../../support/file-store.ts';

describe('the backup of a key', () => {
  test('decrypts to an identity file that opens the store again', async (t) => {
    const place = await storePlace(t);
    const session = await openStore(place);
    await session.write(entry('a', { k: 'v' }));
    for (const offline of [await generateIdentity(), await generateHybridIdentity()]) {
      const backup = await session.backupKey(await identityToRecipient(offline));
      assert.match(backup, /^-----BEGIN AGE ENCRYPTED FILE-----\n/);
      assert.ok(!backup.includes('AGE-SECRET-KEY'));
      await rm(place.identityFile);
      const decrypter = new Decrypter();
      decrypter.addIdentity(offline);
      await writeFile(place.identityFile, await decrypter.decrypt(armor.decode(backup)), { mode: 0o600 });
      assert.match(await readFile(place.identityFile, 'utf8'), /^# created: /);
      assert.deepEqual(values(await present(await openStore(place, { mayCreate: false }), 'a')), { k: 'v' });
    }
  });

  test('is refused for what is no recipient, without repeating it', async (t) => {
    const session = await openStore(await storePlace(t));
    for (const recipient of ['', 'canary', 'age1canary', 'ssh-ed25519 canary', 'age1pq1canary', 'age1tag1canary']) {
      await refused(session.backupKey(recipient), 'backup-recipient-invalid', 'canary');
    }
    const secret = await generateIdentity();
    await refused(session.backupKey(secret), 'backup-recipient-is-a-key', secret);
    await refused(session.backupKey(secret.toLowerCase()), 'backup-recipient-is-a-key', secret.toLowerCase());
  });

  test('is refused for the key itself, which would open nothing when it is lost', async (t) => {
    const session = await openStore(await storePlace(t));
    await refused(session.backupKey(await session.recipient()), 'backup-to-itself');
  });
});

async function refused(attempt: Promise<unknown>, code: string, hidden?: string): Promise<void> {
  await assert.rejects(attempt, (error: Failure) => {
    assert.ok(error instanceof Failure, error);
    assert.equal(error.code, code);
    assert.equal(error.exitCode, 64);
    assert.ok(hidden === undefined || !`${error.stack} ${JSON.stringify(error.details)}`.includes(hidden));
    return true;
  });
}
