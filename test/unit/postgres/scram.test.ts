import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { Secret } from '../../../src/model/secret.ts';
import { scramVerifier, verifierBelongsTo, verifierFingerprint } from '../../../src/targets/postgres/scram.ts';

const salt = (length: number): Uint8Array => Buffer.alloc(length, 7);

test('a verifier has exactly the form that PostgreSQL takes for one', async () => {
  const verifier = await scramVerifier(new Secret('correct horse'), (length) => randomBytes(length));
  assert.match(verifier, /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);
  assert.match(verifierFingerprint(verifier), /^[0-9a-f]{64}$/);
});

test('the verifier is the one that RFC 7677 works out', async () => {
  // The RFC's example: user "user", password "pencil", this salt, 4096 iterations.
  const example = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const verifier = await scramVerifier(new Secret('pencil'), () => example);
  assert.equal(
    verifier,
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});

test('a verifier belongs to its password and to no other', async () => {
  const verifier = await scramVerifier(new Secret('one'), salt);
  assert.equal(await verifierBelongsTo(verifier, new Secret('one')), true);
  assert.equal(await verifierBelongsTo(verifier, new Secret('two')), false);
  for (const other of ['', 'md5abc', verifier.toLowerCase(), verifier.slice(0, -1), verifier.replace('=', '')]) {
    assert.equal(await verifierBelongsTo(other, new Secret('one')), false, other);
  }
});

test('passwords are prepared as clients prepare them', async () => {
  const ascii = await scramVerifier(new Secret('a b'), salt);
  // A no-break space is a space, a soft hyphen is nothing, full-width letters are letters.
  for (const typed of ['a\u00a0b', 'a\u00ad b', '\uff41 b']) {
    assert.equal(await scramVerifier(new Secret(typed), salt), ascii, JSON.stringify(typed));
  }
});

test('what cannot be prepared is used as it is, as PostgreSQL and libpq do', async () => {
  const raw = await scramVerifier(new Secret('bell\u0007'), salt);
  assert.equal(await verifierBelongsTo(raw, new Secret('bell\u0007')), true);
  assert.notEqual(await scramVerifier(new Secret('\u00ad'), salt), raw);
});

test('an empty password is refused: PostgreSQL would take the password away', async () => {
  await assert.rejects(scramVerifier(new Secret(''), salt), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, 'password-empty');
    return true;
  });
});
