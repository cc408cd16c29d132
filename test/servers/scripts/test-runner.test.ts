import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';

const repository = join(import.meta.dirname, '../../..');

/** Runs the real runner on the given test files, which may break in any way; `bao` is a stand-in, as none is used. */
function runTests(t: TestContext, files: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'keywright-test-runner-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(repository, 'scripts'), join(folder, 'scripts'), { recursive: true });
  symlinkSync(process.execPath, join(folder, 'bao'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [file, body] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, 'test', file)), { recursive: true });
    writeFileSync(join(folder, 'test', file), `import { after, before, describe, test } from 'node:test';\n${body}`);
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'scripts/test.ts'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
  });
  return { status, stdout, stderr, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

describe('the test runner', () => {
  test('adds up all suites and ends with the counts', (t) => {
    const { status, lastLine } = runTests(t, {
      'unit/a.test.ts': `test('one', () => {}); describe('suite', () => { test('two', () => {}); });`,
      'servers/b.test.ts': `test('three', () => {}); test('four', { skip: 'no psql' }, () => {});`,
      'end-to-end/c.test.ts': `test('five', () => {});`,
    });
    assert.equal(lastLine, '4 passed, 0 failed, 1 skipped');
    assert.equal(status, 0);
  });

  test('tells a failure with file, line, whole name and error', (t) => {
    const { status, stdout, lastLine } = runTests(t, {
      'unit/a.test.ts': `describe('a login', () => { test('is refused', () => { throw new Error('it was let in'); }); });`,
    });
    assert.match(stdout, /^FAILED {2}test\/unit\/a\.test\.ts:2 {2}a login > is refused\n {8}Error: it was let in$/m);
    assert.equal(lastLine, '0 passed, 1 failed, 0 skipped');
    assert.equal(status, 1);
  });

  test('lists what was skipped or left to do with its reason', (t) => {
    const { status, stdout, lastLine } = runTests(t, {
      'unit/a.test.ts': `test('asks psql', { skip: 'no psql on PATH' }, () => {});
        test('later', { todo: 'when there is time' }, () => { throw new Error(); });
        test.skip('silent', () => {});`,
    });
    assert.match(stdout, /^skipped .*asks psql\n +no psql on PATH$/m);
    assert.match(stdout, /^skipped .*later\n +to do: when there is time$/m);
    assert.match(stdout, /^skipped .*silent\n +no reason given$/m);
    assert.equal(lastLine, '0 passed, 0 failed, 3 skipped');
    assert.equal(status, 0);
  });

  const defects = {
    'a hook that fails after its tests': [
      `describe('s', () => { after(() => { throw new Error('hook'); }); test('t', () => {}); });`,
      /hook/,
    ],
    'a hook that fails before its tests': [`before(() => { throw new Error('hook'); }); test('t', () => {});`, /hook/],
    'a file that cannot be loaded': [`throw new Error('load');`, /cannot be loaded\n +Error: load/],
    'a file that does not parse': [`test('t', () => {`, /cannot be loaded/],
    'an error after the end of its test': [
      `test('t', () => { setTimeout(() => { throw new Error('late'); }, 10); });
       test('u', () => new Promise((resolve) => setTimeout(resolve, 50)));`,
      /late/,
    ],
    'a test that ends the process as if all were well': [
      `test('t', () => { process.exit(0); });`,
      /ended before its tests/,
    ],
    'a process that is killed': [
      `test('t', async () => { setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50); await new Promise(() => {}); });
       setInterval(() => {}, 1000);`,
      /ended before its tests \(SIGKILL\), during: t/,
    ],
    'a process left running': [
      `import { spawn } from 'node:child_process';
       test('t', () => { spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref(); });`,
      /left processes running:\n +sleep 600/,
    ],
    'something that keeps the process alive': [
      `import { createServer } from 'node:net';
       test('t', () => { createServer().listen(0, '127.0.0.1'); });`,
      /keeps the process alive: TCPServerWrap/,
    ],
  } as const;
  for (const [name, [body, expected]] of Object.entries(defects)) {
    test(`counts as failed: ${name}`, (t) => {
      const { status, stdout, lastLine } = runTests(t, { 'servers/a.test.ts': body });
      assert.match(stdout, expected);
      assert.match(lastLine ?? '', /^\d passed, 1 failed, 0 skipped$/);
      assert.equal(status, 1);
    });
  }

  test('runs the files whose path contains a filter, and says when none does', (t) => {
    const files = { 'unit/plan.test.ts': `test('t', () => {});`, 'servers/plan.test.ts': `test('t', () => {});` };
    assert.equal(runTests(t, files, ['plan']).lastLine, '2 passed, 0 failed, 0 skipped');
    assert.equal(runTests(t, files, ['servers/']).lastLine, '1 passed, 0 failed, 0 skipped');
    assert.equal(runTests(t, files, ['--unit']).lastLine, '1 passed, 0 failed, 0 skipped');
    const none = runTests(t, files, ['nothing']);
    assert.equal(none.status, 64);
    assert.equal(none.stderr, 'error: No test file matches nothing\n');
  });

  test('shows what a failing file printed', (t) => {
    const { stdout } = runTests(t, {
      'servers/a.test.ts': `test('t', () => { console.log('the log of the server'); throw new Error('x'); });`,
    });
    assert.match(stdout, /it printed:\n +the log of the server/);
  });
});
