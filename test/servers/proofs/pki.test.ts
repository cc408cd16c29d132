import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Evidence } from '../../../src/model/claim.ts';
import type { AuthorityProbeSpec, PkiProbeSpec } from '../../../src/proofs/proofs.spec.ts';
import { caKind } from '../../../src/targets/authority/ca.ts';
import { authorityIn, stranger } from '../../support/authority-bench.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { pkiBench } from '../../support/pki-bench.ts';
import { prove } from '../../support/proof-bench.ts';
import { putByHand } from '../../support/store-bench.ts';

const { root, intermediate, certificate } = authorityIn('main');
const { path } = root.spec;

function is(evidence: Evidence, verdict: Evidence['verdict'], seen: RegExp): void {
  assert.equal(evidence.verdict, verdict, evidence.seen);
  assert.match(evidence.seen, seen);
}

describe('claims of an authority in a PKI engine', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();

  test('its keys are in the engine alone, until one is in an entry, or issuers are others', async (t) => {
    const bao = server();
    const { bench, main, mount, session, applyAll } = await pkiBench(t, bao);
    await applyAll([]);
    const spec: AuthorityProbeSpec = { store: 'main', path, engine: { mount, authority: 'local' } };
    const valid = (): Promise<Evidence> => prove(bench.context, 'authority-valid', spec);
    is(await valid(), 'held', /their keys in main\/pki-\w+ alone/);

    const { ca } = await stranger();
    await putByHand(main, `${path}/root`, { 'tls.key': ca.privateKey.expose() });
    is(await valid(), 'broken', /holds a key that the PKI engine is to keep alone/);
    await putByHand(main, `${path}/root`, { 'tls.key': undefined });
    is(await valid(), 'held', /root until/);

    await bao.ask('DELETE', `${mount}/issuer/local-intermediate`);
    is(await valid(), 'broken', /has no issuer local-intermediate/);
    await bench.mustApply(caKind, session, [intermediate, root]);
    is(await valid(), 'held', /root until/);

    await bao.ask('DELETE', `${mount}/issuer/local-intermediate`);
    const other = { common_name: 'another', issuer_name: 'local-intermediate' };
    await bao.ask('POST', `${mount}/issuers/generate/root/internal`, other);
    is(await valid(), 'broken', /another certificate than in the entry/);
  });

  test('its roles sign names of the fleet only, until one is widened', async (t) => {
    const bao = server();
    const { bench, mount, applyAll } = await pkiBench(t, bao);
    await applyAll([certificate('pg')]);
    const spec: PkiProbeSpec = { store: 'main', mount, roles: ['local-server'], key: 'ecdsaP256' };
    const proven = (): Promise<Evidence> => prove(bench.context, 'pki-names-only', spec);
    is(await proven(), 'held', /keywright-probe\.invalid was refused by/);
    const merge = { headers: { 'Content-Type': 'application/merge-patch+json' } };
    await bao.ask('PATCH', `${mount}/roles/local-server`, { allow_any_name: true }, merge);
    is(await proven(), 'broken', /signed keywright-probe\.invalid/);
    const { body } = await bao.ask('LIST', `${mount}/certs/revoked`);
    assert.equal(body?.['data'].keys.length, 1, 'what the proof got signed is revoked');
    await bao.ask('DELETE', `${mount}/roles/local-server`);
    is(await proven(), 'broken', /has no role local-server/);
  });
});
