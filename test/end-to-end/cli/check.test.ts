import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { keywright } from '../../support/keywright.ts';

async function withMistake(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kw-cli-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(
    join(folder, 'fleet.yaml'),
    'apiVersion: keywright.dev/v1alpha1\nkind: Flet\nmetadata: { name: a }\n',
  );
  return folder;
}

describe('check', () => {
  it('writes a SARIF log alone to standard output, and exits as always', async (t) => {
    const { code, stdout, stderr } = await keywright(['check', '--output', 'sarif'], { cwd: await withMistake(t) });
    assert.deepEqual([code, stderr], [1, '']);
    const log = JSON.parse(stdout) as { runs: { results: { ruleId: string }[] }[] };
    assert.deepEqual(
      log.runs[0]?.results.map(({ ruleId }) => ruleId),
      ['KW007'],
    );
  });

  it('writes annotations of a pull request', async (t) => {
    const { code, stdout } = await keywright(['check', '--output', 'github'], { cwd: await withMistake(t) });
    assert.equal(code, 1);
    assert.match(stdout, /^::error file=fleet\.yaml,line=2,col=7::KW007 unknown-kind: unknown kind `Flet`.*%0A/);
  });

  it('names the outputs that there are', async () => {
    const { code, stderr } = await keywright(['check', '--output', 'xml']);
    assert.equal(code, 64);
    assert.match(stderr, /text, json, github, sarif/);
  });
});
