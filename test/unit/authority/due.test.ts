import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { renewalDue, renewalTime } from '../../../src/authority/due.ts';

const day = 86_400_000;
const made = new Date('2026-11-01T00:00:00Z');
const terms = {
  notBefore: new Date(made.getTime() - 300_000),
  notAfter: new Date(made.getTime() + 30 * day),
  renewBeforeMilliseconds: 10 * day,
};
const at = (days: number): Date => new Date(made.getTime() + days * day);

test('a certificate is due when renewBefore is left, and not a day and a bit earlier', () => {
  assert.equal(renewalDue(terms, at(18.9), 'seed'), false);
  assert.equal(renewalDue(terms, at(20), 'seed'), true);
  assert.equal(renewalDue(terms, at(31), 'seed'), true);
});

test('the same seed gives the same instant, others are spread over a tenth of renewBefore', () => {
  const instants = Array.from({ length: 200 }, (_, index) => renewalTime(terms, `seed ${index}`).getTime());
  assert.deepEqual(renewalTime(terms, 'seed 7'), new Date(instants[7] ?? 0));
  const [first, last] = [Math.min(...instants), Math.max(...instants)];
  assert.ok(first >= at(19).getTime() && first < at(19.1).getTime());
  assert.ok(last <= at(20).getTime() && last > at(19.9).getTime());
});

test('a leaf that its CA cut short is not due as soon as it is made', () => {
  const cut = { ...terms, notAfter: at(5) };
  assert.equal(renewalDue(cut, at(0), 'seed'), false);
  assert.equal(renewalDue(cut, at(1.7), 'seed'), true);
});

test('whatever its terms, a certificate is due before it ends and never when it was just made', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 5000 * day }),
      fc.nat({ max: 6000 * day }),
      fc.string(),
      (ttl, before, seed) => {
        const notAfter = new Date(made.getTime() + ttl);
        const time = renewalTime({ ...terms, notAfter, renewBeforeMilliseconds: before }, seed);
        assert.ok(time > made);
        assert.ok(time <= notAfter);
        assert.ok(time.getTime() <= Math.max(notAfter.getTime() - before, made.getTime() + ttl / 3 + 1));
      },
    ),
  );
});
