import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { keywright } from '../../support/keywright.ts';

async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kw-cli-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('wrong usage', () => {
  it('of an unknown command offers the nearest one and exits 64', async () => {
    const { code, stdout, stderr } = await keywright(['aply']);
    assert.deepEqual([code, stdout], [64, '']);
    assert.equal(stderr, 'error: there is no command aply\n  did you mean: keywright apply\n');
  });

  it('is told as JSON when that was asked for', async () => {
    const { code, stdout, stderr } = await keywright(['plan', '--nope', '--output', 'json']);
    assert.deepEqual([code, stderr], [64, '']);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string; remedy: string } };
    assert.equal(error.code, 'wrong-usage');
    assert.match(error.message, /--nope/);
    assert.equal(error.remedy, 'keywright plan --help');
  });

  it('never shows a stack trace, but with --debug', async () => {
    assert.doesNotMatch((await keywright(['plan', '--nope'])).stderr, /^\s+at /m);
    assert.match((await keywright(['plan', '--nope', '--debug'])).stderr, /^\s+at /m);
  });
});

describe('init', () => {
  it('writes a fleet under the name of the folder, and what git ignores', async (t) => {
    const folder = await emptyFolder(t);
    const { code, stdout } = await keywright(['init', 'My Shop'], { cwd: folder });
    assert.equal(code, 0);
    assert.match(stdout, /^wrote My Shop\/fleet\.yaml\nwrote My Shop\/\.gitignore\n/);
    assert.match(await readFile(join(folder, 'My Shop/fleet.yaml'), 'utf8'), /^metadata: \{ name: my-shop \}$/m);
    assert.match(await readFile(join(folder, 'My Shop/.gitignore'), 'utf8'), /^\.keywright\/$/m);
  });

  it('overwrites nothing', async (t) => {
    const folder = await emptyFolder(t);
    await writeFile(join(folder, '.gitignore'), 'mine\n');
    const first = await keywright(['init'], { cwd: folder });
    assert.equal(first.code, 0);
    assert.match(first.stderr, /add to \.gitignore.*\.keywright\/ box\//);
    assert.equal(await readFile(join(folder, '.gitignore'), 'utf8'), 'mine\n');
    await writeFile(join(folder, 'fleet.yaml'), 'mine\n');
    const second = await keywright(['init'], { cwd: folder });
    assert.equal(second.code, 1);
    assert.match(second.stderr, /fleet\.yaml is there already/);
    assert.equal(await readFile(join(folder, 'fleet.yaml'), 'utf8'), 'mine\n');
  });

  it('writes the quickstart example', async (t) => {
    const folder = await emptyFolder(t);
    await keywright(['init', 'quickstart'], { cwd: folder });
    const documents = (text: string): string => text.slice(text.indexOf('apiVersion'));
    const example = await readFile(new URL('../../../examples/quickstart/fleet.yaml', import.meta.url), 'utf8');
    assert.equal(documents(await readFile(join(folder, 'quickstart/fleet.yaml'), 'utf8')), documents(example));
  });
});

describe('completion', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    it(`for ${shell} names the commands`, async () => {
      const { code, stdout } = await keywright(['completion', shell]);
      assert.equal(code, 0);
      assert.match(stdout, /\bapply\b/);
    });
  }
});
