import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compiledDigest, differencesFrom, formatPlanFile, parsePlanFile } from '../../../src/engine/plan-file.ts';
import type { PlanFile } from '../../../src/engine/plan-file.ts';
import { Failure } from '../../../src/model/failure.ts';
import { thing, worldTarget } from '../../support/test-kinds.ts';

const file: PlanFile = {
  format: 1,
  fleet: 'f',
  asOf: '2026-01-01T00:00:00.000Z',
  compiled: 'c',
  identities: { 'site/a': 'one', 'site/b': 'two' },
  shards: { root: '3' },
  seen: { 'site/a/thing/x': 's' },
  changes: [],
};

describe('a plan file', () => {
  it('comes back as it was written', () => {
    assert.deepEqual(parsePlanFile(formatPlanFile(file), 'p'), file);
  });

  it('of anything else is refused as wrong usage', () => {
    for (const text of ['', '[]', '{}', '{"format":2}', formatPlanFile({ ...file, asOf: 'never' })]) {
      assert.throws(
        () => parsePlanFile(text, 'p'),
        (error: unknown) => error instanceof Failure && error.exitCode === 64,
      );
    }
  });

  it('lists what is different now', () => {
    assert.deepEqual(differencesFrom(file, file), []);
    assert.deepEqual(differencesFrom(file, { ...file, seen: { 'site/a/thing/x': 't' } }), [
      'site/a/thing/x was changed since',
    ]);
    assert.deepEqual(differencesFrom(file, { ...file, compiled: 'd', shards: { root: '4' } }), [
      'the fleet files say something else',
      'something was applied since',
    ]);
    assert.deepEqual(differencesFrom(file, { ...file, identities: { 'site/a': 'other' } }), [
      'site/a is another server, or is reached only now',
    ]);
  });

  it('does not go stale for a target that it does not touch', () => {
    assert.deepEqual(differencesFrom(file, { ...file, identities: { 'site/a': 'one' } }), []);
  });
});

describe('the digest of a compiled fleet', () => {
  const compiled = {
    fleet: 'f',
    home: 'h',
    claims: [],
    targets: [worldTarget('a')],
    resources: [thing('a', 'x'), thing('a', 'y')],
  };

  it('does not change with the order or with positions in files', () => {
    const source = { file: '/somewhere/else.yaml', document: 3, pointer: '/spec' };
    const moved = { ...compiled, resources: compiled.resources.map((each) => ({ ...each, source })).reverse() };
    assert.equal(compiledDigest(moved), compiledDigest(compiled));
  });

  it('changes with what is wanted', () => {
    assert.notEqual(
      compiledDigest({ ...compiled, resources: [thing('a', 'x', { size: 1 })] }),
      compiledDigest(compiled),
    );
  });
});
