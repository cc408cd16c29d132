import assert from 'node:assert/strict';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import test from 'node:test';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import { trustFileKind } from '../../../src/targets/process/trust-file.ts';
import type { TrustFileSpec } from '../../../src/targets/process/trust-file.spec.ts';
import { resource } from '../../support/kinds.ts';
import { siteBench } from '../../support/site-bench.ts';

test('the roots of an authority lie in a file that all may read, follow it, and go with it', async (t) => {
  const { bench, site, put } = await siteBench(t);
  // Root keeps such files outside of the fleet's folder.
  t.after(() => rm(dirname(site.serversFolder), { recursive: true, force: true }));
  const trust = (version: string) =>
    resource<TrustFileSpec>(resourceId(targetId('site', 'site-a'), 'trust-file', 'infra'), {
      authority: 'infra',
      bundle: { store: 'box', path: 'bundle', version },
    });
  const first = await put('bundle', { 'ca.crt': 'one\n' });
  const apply = async (version: string): Promise<string[]> =>
    (await bench.mustApply(trustFileKind, site, [trust(version)])).map(({ action }) => action);
  assert.deepEqual(await apply(first), ['create']);
  assert.deepEqual(await apply(first), []);
  const file = String(bench.records.get(trust(first).id)?.outputs?.['file']);
  const mode = async (): Promise<number> => (await stat(file)).mode & 0o777;
  assert.equal(await mode(), 0o644);

  const second = await put('bundle', { 'ca.crt': 'one\ntwo\n' });
  assert.deepEqual(await apply(second), ['update']);
  assert.equal(await readFile(file, 'utf8'), 'one\ntwo\n');
  for (const change of [() => writeFile(file, 'another root\n'), () => chmod(file, 0o600), () => rm(file)]) {
    await change();
    assert.equal((await apply(second)).length, 1, String(change));
    assert.equal(await readFile(file, 'utf8'), 'one\ntwo\n');
    assert.equal(await mode(), 0o644);
    assert.deepEqual(await apply(second), []);
  }
  await bench.mustApply(trustFileKind, site, []);
  await assert.rejects(stat(dirname(file)), { code: 'ENOENT' });
});
