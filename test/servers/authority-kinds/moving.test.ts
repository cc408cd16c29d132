import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { readCrls } from '../../../src/authority/crl.ts';
import type { SecretBackend } from '../../../src/stores/backend.ts';
import { caKind } from '../../../src/targets/authority/ca.ts';
import { mountKind } from '../../../src/targets/vault/mount.ts';
import { applyAuthority, authorityBench, authorityIn } from '../../support/authority-bench.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { pkiBench, sessionIn } from '../../support/pki-bench.ts';
import type { PkiBench } from '../../support/pki-bench.ts';
import { storeBench, valuesOf } from '../../support/store-bench.ts';
import type { StoreBench } from '../../support/store-bench.ts';

const { path } = authorityIn('box').root.spec;

async function exists(store: SecretBackend, entry: string): Promise<boolean> {
  return (await store.read(entry)).state === 'present';
}

async function fingerprints(store: SecretBackend): Promise<string[]> {
  const cas = await Promise.all(['root', 'intermediate'].map((role) => valuesOf(store, `${path}/${role}`)));
  return cas.map((values) => readCertificate(values['tls.crt'] ?? '').fingerprint);
}

function serialOf(bench: StoreBench, name: string): string {
  return String(bench.records.get(authorityIn('box').certificate(name).id)?.outputs?.serial);
}

async function revokedIn(store: SecretBackend): Promise<{ readonly numbers: unknown[]; readonly serials: string[] }> {
  const lists = readCrls((await valuesOf(store, `${path}/crl`))['crl.pem'] ?? '');
  return {
    numbers: lists.map(({ number }) => number),
    serials: lists.flatMap(({ revoked }) => revoked.map(({ serial }) => serial)),
  };
}

/** An authority in the file store `box` that issued to `pg` and revoked `gone`. */
async function inFileStore(bench: StoreBench): Promise<void> {
  const session = await sessionIn(bench, 'box');
  const { certificate } = authorityIn('box');
  await applyAuthority(bench, session, [certificate('pg'), certificate('gone')]);
  await applyAuthority(bench, session, [certificate('pg')]);
}

test('an authority that moves to another file store keeps keys, certificates and what it revoked', async (t) => {
  const { bench, box } = await authorityBench(t);
  await inFileStore(bench);
  const other = await bench.open('other');
  const before = {
    cas: await Promise.all(['root', 'intermediate'].map((role) => valuesOf(box, `${path}/${role}`))),
    leaf: await valuesOf(box, 'certificates/pg'),
    revoked: await revokedIn(box),
  };
  const session = await sessionIn(bench, 'other');
  const { root, certificate } = authorityIn('other');
  const [planned] = await bench.plan(caKind, session, [root, authorityIn('other').intermediate]);
  assert.deepEqual([planned?.action, planned?.reason], ['update', 'moves from store box']);

  await applyAuthority(bench, session, [certificate('pg')]);
  const after = {
    cas: await Promise.all(['root', 'intermediate'].map((role) => valuesOf(other, `${path}/${role}`))),
    leaf: await valuesOf(other, 'certificates/pg'),
    revoked: await revokedIn(other),
  };
  assert.deepEqual(after, before);
  assert.deepEqual(await applyAuthority(bench, session, [certificate('pg')]), []);
  for (const entry of ['crl', 'issued', 'bundle']) {
    assert.equal(await exists(box, `${path}/${entry}`), false, entry);
  }
  assert.equal(await exists(box, 'certificates/pg'), false);
  assert.deepEqual((await box.list(`${path}/root`))[0]?.metadata, {});
});

test('one whose old store cannot be read, or lacks it, stays as it is and is not made anew', async (t) => {
  const { bench, box } = await authorityBench(t);
  await inFileStore(bench);
  const other = await bench.open('other');
  await box.destroy(`${path}/root`);
  const { root } = authorityIn('other');
  const session = await sessionIn(bench, 'other');
  const [lost] = await bench.plan(caKind, session, [root]);
  assert.equal(lost?.refusal?.code, 'move-unreachable');
  assert.match(lost?.reason ?? '', /is not in store box any more/);
  assert.equal(await exists(other, `${path}/root`), false);
});

test('a run that was killed amid the move is finished by the next one', async (t) => {
  const { bench, box } = await authorityBench(t);
  await inFileStore(bench);
  const other = await bench.open('other');
  const before = [await fingerprints(box), await valuesOf(box, 'certificates/pg'), await revokedIn(box)];
  const { certificate } = authorityIn('other');
  const kept = new Map(bench.records);
  await applyAuthority(bench, await sessionIn(bench, 'other'), [certificate('pg')]);
  // As if all was written and the record of nothing was.
  bench.records.clear();
  kept.forEach((record, id) => bench.records.set(id, record));
  await applyAuthority(bench, await sessionIn(bench, 'other'), [certificate('pg')]);
  assert.deepEqual(
    [await fingerprints(other), await valuesOf(other, 'certificates/pg'), await revokedIn(other)],
    before,
  );
  assert.deepEqual(await applyAuthority(bench, await sessionIn(bench, 'other'), [certificate('pg')]), []);
});

describe('an authority that moves into the PKI engine of a Vault', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  async function bothStores(t: TestContext): Promise<PkiBench & { readonly box: SecretBackend }> {
    const pki = await pkiBench(t, server());
    const { box } = await storeBench(t);
    pki.bench.stores.set('box', box);
    await inFileStore(pki.bench);
    await pki.bench.mustApply(mountKind, pki.main, [pki.mounted]);
    return { ...pki, box };
  }

  test('keeps keys and certificates; what was revoked before stays revoked, and the numbers of lists grow', async (t) => {
    const { bench, main, mount, box, session, applyAll } = await bothStores(t);
    const before = await fingerprints(box);
    const leaf = await valuesOf(box, 'certificates/pg');
    const revoked = await revokedIn(box);
    const { root, intermediate, certificate } = authorityIn('main');
    const [planned] = await bench.plan(caKind, session, [root, intermediate]);
    assert.deepEqual([planned?.action, planned?.reason], ['update', 'moves from store box']);
    const results = await bench.apply(caKind, session, [root, intermediate]);
    const applied = results.get(root.id)?.applied;
    assert.equal(
      applied?.outcome === 'done' && applied.note,
      `a copy stays in store box at ${path}/root, without a mark`,
    );
    await applyAll([certificate('pg')]);

    assert.deepEqual(await fingerprints(main), before);
    assert.deepEqual(await valuesOf(main, 'certificates/pg'), leaf);
    assert.deepEqual(await revokedIn(main), revoked);
    assert.deepEqual(Object.keys(await valuesOf(main, `${path}/root`)), ['tls.crt']);
    assert.deepEqual(await applyAll([certificate('pg')]), []);

    await applyAll([certificate('pg'), certificate('next')]);
    const next = readCertificate((await valuesOf(main, 'certificates/next'))['tls.crt'] ?? '');
    assert.equal(next.issuer.text, readCertificate(leaf['tls.crt'] ?? '').issuer.text);
    const serial = serialOf(bench, 'next');
    await applyAll([certificate('pg')]);
    const now = await revokedIn(main);
    assert.deepEqual(now.serials.toSorted(), [...revoked.serials, serial].toSorted());
    assert.deepEqual(
      now.numbers,
      revoked.numbers.map((number) => Number(number) + 1),
    );
    const { body } = await server().ask('GET', `${mount}/issuer/local-intermediate/crl`);
    assert.deepEqual(
      readCrls(body?.['data'].crl as string).flatMap((list) => list.revoked.map((each) => each.serial)),
      [serial],
    );
  });

  test('moves back to the copy that was kept, with what it revoked meanwhile', async (t) => {
    const { bench, main, box, applyAll } = await bothStores(t);
    const { certificate } = authorityIn('main');
    await applyAll([certificate('pg'), certificate('next')]);
    await applyAll([certificate('pg')]);
    const before = [await fingerprints(main), await valuesOf(main, 'certificates/pg'), await revokedIn(main)];
    const session = await sessionIn(bench, 'box');
    const pg = authorityIn('box').certificate('pg');
    await applyAuthority(bench, session, [pg]);
    assert.deepEqual([await fingerprints(box), await valuesOf(box, 'certificates/pg'), await revokedIn(box)], before);
    assert.ok((await valuesOf(box, `${path}/root`))['tls.key']);
    assert.deepEqual(await applyAuthority(bench, session, [pg]), []);
  });

  test('but cannot move elsewhere: the engine never gives its key away', async (t) => {
    const { bench, applyAll } = await bothStores(t);
    await applyAll([authorityIn('main').certificate('pg')]);
    const { root } = authorityIn('other');
    await bench.open('other');
    const [refused] = await bench.plan(caKind, await sessionIn(bench, 'other'), [root]);
    assert.equal(refused?.refusal?.code, 'key-cannot-leave');
    assert.match(refused?.refusal?.remedy ?? '', /name store main in the Authority again/);
  });

  test('from entries of the same store leaves no version with a key behind', async (t) => {
    const { bench, main, applyAll } = await pkiBench(t, server());
    await applyAuthority(bench, await sessionIn(bench, 'main'), []);
    const before = await valuesOf(main, `${path}/root`);
    assert.ok(before['tls.key']);
    const version = String(bench.records.get(authorityIn('main').root.id)?.version);
    const changes = await applyAll([]);
    assert.ok(changes.includes('update authority/local/ca/root'), changes.join());
    assert.deepEqual(await valuesOf(main, `${path}/root`), { 'tls.crt': before['tls.crt'] });
    assert.equal((await main.read(`${path}/root`, version)).state, 'absent');
    assert.deepEqual(await applyAll([]), []);
  });
});
