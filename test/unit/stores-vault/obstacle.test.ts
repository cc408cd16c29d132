import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CallState } from '../../../src/stores/vault/call-state.ts';
import type { AgainReason } from '../../../src/stores/vault/judge.ts';
import { failureOf, failureOfHalfDone, patienceFor } from '../../../src/stores/vault/obstacle.ts';
import { readReply } from '../../../src/stores/vault/reply.ts';
import { NoAnswer } from '../../../src/stores/vault/transport.ts';
import { versionName, versionNumber } from '../../../src/stores/vault/version-name.ts';
import { environmentAt } from '../../support/environment.ts';

const limits = { reached: true, patience: 30_000, sealedPatience: 5000 };
const reply = readReply({ status: 503, headers: {}, text: '{"errors":["Vault is sealed"]}' });
const obstacle = (why: AgainReason): { why: AgainReason; reply: typeof reply } => ({ why, reply });
const noAnswer = (code: string, sent = false): NoAnswer =>
  new NoAnswer(Object.assign(new Error(`it says ${code}`), { code }), sent);

describe('patience', () => {
  test('is long with elections and outages, short with what people must mend', () => {
    for (const why of ['noLeader', 'standby', 'rateLimited', 'behind', 'engineStarting'] as const) {
      assert.equal(patienceFor(obstacle(why), limits), 30_000, why);
    }
    assert.equal(patienceFor(obstacle('sealed'), limits), 5000);
    assert.equal(patienceFor(obstacle('internalError'), limits), 5000);
    assert.equal(patienceFor(obstacle('serverError'), limits), 1500);
  });

  test('with an address that never answered, or a certificate that is refused, is short', () => {
    assert.equal(patienceFor(noAnswer('ECONNREFUSED'), limits), 30_000);
    assert.equal(patienceFor(noAnswer('ECONNREFUSED'), { ...limits, reached: false }), 5000);
    assert.equal(patienceFor(noAnswer('ERR_TLS_CERT_ALTNAME_INVALID'), limits), 5000);
    assert.equal(patienceFor(obstacle('noLeader'), { ...limits, patience: 100 }), 100);
  });
});

describe('what is told when patience is over', () => {
  const state = new CallState(
    { method: 'GET', path: 'kv/x' },
    { store: 'main', environment: environmentAt('2026-01-01') },
    'call-1',
  );
  const where = { state, address: new URL('https://b1'), addresses: ['https://b1', 'https://b2'], sealStatus: {} };

  test('sealed says how many shares were given, and is told from never initialised', () => {
    const sealed = failureOf(obstacle('sealed'), { ...where, sealStatus: { initialized: true, progress: 2, t: 3 } });
    assert.equal(sealed.code, 'vault-sealed');
    assert.equal(sealed.message, 'store main is sealed (2 of 3 shares given)');
    const fresh = failureOf(obstacle('sealed'), { ...where, sealStatus: { initialized: false } });
    assert.equal(fresh.code, 'vault-uninitialised');
  });

  test('each obstacle has a code, and none of them counts as a finding', () => {
    const codes = (['noLeader', 'rateLimited', 'internalError', 'serverError'] as const).map((why) => {
      const failure = failureOf(obstacle(why), where);
      assert.equal(failure.exitCode, 3);
      return failure.code;
    });
    assert.deepEqual(codes, ['vault-no-leader', 'vault-rate-limited', 'vault-audit-blocked', 'vault-server-error']);
    assert.equal(failureOf(noAnswer('ECONNREFUSED'), where).code, 'vault-unreachable');
    assert.equal(failureOf(noAnswer('CERT_HAS_EXPIRED'), where).code, 'vault-certificate-refused');
  });

  test('a write whose leader was lost is of unknown outcome, not failed', () => {
    assert.equal(failureOfHalfDone('noLeader', state, reply).code, 'vault-outcome-unknown');
    assert.equal(failureOfHalfDone('internalError', state, reply).code, 'vault-audit-blocked');
  });
});

describe('names of versions', () => {
  test('tell two entries apart that had the same number at the same path', () => {
    const first = versionName(1, '2026-11-25T05:02:33.726942352Z');
    const again = versionName(1, '2026-11-25T05:02:34.000000001Z');
    assert.match(first, /^1-[\da-f]{6}$/);
    assert.notEqual(first, again);
    assert.equal(versionNumber(first), 1);
  });

  test('of another store are no numbers', () => {
    for (const name of ['', '1', '0-abcdef', '-1-abcdef', '1-abcdeg', 'x', '1-abcdef ', '99999999999999999-abcdef']) {
      assert.equal(versionNumber(name), undefined, name);
    }
  });
});
