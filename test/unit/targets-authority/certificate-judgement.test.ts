import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeCertificate } from '../../../src/targets/authority/certificate-judgement.ts';
import type { SeenCertificate } from '../../../src/targets/authority/certificate-observe.ts';
import { certificate } from '../../support/authority-bench.ts';

const good: SeenCertificate = {
  path: 'certificates/orders',
  version: '1',
  owner: { by: 'us' },
  deleted: false,
  content: 'same',
  faults: [],
  surroundingsCurrent: true,
  registered: true,
  notBefore: '2026-01-01T00:00:00.000Z',
  hosts: ['orders.localhost'],
  outputs: { serial: 'ab', notAfter: '2026-01-31T00:00:00.000Z' },
};

const cases: Readonly<Record<string, readonly [Partial<SeenCertificate>, string, string]>> = {
  'nothing is wrong': [{}, '2026-01-02', 'nothing'],
  'it is not due yet': [{}, '2026-01-19', 'nothing'],
  'it is due': [{}, '2026-01-21T00:00:01Z', 'reissue'],
  'it has expired': [{}, '2027-01-01', 'reissue'],
  'it was changed by hand': [{ content: 'different' }, '2026-01-02', 'reissue'],
  'it was deleted by hand': [{ deleted: true }, '2026-01-02', 'reissue'],
  'it does not fit': [{ faults: ['is for other hosts'] }, '2026-01-02', 'reissue'],
  'somebody asked for its revocation': [{ revoked: 'asked' }, '2026-01-02', 'reissue'],
  'it is meant to be revoked': [{ revoked: 'left' }, '2026-01-02', 'nothing'],
  'it comes back revoked': [{ revoked: 'left', owner: { by: 'nobody' } }, '2026-01-02', 'reissue'],
  'the bundle beside it is old': [{ surroundingsCurrent: false }, '2026-01-02', 'refresh'],
  'its serial is not registered': [{ registered: false }, '2026-01-02', 'refresh'],
  'its fingerprint was made with a lost key': [{ content: 'unknown' }, '2026-01-02', 'refresh'],
};

for (const [what, [seen, now, need]] of Object.entries(cases)) {
  test(`when ${what}: ${need}`, () => {
    const judgement = judgeCertificate(certificate('orders'), { ...good, ...seen }, new Date(now));
    assert.equal(judgement.need, need);
    assert.equal(judgement.reasons.length > 0, need !== 'nothing');
  });
}
