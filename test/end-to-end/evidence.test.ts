import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import type { LeftEvidence } from '../../src/cli/evidence-file.ts';
import type { FleetStatus } from '../../src/cli/status/gather.ts';
import { copyOfExample } from '../support/fleet.ts';
import { postgresMissing } from '../support/postgres.ts';

const secretTree = (key: string): string => `apiVersion: keywright.dev/v1alpha1
kind: SecretTree
metadata: { name: apps }
spec:
  entries:
  - path: apps/x
    keys: { ${key}: { generate: { hex: 32 } } }
`;

it(
  'what apply and verify proved is left beside the fleet, and status tells of it',
  { skip: postgresMissing },
  async (t) => {
    const fleet = await copyOfExample(t, 'quickstart');
    const path = join(fleet.folder, '.keywright', 'evidence.json');
    const left = async (): Promise<LeftEvidence | undefined> => {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as LeftEvidence);
    };
    const timesOf = ({ claims }: LeftEvidence): Record<string, string> =>
      Object.fromEntries(claims.map(({ id, at }) => [id, at]));
    const proven = async (): Promise<FleetStatus['proven']> =>
      (JSON.parse(await fleet.must('status', '--output', 'json')) as FleetStatus).proven;

    await fleet.run('verify');
    assert.equal(await left(), undefined, 'nothing is left of a fleet that was never made');
    await fleet.must('apply');
    const first = (await left()) as LeftEvidence;
    const { claims } = await fleet.verify();
    assert.deepEqual(
      first.claims.map(({ id }) => id),
      claims.map(({ id }) => id),
      'an apply that made everything proved everything',
    );
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const second = (await left()) as LeftEvidence;
    assert.deepEqual(timesOf(second), timesOf({ fleet: '', summary: second.summary, claims }));
    const { at, held } = (await proven()) ?? {};
    assert.deepEqual([at, held], [claims.map((claim) => claim.at).sort()[0], claims.length]);

    // Only what was measured again has a new time.
    const one = 'DatabaseAccess/shop-app#login';
    await fleet.verify('--claim', one);
    await writeFile(join(fleet.folder, 'apps.yaml'), secretTree('token'));
    await fleet.must('apply');
    const third = (await left()) as LeftEvidence;
    const before = timesOf(second);
    assert.deepEqual(
      third.claims.filter(({ id, at: now }) => before[id] !== now).map(({ id }) => id),
      [one, 'store/box/secret/apps%2Fx#entry-complete'].filter((id) => third.claims.some((claim) => claim.id === id)),
    );
    assert.equal(third.claims.length, claims.length + 1);
    assert.equal((await proven())?.at, at);

    // A part says nothing of a whole that was never proven, or that was another fleet.
    await writeFile(path, JSON.stringify({ ...third, fleet: 'other' }));
    await fleet.verify('--claim', one);
    assert.equal((await left())?.fleet, 'other');
    assert.equal(await proven(), undefined);
    await rm(path);
    await fleet.verify('--claim', one);
    assert.equal(await left(), undefined);
    assert.match(await fleet.must('status'), /^never proven/m);
    await fleet.verify();
    assert.match(await fleet.must('status'), /^proven \d+ s ago: \d+ held, 0 broken, 0 unknown$/m);
  },
);
