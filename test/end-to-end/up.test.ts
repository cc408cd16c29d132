import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { EvidenceJson } from '../../src/cli/render/evidence.ts';
import { copyOfExample, notHeld, processesOf } from '../support/fleet.ts';

describe('up --once', () => {
  it('brings the two-sites fleet up, proves it, leaves the evidence and no process', async (t) => {
    const fleet = await copyOfExample(t, 'two-sites');
    const { code, stdout, stderr } = await fleet.run('up', '--once');
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    const path = join(fleet.folder, '.keywright', 'evidence.json');
    const evidence = JSON.parse(await readFile(path, 'utf8')) as EvidenceJson;
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(notHeld(evidence), []);
    assert.ok(evidence.summary.held >= 40, `${evidence.summary.held} claims held`);
    for (const postgres of ['orders-a', 'orders-b']) {
      assert.deepEqual(await processesOf((await fleet.server(postgres)).dataDirectory), []);
    }
  });

  it('brings the quickstart up twice: the second time nothing is made', async (t) => {
    const fleet = await copyOfExample(t, 'quickstart');
    await fleet.must('up', '--once');
    const second = await fleet.must('up', '--once');
    assert.doesNotMatch(second, /[1-9]\d* created/);
  });
});

describe('apply', () => {
  it('changes nothing the second time, and plan agrees', async (t) => {
    const fleet = await copyOfExample(t, 'two-sites');
    await fleet.must('apply');
    const plan = await fleet.run('plan');
    assert.equal(plan.code, 0, plan.stdout);
    const again = JSON.parse(
      (await fleet.must('apply', '--output', 'json')).trim().split('\n').at(-1) ?? '{}',
    ) as object;
    assert.doesNotMatch(JSON.stringify(again), /"created":[1-9]|"updated":[1-9]/);
  });
});
